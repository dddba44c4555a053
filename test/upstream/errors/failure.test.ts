// Unexpected responses and errors end in a report; internal errors stay internal errors.

import { describe, expect, it } from 'vitest';
import { noFacts } from '../../../src/upstream/errors/failure.ts';
import { failureOf } from '../../../src/upstream/errors/network-errors.ts';
import { describeOutcome } from '../../../src/upstream/errors/outcomes.ts';
import { check, startTcpServer } from '../fixtures.ts';

describe('an answer that is not HTTP as it should be', () => {
  /** First byte of a TLS record that carries a handshake (RFC 8446 §5.1). */
  const tlsHandshake = 22;

  it.each([
    ['a bad status line', 'HTTP/9.9 banana\r\n\r\n'],
    ['another protocol', '220 mail.example.com ESMTP\r\n'],
    ['a switch of protocols', 'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n'],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab'],
    ['a length and chunks', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
    ['a body shorter than its length', 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\nconnection: close\r\n\r\nab'],
    ['a bad chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n'],
    ['a control character in a header', 'HTTP/1.1 200 OK\r\nx: a\u0000b\r\n\r\n'],
    ['a line break of its own', 'HTTP/1.1 200 OK\nx: y\n\n'],
    ['a status below 100', 'HTTP/1.1 099 Hm\r\ncontent-length: 0\r\n\r\n'],
    ['nothing at all', ''],
  ])('%s ends in a report, never in an internal error', async (_case, answer) => {
    const server = await startTcpServer((socket) => {
      socket.once('data', (data) =>
        data[0] === tlsHandshake ? socket.end('HTTP/1.1 400 Bad Request\r\n\r\n') : socket.end(answer, 'latin1'),
      );
    });
    const report = await check({ host: server.host, secureConnection: false }, { limits: { checkTimeoutMs: 2_000 } });
    expect(['NOT_A_V2_REGISTRY', 'CONNECTION_CLOSED', 'UPSTREAM_ERROR']).toContain(report.outcome);
  });

  it.each([
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab', 'Content-Length'],
    ['the same length twice', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 2\r\n\r\n{}', 'Content-Length'],
    ['two lengths in one line', 'HTTP/1.1 200 OK\r\ncontent-length: 2, 2\r\n\r\n{}', 'Content-Length'],
    [
      'a length and chunks',
      'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n',
      'Transfer-Encoding',
    ],
    [
      'chunks and a length',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 1\r\n\r\n0\r\n\r\n',
      'Transfer-Encoding',
    ],
    ['a folded header', 'HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 2\r\n\r\n{}', 'folded'],
    ['only HTTP/2', '\0\0\u0006\u0004\0\0\0\0\0\0\u0003\0\0\0\u0064', 'HTTP/2'],
  ])('%s is named as what it is', async (_case, answer, word) => {
    const server = await startTcpServer((socket) => {
      socket.once('data', (data) =>
        data[0] === tlsHandshake ? socket.end('HTTP/1.1 400 Bad Request\r\n\r\n') : socket.end(answer, 'latin1'),
      );
    });
    const { outcome, message, advice, retryable } = await check({ host: server.host, secureConnection: false });
    expect({ outcome, retryable }).toEqual({ outcome: 'UPSTREAM_ERROR', retryable: false });
    expect(message).toContain(word);
    expect(advice?.map(({ kind }) => kind).join()).toMatch(/^(?:CORRECT|ENABLE)_[A-Z1_]+$/);
  });
});

describe('an error', () => {
  const coded = (code: string, name = 'Error') => Object.assign(new Error('x'), { code, name });

  it.each([
    [coded('ECONNREFUSED'), 'UNREACHABLE'],
    [new AggregateError([coded('EHOSTUNREACH'), coded('ECONNREFUSED')]), 'UNREACHABLE'],
    [coded('UNSPECIFIED'), 'TLS_UNTRUSTED'],
    [coded('ERR_SSL_SOMETHING_NEW'), 'TLS_PROTOCOL'],
    [coded('HPE_SOMETHING_NEW'), 'NOT_A_V2_REGISTRY'],
    [coded('ESOMETHINGNEW'), 'UPSTREAM_ERROR'],
    [coded('UND_ERR_SOMETHING_NEW'), 'UPSTREAM_ERROR'],
    [new DOMException('late', 'TimeoutError'), 'TIMEOUT'],
  ])('%s of the way to an upstream is %s', (error, outcome) => {
    expect(failureOf(error, 'registry.test')).toMatchObject({ outcome, facts: { host: 'registry.test' } });
  });

  it.each(['EE certificate key too weak', 'CA signature digest algorithm too weak'])(
    'of a certificate that is too weak (%s) asks for another certificate, as no CA would help',
    (message) => {
      const failure = failureOf(Object.assign(new Error(message), { code: 'UNSPECIFIED' }), 'registry.test');
      const { advice } = describeOutcome('TLS_UNTRUSTED', {
        ...noFacts,
        host: '',
        username: '',
        repository: null,
        ...failure?.facts,
      });
      expect(advice[0]?.kind).toBe('REPLACE_CERTIFICATE');
    },
  );

  it.each([
    new TypeError('x is not a function'),
    coded('ERR_INVALID_ARG_TYPE', 'TypeError'),
    coded('UND_ERR_INVALID_ARG', 'InvalidArgumentError'),
    new DOMException('gone', 'AbortError'),
    coded('UND_ERR_ABORTED', 'AbortError'),
    'a string',
  ])("%s is no upstream's doing", (error) => {
    expect(failureOf(error, 'registry.test')).toBeUndefined();
  });
});
