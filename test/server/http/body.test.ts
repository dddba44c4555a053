// The laws of request bodies: which ones are read, which ones are rejected and as what, and what becomes of the connection.

import fc from 'fast-check';
import { createServer, type IncomingMessage, request as httpRequest, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import { BodyError, readForm, readJson } from '../../../src/server/http/body.ts';
import { propertyRuns } from '../../support/property-runs.ts';

type Read = (request: IncomingMessage, maxBytes: number) => Promise<unknown>;

interface Reader {
  readonly port: number;
  /** The result of each request: the value, or the thrown error. */
  readonly results: Promise<unknown>[];
}

const json = { 'Content-Type': 'application/json' };
const form = { 'Content-Type': 'application/x-www-form-urlencoded' };

/** A server that reads bodies of at most 64 bytes, and answers with the value (200) or with the kind of the error (400). */
async function openReader(read: Read): Promise<Reader> {
  const results: Promise<unknown>[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const result = read(request, 64).catch((error: unknown) => error);
    results.push(result);
    const value = await result;
    const body = value instanceof BodyError ? value.kind : value instanceof URLSearchParams ? [...value] : value;
    response.writeHead(value instanceof Error ? 400 : 200).end(JSON.stringify(body));
  };
  const server = createServer((request, response) => void answer(request, response));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, results };
}

/** Sends a body whole with its length, or in pieces without one. */
async function send(
  read: Read,
  headers: Record<string, string>,
  body: string | Buffer | readonly Buffer[],
): Promise<unknown> {
  const { port } = await openReader(read);
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ port, host: '127.0.0.1', method: 'POST', headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => resolve(JSON.parse(Buffer.concat(chunks).toString())));
    });
    sent.on('error', reject);
    if (typeof body === 'string' || Buffer.isBuffer(body)) return void sent.end(body);
    for (const piece of body) sent.write(piece);
    sent.end();
  });
}

/** A connection that has sent the head of a request and the start of its body. */
async function sendStart(port: number, contentLength: number, body: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  const head = ['POST / HTTP/1.1', 'Host: x', 'Content-Type: application/json', `Content-Length: ${contentLength}`];
  await new Promise((resolve) => void socket.write(`${head.join('\r\n')}\r\n\r\n${body}`, resolve));
  return socket;
}

/** A JSON text of so many bytes. */
function jsonOf(bytes: number): string {
  return JSON.stringify('x'.repeat(bytes - 2));
}

/** The body in two pieces, which are sent without a Content-Length. */
function inPieces(body: string): Buffer[] {
  const bytes = Buffer.from(body);
  return [bytes.subarray(0, 30), bytes.subarray(30)];
}

describe('a JSON body', () => {
  it.each([
    'application/json',
    'Application/JSON',
    'application/json; charset=utf-8',
    'application/json;charset=UTF-8',
    'application/json; charset="utf-8"',
    'application/json; charset=utf8',
    'application/json; profile=x',
  ])('is read as %s', async (type) => {
    expect(await send(readJson, { 'Content-Type': type }, '{"a":"ä"}')).toEqual({ a: 'ä' });
  });

  it.each([
    ['no media type', {}],
    ['a form', form],
    ['plain text', { 'Content-Type': 'text/plain' }],
    ['a longer media type', { 'Content-Type': 'application/json-seq' }],
    ['another charset', { 'Content-Type': 'application/json; charset=iso-8859-1' }],
    ['two charsets', { 'Content-Type': 'application/json; charset=utf-8; charset=utf-16' }],
    ['a content coding', { ...json, 'Content-Encoding': 'gzip' }],
    ['several content codings', { ...json, 'Content-Encoding': 'identity, gzip' }],
  ] satisfies [string, Record<string, string>][])('with %s is rejected as TYPE', async (_case, headers) => {
    expect(await send(readJson, headers, '{}')).toBe('TYPE');
  });

  it('with the content coding identity is read', async () => {
    expect(await send(readJson, { ...json, 'Content-Encoding': 'identity' }, '{}')).toEqual({});
  });

  it.each([
    ['a byte that is never UTF-8', [0x22, 0xff, 0x22]],
    ['a surrogate', [0x22, 0xed, 0xa0, 0x80, 0x22]],
    ['an overlong slash', [0x22, 0xc0, 0xaf, 0x22]],
    ['half a character', [0x22, 0xc3]],
  ])('with %s is rejected as UTF8', async (_case, bytes) => {
    expect(await send(readJson, json, Buffer.from(bytes))).toBe('UTF8');
  });

  it.each(['', ' ', '{', '{}x', "{'a':1}", 'undefined', 'NaN', '[1,]'])('%j is rejected as JSON', async (body) => {
    expect(await send(readJson, json, body)).toBe('JSON');
  });

  it.each(['null', 'false', '0', '""', '[]'])('%s is a value like any other', async (body) => {
    expect(await send(readJson, json, body)).toEqual(JSON.parse(body));
  });

  it('with a byte order mark is read without it', async () => {
    expect(await send(readJson, json, '\ufeff{}')).toEqual({});
  });

  it('in any pieces is the value of its text', async () => {
    await fc.assert(
      fc.asyncProperty(fc.json(), fc.array(fc.nat(400), { maxLength: 4 }), async (text, cuts) => {
        const bytes = Buffer.from(text);
        const ends = [...cuts.toSorted((a, b) => a - b), bytes.length];
        const pieces = ends.map((end, index) => bytes.subarray(index === 0 ? 0 : ends[index - 1], end));
        const request = Object.assign(Readable.from(pieces.filter(({ length }) => length > 0)), {
          headers: { 'content-type': 'application/json' },
        }) as unknown as IncomingMessage;
        expect(await readJson(request, bytes.length)).toEqual(JSON.parse(text));
      }),
      { numRuns: propertyRuns(1_000) },
    );
  });
});

describe('a form', () => {
  it.each(['application/x-www-form-urlencoded', 'Application/X-WWW-Form-Urlencoded; charset=utf-8'])(
    'is read as %s',
    async (type) => {
      expect(await send(readForm, { 'Content-Type': type }, 'a=1&a=2&b=%C3%A4+x')).toEqual([
        ['a', '1'],
        ['a', '2'],
        ['b', 'ä x'],
      ]);
    },
  );

  it.each([
    ['no media type', {}],
    ['JSON', json],
    ['a multipart form', { 'Content-Type': 'multipart/form-data; boundary=x' }],
    ['a content coding', { ...form, 'Content-Encoding': 'gzip' }],
  ] satisfies [string, Record<string, string>][])('with %s is rejected as TYPE', async (_case, headers) => {
    expect(await send(readForm, headers, 'a=1')).toBe('TYPE');
  });

  it('with invalid UTF-8 has U+FFFD in its place, encoded or not', async () => {
    expect(await send(readForm, form, Buffer.from('a=\xff&b=%FF', 'latin1'))).toEqual([
      ['a', '\ufffd'],
      ['b', '\ufffd'],
    ]);
  });

  it('that is empty has no fields', async () => {
    expect(await send(readForm, form, '')).toEqual([]);
  });
});

describe('the size of a body', () => {
  it.each([
    ['JSON', readJson, json, jsonOf(64), jsonOf(65)],
    ['a form', readForm, form, `a=${'x'.repeat(62)}`, `a=${'x'.repeat(63)}`],
  ] satisfies [string, Read, Record<string, string>, string, string][])(
    'of %s may be the limit and not a byte more, with and without a Content-Length',
    async (_case, read, headers, atLimit, overLimit) => {
      for (const body of [atLimit, inPieces(atLimit)]) expect(await send(read, headers, body)).not.toBe('SIZE');
      for (const body of [overLimit, inPieces(overLimit)]) expect(await send(read, headers, body)).toBe('SIZE');
    },
  );

  it('is counted in bytes, not in characters', async () => {
    expect(await send(readJson, json, JSON.stringify('ä'.repeat(31)))).toBe('ä'.repeat(31));
    expect(await send(readJson, json, JSON.stringify('ä'.repeat(32)))).toBe('SIZE');
  });

  it('is judged by the Content-Length before any of the body has arrived', async () => {
    const { port, results } = await openReader(readJson);
    const socket = await sendStart(port, 65, '');
    await expect.poll(() => results.length).toBe(1);
    expect(await results[0]).toMatchObject({ kind: 'SIZE' });
    socket.destroy();
  });

  it('is no reason to cut the connection: a client that is still sending reads the response', async () => {
    const pieces = Array.from({ length: 4 }, () => Buffer.alloc(64 * 1024, 'x'));
    expect(await send(readJson, json, pieces)).toBe('SIZE');
  });

  it('matters after the media type: a huge body of another type is rejected as TYPE', async () => {
    expect(await send(readJson, { 'Content-Type': 'text/plain' }, jsonOf(1_000))).toBe('TYPE');
  });
});

it.each([0, 10])(
  'a client that leaves after %i bytes of the body fails the read, and not as a BodyError',
  async (sentBytes) => {
    const { port, results } = await openReader(readJson);
    const socket = await sendStart(port, 60, jsonOf(60).slice(0, sentBytes));
    await expect.poll(() => results.length).toBe(1);
    socket.destroy();
    const error = await results[0];
    expect(error).toMatchObject({ code: 'ECONNRESET' });
    expect(error).not.toBeInstanceOf(BodyError);
  },
);

it('an error repeats nothing of the body', async () => {
  const { port, results } = await openReader(readJson);
  const bodies: [Record<string, string>, string][] = [
    [{ 'Content-Type': 'text/hunter2' }, 'hunter2'],
    [json, 'hunter2'],
    [json, 'hunter2'.repeat(10)],
  ];
  for (const [headers, body] of bodies) await fetch(`http://127.0.0.1:${port}`, { method: 'POST', headers, body });
  const errors = (await Promise.all(results)) as BodyError[];
  expect(errors.map(({ kind }) => kind)).toEqual(['TYPE', 'JSON', 'SIZE']);
  for (const error of errors) expect(`${error.stack} ${JSON.stringify(error)}`).not.toContain('hunter2');
});
