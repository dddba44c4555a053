// Large content: nothing is read ahead of the client, a client that leaves ends the upstream request, and pulls of many run side by side.

import { createHash, randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { inPath, openPullEndpoint } from './harness.ts';
import { digestOf, startRegistry } from './registry.ts';

const piece = Buffer.alloc(64 * 1024, 'regway');
const pieces = 1024;
const bigDigest = `sha256:${Array.from({ length: pieces })
  .reduce<ReturnType<typeof createHash>>((hash) => hash.update(piece), createHash('sha256'))
  .digest('hex')}`;

/** Starts a registry with one blob of 64 MiB, which reports how much of it was sent and when its requests end. */
async function startBig() {
  const state = { sentBytes: 0, closed: 0 };
  const registry = await startRegistry({
    content: (_request, response) => {
      response.writeHead(200, { 'content-length': piece.length * pieces });
      response.once('close', () => (state.closed += 1));
      let left = pieces;
      const send = (): void => {
        while (left > 0 && !response.destroyed) {
          left -= 1;
          state.sentBytes += piece.length;
          if (!response.write(piece)) return void response.once('drain', send);
        }
        response.end();
      };
      send();
    },
  });
  return { registry, state };
}

describe('a blob of 64 MiB', () => {
  it('arrives whole and verified', async () => {
    const { registry } = await startBig();
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    const answer = await endpoint.get(`/v2/${inPath(registry.host)}/team/app/blobs/${bigDigest}`);
    expect(answer.status).toBe(200);
    expect(`sha256:${createHash('sha256').update(answer.body).digest('hex')}`).toBe(bigDigest);
  });

  it('is not read ahead of a client that reads nothing', async () => {
    const { registry, state } = await startBig();
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    const socket = connect(endpoint.port, '127.0.0.1');
    socket.write(
      `GET /v2/${inPath(registry.host)}/team/app/blobs/${bigDigest} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: ${endpoint.login}\r\n\r\n`,
    );
    await expect.poll(() => state.sentBytes).toBeGreaterThan(0);
    // A busy machine fills them slowly; 64 MiB that pass are no standstill below the limit.
    let standing = 0;
    await expect.poll(() => standing === (standing = state.sentBytes), { interval: 500, timeout: 20_000 }).toBe(true);
    await pause(500);
    expect(state.sentBytes).toBe(standing);
    // The buffers of the kernel on two connections, and a few of Regway's.
    expect(standing).toBeLessThan(24 * 1024 * 1024);
    socket.destroy();
  });

  it('is no longer asked for when its client leaves', async () => {
    const { registry, state } = await startBig();
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    const socket = connect(endpoint.port, '127.0.0.1');
    socket.write(
      `GET /v2/${inPath(registry.host)}/team/app/blobs/${bigDigest} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: ${endpoint.login}\r\n\r\n`,
    );
    await new Promise((resolve) => void socket.once('data', resolve));
    socket.destroy();
    await expect.poll(() => state.closed).toBe(1);
    expect(endpoint.log).toEqual([]);
  });

  it('whose client leaves before the upstream answers is not asked for any longer either', async () => {
    let closed = 0;
    const registry = await startRegistry({
      content: (_request, response) => void response.once('close', () => (closed += 1)),
    });
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    const socket = connect(endpoint.port, '127.0.0.1');
    socket.write(
      `GET /v2/${inPath(registry.host)}/team/app/blobs/${bigDigest} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: ${endpoint.login}\r\n\r\n`,
    );
    await expect.poll(() => registry.contentRequests().length).toBe(1);
    socket.destroy();
    await expect.poll(() => closed).toBe(1);
    expect(endpoint.log).toEqual([]);
  });

  it('that stalls upstream ends as a broken connection', async () => {
    const registry = await startRegistry({
      content: (_request, response) => {
        response.writeHead(200, { 'content-length': piece.length * 2 });
        response.write(piece);
      },
    });
    const endpoint = await openPullEndpoint({ upstream: { limits: { contentIdleTimeoutMs: 1_000 } } });
    await endpoint.add(registry.host);
    await expect(endpoint.get(`/v2/${inPath(registry.host)}/team/app/blobs/${bigDigest}`)).rejects.toThrow(
      /aborted|hang up|ECONNRESET/,
    );
  });
});

describe('blobs that pass side by side', () => {
  it('keep their bytes apart, though memory is used again, and clients leave in the middle', async () => {
    const blobs = new Map(
      Array.from({ length: 8 }, () => randomBytes(1_500_000)).map((blob) => [digestOf(blob), blob]),
    );
    const registry = await startRegistry({
      content: (request, response) => response.end(blobs.get(request.url?.split('/').at(-1) ?? '')),
    });
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    const path = (digest: string) => `/v2/${inPath(registry.host)}/team/app/blobs/${digest}`;
    const pullAll = () =>
      Promise.all(
        [...blobs].map(async ([digest, blob], index) => {
          const leaving = connect(endpoint.port, '127.0.0.1');
          leaving.write(`GET ${path(digest)} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: ${endpoint.login}\r\n\r\n`);
          leaving.on('error', () => undefined);
          leaving.once('data', () => setTimeout(() => leaving.destroy(), index));
          const { status, body } = await endpoint.get(path(digest));
          return status === 200 && body.equals(blob);
        }),
      );
    for (let round = 0; round < 2; round += 1) expect(new Set(await pullAll())).toEqual(new Set([true]));
    expect(endpoint.log).toEqual([]);
  });
});
