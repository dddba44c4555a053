// Attacks of a login that may only pull: it explores the network of this server by pulls without a credential.

import { describe, expect, it } from 'vitest';
import { createNewHosts } from '../../../src/server/ops/new-hosts.ts';
import { closedPort, createCertificate, startServer, startTcpServer } from '../../upstream/fixtures.ts';
import { inPath, openPullEndpoint } from './harness.ts';
import { layerDigest } from './registry.ts';

const path = (host: string): string => `/v2/${inPath(host)}/team/app/blobs/${layerDigest}`;

describe('an anonymous pull from a private address', () => {
  const limits = { connectTimeoutMs: 200, checkTimeoutMs: 2_000 };

  const situations: Record<string, () => Promise<string>> = {
    refuses: async () => `127.0.0.1:${await closedPort()}`,
    'is silent': async () => (await startTcpServer(() => undefined)).host,
    closes: async () => (await startTcpServer((socket) => socket.destroy())).host,
    'speaks another protocol': async () => (await startTcpServer((socket) => socket.end('220 mail ESMTP\r\n'))).host,
    'speaks plain HTTP': async () => (await startServer((_request, response) => response.end('{}'))).host,
    'has a certificate of its own': async () =>
      (await startServer((_request, response) => response.end('{}'), { tls: await createCertificate({}) })).host,
    'is forbidden': async () => '127.0.0.9:5000',
    'is a metadata service': async () => '169.254.169.254',
    'is this server itself': async () => '127.0.0.8:4000',
  };

  it('is answered alike whatever happens there, and the log line says what it was', async () => {
    const endpoint = await openPullEndpoint({
      upstream: { limits, extraCa: undefined, egressDeny: ['127.0.0.9'], isOwn: (host) => host === '127.0.0.8' },
    });
    const answers = new Map<string, string>();
    for (const [what, start] of Object.entries(situations)) {
      const host = await start();
      const { status, headers, body } = await endpoint.get(path(host));
      const told = { status, retryAfter: headers['retry-after'], body: String(body).replaceAll(host, 'HOST') };
      answers.set(what, JSON.stringify(told));
    }
    expect(new Set(answers.values()), JSON.stringify([...answers])).toHaveLength(1);
    expect([...answers.values()][0]).toContain('"status":503');
    const outcomes = endpoint.log.map((line) => (JSON.parse(line) as { outcome?: string }).outcome);
    expect(outcomes).toEqual([
      'UNREACHABLE',
      'TIMEOUT',
      'CONNECTION_CLOSED',
      expect.stringMatching(/^TLS_PROTOCOL|PLAIN_HTTP|CONNECTION_CLOSED$/),
      'PLAIN_HTTP',
      'TLS_UNTRUSTED',
      'FORBIDDEN_ADDRESS',
      'FORBIDDEN_ADDRESS',
      'FORBIDDEN_ADDRESS',
    ]);
  });

  it('by a name that leads there is answered in the same way', async () => {
    const port = await closedPort();
    const endpoint = await openPullEndpoint({
      upstream: { lookup: async () => [{ address: '10.0.0.9', family: 4 }], egressDeny: ['10.0.0.0/8'] },
    });
    const byName = await endpoint.get(`/v2/inside.test_${port}/team/app/blobs/${layerDigest}`);
    const byAddress = await endpoint.get(path(`127.0.0.1:${port}`));
    expect(byName.status).toBe(byAddress.status);
    expect(String(byName.body).replace(`inside.test:${port}`, 'HOST')).toBe(
      String(byAddress.body).replace(`127.0.0.1:${port}`, 'HOST'),
    );
  });

  it('keeps its own words for a registry that somebody added', async () => {
    const endpoint = await openPullEndpoint();
    const host = `127.0.0.1:${await closedPort()}`;
    await endpoint.add(host);
    expect(String((await endpoint.get(path(host))).body)).toContain('Nothing accepts connections');
  });
});

describe('a login', () => {
  it('that names ever new hosts is refused after 20 within a minute, and another is not', async () => {
    const endpoint = await openPullEndpoint({
      upstream: { lookup: () => Promise.reject(Object.assign(new Error('x'), { code: 'ENOTFOUND' })) },
    });
    const pull = (index: number, authorization = endpoint.login) =>
      endpoint.get(`/v2/host-${index}.test/team/app/blobs/${layerDigest}`, { authorization });
    const statuses: number[] = [];
    for (let index = 0; index < 22; index += 1) statuses.push((await pull(index)).status);
    expect(statuses).toEqual([...Array.from({ length: 20 }, () => 502), 429, 429]);
    expect((await pull(3)).status).toBe(502);
    expect((await pull(30, `Bearer ${await endpoint.token('PULL')}`)).status).toBe(502);
  });

  it('that pulls from one new host many times at once has named one host', async () => {
    const hosts = createNewHosts();
    const waits = await Promise.all(Array.from({ length: 50 }, () => hosts.consume('a', 'docker.io')));
    expect(new Set(waits)).toEqual(new Set([0]));
    for (let index = 1; index < 20; index += 1) expect(await hosts.consume('a', `host-${index}`)).toBe(0);
    const refused = await Promise.all(Array.from({ length: 5 }, () => hosts.consume('a', 'host-20')));
    expect(Math.min(...refused)).toBeGreaterThan(0);
  });

  it('is not limited by the hosts of stored registries', async () => {
    const hosts = createNewHosts();
    const endpoint = await openPullEndpoint();
    const host = `127.0.0.1:${await closedPort()}`;
    await endpoint.add(host);
    for (let index = 0; index < 25; index += 1) expect((await endpoint.get(path(host))).status).toBe(503);
    for (let index = 0; index < 20; index += 1) expect(await hosts.consume('a', `host-${index}`)).toBe(0);
    expect(await hosts.consume('a', 'host-20')).toBeGreaterThan(0);
    expect(await hosts.consume('a', 'host-0')).toBe(0);
    expect(await hosts.consume('b', 'host-20')).toBe(0);
  });
});
