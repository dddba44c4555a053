// Name service, TCP, TLS and plain HTTP: nothing is sent over a channel that was not permitted.

import { beforeAll, describe, expect, it } from 'vitest';
import {
  authority,
  certificate,
  check,
  closedPort,
  createAuthority,
  createCertificate,
  secure,
  startServer,
  startTcpServer,
  trailOf,
  withCa,
} from '../fixtures.ts';
import { basicRegistry, bearerServer } from '../personalities.ts';

describe('the way to the registry', () => {
  it('is UNREACHABLE where nothing listens', async () => {
    const report = await check({ host: `127.0.0.1:${await closedPort()}` });
    expect(report).toMatchObject({ outcome: 'UNREACHABLE', retryable: true });
    expect(trailOf(report)).toEqual(['RESOLVE SKIPPED', 'CONNECT FAILED']);
  });

  it('is UNREACHABLE when every address of the name refuses', async () => {
    const lookup = async () => [
      { address: '127.0.0.1', family: 4 },
      { address: '127.0.0.2', family: 4 },
    ];
    expect(await check({ host: `registry.test:${await closedPort()}` }, { lookup })).toMatchObject({
      outcome: 'UNREACHABLE',
    });
  });

  it.each([
    ['ENOTFOUND', false],
    ['EAI_AGAIN', true],
  ])('is DNS_FAILURE when the name service says %s', async (code, retryable) => {
    const lookup = () => Promise.reject(Object.assign(new Error(code), { code }));
    const report = await check({ host: 'registry.test' }, { lookup });
    expect(report).toMatchObject({ outcome: 'DNS_FAILURE', retryable });
    expect(trailOf(report)).toEqual(['RESOLVE FAILED']);
  });

  it('is DNS_FAILURE when the name has no address', async () => {
    expect(await check({ host: 'registry.test' }, { lookup: async () => [] })).toMatchObject({
      outcome: 'DNS_FAILURE',
    });
  });

  it('is TIMEOUT when the name service never answers', async () => {
    const report = await check(
      { host: 'registry.test' },
      { lookup: () => new Promise(() => undefined), limits: { connectTimeoutMs: 100 } },
    );
    expect(report).toMatchObject({ outcome: 'TIMEOUT', retryable: true });
  });

  it('is FORBIDDEN_ADDRESS for loopback when the server is not a local one', async () => {
    const server = await secure(basicRegistry);
    const report = await check({ host: server.host }, { loopbackAllowed: false });
    expect(report).toMatchObject({ outcome: 'FORBIDDEN_ADDRESS', retryable: false });
    expect(trailOf(report)).toEqual(['RESOLVE FAILED']);
  });

  it('is CONNECTION_CLOSED when the server hangs up in the handshake', async () => {
    const server = await startTcpServer((socket) => socket.once('data', () => socket.destroy()));
    const report = await check({ host: server.host });
    expect(report).toMatchObject({ outcome: 'CONNECTION_CLOSED', retryable: true });
    expect(trailOf(report).at(-1)).toBe('TLS FAILED');
  });

  it('names a server that accepts only HTTP/2', async () => {
    const server = await startServer(basicRegistry, { tls: { ...certificate, ALPNProtocols: ['h2'] } });
    const report = await check({ host: server.host }, withCa);
    expect(report).toMatchObject({ outcome: 'UPSTREAM_ERROR', retryable: false });
    expect(report.message).toContain('accepts only HTTP/2');
    expect(server.received).toEqual([]);
  });

  it('is CONNECTION_CLOSED when the server demands a client certificate', async () => {
    const server = await startServer(basicRegistry, {
      tls: { ...certificate, requestCert: true, rejectUnauthorized: true, ca: authority.cert },
    });
    expect(await check({ host: server.host }, withCa)).toMatchObject({ outcome: 'CONNECTION_CLOSED' });
  });

  it('is NATIVE_CREDENTIAL_ERROR for a type whose credentials this version cannot make, and sends nothing', async () => {
    const server = await secure(basicRegistry);
    const report = await check({ host: server.host, type: 'AWSECR' }, withCa);
    expect(report).toMatchObject({ outcome: 'NATIVE_CREDENTIAL_ERROR', retryable: false, steps: [] });
    expect(report.advice).toEqual([{ kind: 'USE_TYPE', type: 'DOCKER_V2' }]);
    expect(server.connections()).toBe(0);
  });
});

describe('plain HTTP', () => {
  it('is used on loopback when secureConnection is off, and said', async () => {
    const server = await startServer(basicRegistry);
    const report = await check({ host: server.host, secureConnection: false });
    expect(report.outcome).toBe('VALID');
    expect(trailOf(report)).toEqual([
      'RESOLVE SKIPPED',
      'CONNECT PASSED',
      'TLS WARNED',
      'PING PASSED',
      'CHALLENGE PASSED',
      'AUTHORIZE PASSED',
    ]);
  });

  const lookup = async () => [{ address: '127.0.0.1', family: 4 }];

  it.each([
    ['host', (host: string) => host.split(':')[0] ?? ''],
    ['host:port', (host: string) => host],
  ])('is used for a listed %s', async (_case, entry) => {
    const { port } = await startServer(bearerServer().both);
    const host = `registry.test:${port}`;
    expect(await check({ host, secureConnection: false }, { lookup, plainHttpHosts: [entry(host)] })).toMatchObject({
      outcome: 'VALID',
    });
  });

  it.each([
    ['secureConnection is on', true, [], 'PERMIT_AND_ALLOW_PLAIN_HTTP'],
    ['secureConnection is on for a listed host', true, ['registry.test'], 'ALLOW_PLAIN_HTTP'],
    ['the host is not listed', false, ['other.test', 'registry.test:1'], 'PERMIT_PLAIN_HTTP'],
  ])('is PLAIN_HTTP and carries nothing when %s', async (_case, secureConnection, plainHttpHosts, kind) => {
    const server = await startServer(basicRegistry);
    const report = await check({ host: `registry.test:${server.port}`, secureConnection }, { lookup, plainHttpHosts });
    expect(report).toMatchObject({ outcome: 'PLAIN_HTTP', retryable: false });
    expect(report.advice).toContainEqual(expect.objectContaining({ kind }));
    expect(server.received).toEqual([]);
  });

  it('serves a token server on another origin as well, once it is named', async () => {
    const { registry, tokenServer } = bearerServer({ realm: () => `${tokens.origin}/token` });
    const tokens = await startServer(tokenServer);
    const server = await startServer(registry);
    const target = { host: server.host, secureConnection: false };
    expect(await check(target)).toMatchObject({ outcome: 'FORBIDDEN_REALM', realmHost: tokens.host });
    expect(tokens.connections()).toBe(0);
    expect(await check({ ...target, trustedRealm: tokens.host })).toMatchObject({ outcome: 'VALID' });
  });

  it('is no fallback for a port that supports neither', async () => {
    const server = await startTcpServer((socket) => socket.end('SSH-2.0-OpenSSH_9.2\r\n'));
    expect(await check({ host: server.host, secureConnection: false })).toMatchObject({ outcome: 'NOT_A_V2_REGISTRY' });
  });
});

describe('TLS', () => {
  const day = 24 * 60 * 60 * 1000;
  const stranger = { key: '', cert: '' };

  beforeAll(async () => {
    Object.assign(stranger, await createAuthority('Unknown CA'));
  });

  it.each([
    ['self-signed', () => createCertificate({}), 'TLS_UNTRUSTED'],
    ['signed by an unknown CA', () => createCertificate({ ca: stranger }), 'TLS_UNTRUSTED'],
    [
      'for another name',
      () => createCertificate({ ca: authority, names: ['other.test'], addresses: ['127.0.0.9'] }),
      'TLS_HOSTNAME',
    ],
    [
      'expired',
      () =>
        createCertificate({
          ca: authority,
          notBefore: new Date(Date.now() - 9 * day),
          notAfter: new Date(Date.now() - day),
        }),
      'TLS_EXPIRED',
    ],
    [
      'of tomorrow',
      () =>
        createCertificate({
          ca: authority,
          notBefore: new Date(Date.now() + day),
          notAfter: new Date(Date.now() + 9 * day),
        }),
      'TLS_EXPIRED',
    ],
  ])('with a certificate that is %s carries nothing until secureConnection is off', async (_case, make, outcome) => {
    const server = await startServer(basicRegistry, { tls: await make() });
    const report = await check({ host: server.host }, withCa);
    expect(report).toMatchObject({ outcome, retryable: false });
    expect(report.advice).toContainEqual({ kind: 'ALLOW_UNVERIFIED_TLS' });
    if (outcome === 'TLS_HOSTNAME') expect(report.message).toContain('other.test, 127.0.0.9');
    expect(trailOf(report)).toEqual(['RESOLVE SKIPPED', 'CONNECT PASSED', 'TLS FAILED']);
    expect(server.received).toEqual([]);

    const insecure = await check({ host: server.host, secureConnection: false }, withCa);
    expect(insecure.outcome).toBe('VALID');
    expect(trailOf(insecure)).toContain('TLS WARNED');
  });

  it('below 1.2 is TLS_PROTOCOL, for any secureConnection', async () => {
    const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    const server = await startServer(basicRegistry, { tls: { ...certificate, ...old } });
    for (const secureConnection of [true, false]) {
      expect(await check({ host: server.host, secureConnection }, withCa)).toMatchObject({ outcome: 'TLS_PROTOCOL' });
    }
    expect(server.received).toEqual([]);
  });
});
