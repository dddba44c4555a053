// Clients that do not read: what they hold has a bound, the connections they hold are given to others, and who waits is told in time.

import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { zstdCompressSync } from 'node:zlib';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { SlotLimits } from '../../../src/core/shared/fair-slots.ts';
import type { Puller } from '../../../src/upstream/pull/puller.ts';
import { inPath, openPullEndpoint, type PullEndpoint } from './harness.ts';
import { serveContent, startRegistry } from './registry.ts';

const mebibyte = 1024 * 1024;
const piece = Buffer.alloc(64 * 1024, 'regway');
const blobBytes = 64 * mebibyte;
const blobPath = `blobs/sha256:${'1'.repeat(64)}`;

/** Blobs of 64 MiB, at the pace of their reader; the rest as usual. */
const serveLarge: RequestListener = (request, response) => {
  if (request.url?.includes('/blobs/') !== true) return serveContent(request, response);
  response.writeHead(200, { 'content-length': blobBytes });
  let left = blobBytes;
  const send = (): void => {
    while (left > 0 && !response.destroyed) {
      left -= piece.length;
      if (!response.write(piece)) return void response.once('drain', send);
    }
    response.end();
  };
  send();
};

async function open(connections: Partial<SlotLimits> = {}, content = serveLarge) {
  const registry = await startRegistry({ scheme: 'basic', content });
  let puller: Puller | undefined;
  const endpoint = await openPullEndpoint({
    upstream: { connections },
    wrapUpstream: (upstream) => (puller = upstream as Puller),
  });
  await endpoint.add(registry.host);
  const base = `/v2/${inPath(registry.host)}/team/app`;
  const other = `Bearer ${await endpoint.token('PULL')}`;
  const usage = () => {
    if (puller === undefined) throw new Error('There is no puller.');
    return puller.usage();
  };
  return { endpoint, base, other, usage };
}

/** A client that requests and reads nothing. */
function startReader({ port, login }: PullEndpoint, path: string): Socket {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.pause();
  socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: ${login}\r\n\r\n`);
  onTestFinished(() => void socket.destroy());
  return socket;
}

function startReaders(endpoint: PullEndpoint, path: string, count: number): Socket[] {
  return Array.from({ length: count }, () => startReader(endpoint, path));
}

it('pulls that arrive together begin a few milliseconds of them at a time', async () => {
  const { endpoint, base } = await open();
  let turn = 0;
  const tick = (): void => {
    turn += 1;
    immediate = setImmediate(tick);
  };
  let immediate = setImmediate(tick);
  onTestFinished(() => clearImmediate(immediate));
  const begun: number[] = [];
  // Nothing is sent upstream: each pull takes a millisecond to begin, and fails.
  vi.spyOn(endpoint.domain.pulls, 'resolve').mockImplementation(async () => {
    begun.push(turn);
    const end = performance.now() + 1;
    while (performance.now() < end);
    throw new Error('refused');
  });
  const sockets = Array.from({ length: 60 }, () => connect(endpoint.port, '127.0.0.1'));
  onTestFinished(() => sockets.forEach((socket) => socket.destroy()));
  await Promise.all(sockets.map((socket) => once(socket, 'connect')));
  // The server accepts one connection in a turn. Once it has them, all requests arrive in the same one.
  await pause(500);
  for (const socket of sockets)
    socket.write(`GET ${base}/${blobPath} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: ${endpoint.login}\r\n\r\n`);
  await expect.poll(() => begun.length, { timeout: 20_000 }).toBe(60);
  const perTurn = Object.values(Object.groupBy(begun, String)).map((pulls) => pulls?.length ?? 0);
  // 5 ms, and the pull in which they end.
  expect(Math.max(...perTurn)).toBeLessThanOrEqual(6);
});

describe('clients that read nothing', { timeout: 60_000 }, () => {
  it('hold at most what the budget has, and leave some of it: another login gets a manifest meanwhile', async () => {
    const { endpoint, base, other, usage } = await open();
    const readers = startReaders(endpoint, `${base}/${blobPath}`, 60);
    await expect.poll(() => usage().connections.held, { timeout: 20_000 }).toBe(60);
    const seen: number[] = [];
    const watch = setInterval(() => seen.push(usage().bufferBytes), 20);
    const manifest = await endpoint.get(`${base}/manifests/latest`, { authorization: other });
    await expect.poll(() => usage().bufferBytes, { timeout: 20_000 }).toBeGreaterThan(4 * mebibyte);
    const again = await endpoint.get(`${base}/manifests/latest`, { authorization: other });
    clearInterval(watch);
    expect([manifest.status, again.status]).toEqual([200, 200]);
    // Of 16 MiB: two thirds, because content counts as of nobody until its first piece has passed.
    expect(Math.max(...seen)).toBeLessThanOrEqual(11 * mebibyte);
    for (const reader of readers) reader.destroy();
    await expect.poll(() => usage(), { timeout: 20_000 }).toMatchObject({ connections: { held: 0 } });
    // All but what waited in a connection that broke, which the garbage collector gives back.
    expect(usage().bufferBytes).toBeLessThanOrEqual(11 * mebibyte);
  });

  it('give their connection to another login that waits, after 5 s at the latest, and their break is logged', async () => {
    const { endpoint, base, other, usage } = await open({ perGroup: 4, reserve: 0, stallMs: 100 });
    startReaders(endpoint, `${base}/${blobPath}`, 8);
    await expect.poll(() => usage().connections, { timeout: 20_000 }).toMatchObject({ held: 4, waiting: 4 });
    // Until the buffers of the system are full.
    await expect.poll(() => usage().bufferBytes, { timeout: 20_000 }).toBeGreaterThan(0);
    const { status } = await endpoint.get(`${base}/manifests/latest`, { authorization: other });
    expect(status).toBe(200);
    expect(usage().connections.yielded).toBeGreaterThan(0);
    expect(endpoint.log.join()).toContain('CLIENT_STALLED');
  });

  it('do not keep their own login from its manifests: a reserve serves who holds few', async () => {
    const { endpoint, base, usage } = await open({ perGroup: 4, reserve: 2, reservedPerOwner: 1 });
    startReaders(endpoint, `${base}/${blobPath}`, 8);
    await expect.poll(() => usage().connections, { timeout: 20_000 }).toMatchObject({ held: 4, waiting: 4 });
    const manifests = await Promise.all([1, 2, 3].map(() => endpoint.get(`${base}/manifests/latest`)));
    expect(manifests.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(usage().connections.yielded).toBe(0);
  });
});

describe('a pull that finds no connection', { timeout: 60_000 }, () => {
  it('is refused after its wait with 503, a time, and one line in the log', async () => {
    const { endpoint, base, other } = await open({ perGroup: 2, reserve: 0, maxWaitMs: 400 });
    startReaders(endpoint, `${base}/${blobPath}`, 2);
    await expect.poll(() => endpoint.domain.uses.length, { timeout: 20_000 }).toBe(2);
    const started = performance.now();
    const answer = await endpoint.get(`${base}/manifests/latest`, { authorization: other });
    expect(performance.now() - started).toBeGreaterThanOrEqual(390);
    expect(answer).toMatchObject({ status: 503, code: 'UNAVAILABLE', headers: { 'retry-after': '1' } });
    expect(endpoint.log.filter((line) => line.includes('BUSY'))).toEqual([
      expect.stringMatching(/a pull was refused.*"outcome":"BUSY".*"status":503/),
    ]);
  });

  it('whose client leaves waits no longer', async () => {
    const { endpoint, base, usage } = await open({ perGroup: 1, reserve: 0 });
    const [, waiting] = startReaders(endpoint, `${base}/${blobPath}`, 2);
    await expect.poll(() => usage().connections, { timeout: 20_000 }).toMatchObject({ held: 1, waiting: 1 });
    waiting?.destroy();
    await expect.poll(() => usage().connections.waiting).toBeLessThan(1);
  });
});

describe('a connection', () => {
  it.each(['manifests/latest', 'manifests/absent', 'tags/list', `blobs/sha256:${'0'.repeat(64)}`])(
    'is free again after every answer: %s',
    async (path) => {
      const { endpoint, base, usage } = await open({}, serveContent);
      for (const method of ['GET', 'HEAD']) await endpoint.get(`${base}/${path}`, undefined, method);
      await expect.poll(() => usage().connections.held).toBe(0);
    },
  );
});

it('a bomb of 300 KB that decodes to 3 GiB costs well under a second, and is not passed as verified', async () => {
  const bomb = Buffer.alloc(300_000, zstdCompressSync(Buffer.alloc(32 * mebibyte)));
  const { endpoint, base } = await open({}, (_request, response) =>
    response.writeHead(200, { 'content-encoding': 'zstd', 'content-length': bomb.length }).end(bomb),
  );
  const before = process.cpuUsage();
  await expect(endpoint.get(`${base}/${blobPath}`)).rejects.toThrow(/aborted|hang up|ECONNRESET/);
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1_000_000).toBeLessThan(1);
});
