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
