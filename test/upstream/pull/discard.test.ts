// Responses whose body is not needed: what they hold of the connections that all pulls share.

import type { ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { expect, it, onTestFinished, vi } from 'vitest';
import { secure } from '../fixtures.ts';
import { openPuller, sourceOf } from '../pulling.ts';

/** Sends a byte every 50 ms, until the connection ends. */
function drip(response: ServerResponse): void {
  const timer = setInterval(() => response.write('x'), 50);
  onTestFinished(() => clearInterval(timer));
}

it('a redirect whose body never ends holds its connection for two seconds, though its pull goes on', async () => {
  const storage = await secure((_request, response) => response.end('content'));
  const server = await secure((request, response) => {
    if (request.url === '/v2/') return void response.end('{}');
    drip(response.writeHead(307, { location: `${storage.origin}/data` }));
  });
  const start = globalThis.setTimeout.bind(globalThis);
  let shortened = 0;
  // The timer of two seconds takes a tenth of them.
  const spy = vi.spyOn(globalThis, 'setTimeout').mockImplementation((run, delayMs, ...args) => {
    if (delayMs === 2_000) shortened += 1;
    return start(run, delayMs === 2_000 ? 200 : delayMs, ...args);
  });
  onTestFinished(() => spy.mockRestore());
  const puller = openPuller();
  const reply = await puller.open(sourceOf(server.host), {
    method: 'GET',
    path: 'blobs/sha256:0',
    kind: 'blobs',
    digest: undefined,
    headers: {},
    owner: 'login',
    signal: AbortSignal.timeout(20_000),
  });
  expect(String(await buffer(reply.body!.stream))).toBe('content');
  expect(shortened).toBe(1);
  await vi.waitFor(() => expect(puller.usage().connections.held).toBe(0), { timeout: 4_000, interval: 50 });
});

it('a manifest that a redirect led to, and for which no memory became free, gives its connection back', async () => {
  const storage = await secure((_request, response) =>
    drip(response.writeHead(200, { 'content-type': 'application/vnd.oci.image.manifest.v1+json' })),
  );
  const server = await secure((request, response) => {
    if (request.url === '/v2/') return void response.end('{}');
    response.writeHead(307, { location: `${storage.origin}/v2/team/app/manifests/latest` }).end();
  });
  const start = globalThis.setTimeout.bind(globalThis);
  const spy = vi
    .spyOn(globalThis, 'setTimeout')
    // The wait for memory takes a tenth of its ten seconds.
    .mockImplementation((run, delayMs, ...args) => start(run, delayMs === 10_000 ? 1_000 : delayMs, ...args));
  onTestFinished(() => spy.mockRestore());
  const puller = openPuller();
  const pull = (signal: AbortSignal) =>
    puller.open(sourceOf(server.host), {
      method: 'GET',
      path: 'manifests/latest',
      kind: 'manifests',
      digest: undefined,
      headers: {},
      owner: 'login',
      signal,
    });
  const leaver = new AbortController();
  const sixteen = Promise.allSettled(Array.from({ length: 16 }, () => pull(leaver.signal)));
  await vi.waitFor(() => expect(storage.received).toHaveLength(16), { timeout: 8_000, interval: 20 });
  await expect(pull(AbortSignal.timeout(60_000))).rejects.toMatchObject({ reason: 'BUSY' });
  leaver.abort(new Error('the client left'));
  await sixteen;
  await vi.waitFor(() => expect(puller.usage().connections.held).toBe(0), { timeout: 4_000, interval: 50 });
});
