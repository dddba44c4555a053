// A client that leaves waits no longer for what others still need: their handshake, token, or turn goes on, and is not repeated.

import type { RequestListener } from 'node:http';
import { expect, it } from 'vitest';
import type { Registry } from '../../../src/core/registry/registry.ts';
import { basicHeader, secure } from '../fixtures.ts';
import { basicRegistry, bearerServer, ociError, sendJson } from '../personalities.ts';
import { openPuller, sourceOf, startOfTime } from '../pulling.ts';

/** A repository that asks for a password although `/v2/` does not. */
const openBase: RequestListener = (request, response) =>
  request.url === '/v2/' || request.headers.authorization === basicHeader
    ? sendJson(response, 200, {})
    : sendJson(response, 401, ociError('UNAUTHORIZED'), { 'www-authenticate': 'Basic realm="one repository"' });

interface Wait {
  readonly registry: RequestListener;
  /** The request behind which the others wait. */
  readonly isHeld: (url: string, authorization: string | undefined) => boolean;
  readonly more?: Partial<Registry>;
}

const isPassword = (url: string, authorization: string | undefined) =>
  url.includes('/manifests/') && authorization === basicHeader;

const waits: Readonly<Record<string, Wait>> = {
  'the handshake': { registry: basicRegistry, isHeld: (url, authorization) => url === '/v2/' && !authorization },
  'the token': { registry: bearerServer().both, isHeld: (url) => url.startsWith('/token') },
  'its turn with a password that is about to change': {
    registry: basicRegistry,
    isHeld: isPassword,
    more: { pendingSince: startOfTime },
  },
  'the first password for a repository': { registry: openBase, isHeld: isPassword },
};

it.each(Object.entries(waits))('a client that waits for %s', async (_name, { registry, isHeld, more }) => {
  const reached = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  let held = 0;
  const { host } = await secure((request, response) => {
    if (!isHeld(request.url ?? '', request.headers.authorization)) return registry(request, response);
    held += 1;
    reached.resolve();
    void released.promise.then(() => registry(request, response));
  });
  const puller = openPuller();
  const pull = async (signal: AbortSignal) => {
    const request = {
      method: 'GET',
      path: 'manifests/latest',
      kind: 'manifests',
      digest: undefined,
      headers: {},
      owner: 'login',
      signal,
    } as const;
    const { status, body } = await puller.open(sourceOf(host, 'team/app', more), request);
    body?.stream.destroy();
    return status;
  };
  const stays = AbortSignal.timeout(10_000);
  const first = pull(stays);
  await reached.promise;
  const leaver = new AbortController();
  const left = pull(leaver.signal);
  const behind = pull(stays);
  const before = performance.now();
  leaver.abort(new Error('the client left'));
  await expect(left).rejects.toThrow('the client left');
  expect(performance.now() - before).toBeLessThan(1_000);
  released.resolve();
  expect(await Promise.all([first, behind])).toEqual([200, 200]);
  // A turn is one request of each client; a handshake and a token are one for both.
  expect(held).toBe(isHeld === isPassword ? 2 : 1);
});
