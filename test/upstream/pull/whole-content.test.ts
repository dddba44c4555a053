// The memory of content that is read whole is shared fairly among logins.

import { expect, it } from 'vitest';
import { secure } from '../fixtures.ts';
import { sendJson } from '../personalities.ts';
import { openPuller, sourceOf } from '../pulling.ts';

const type = 'application/vnd.oci.image.index.v1+json';

it('a login whose content comes slowly keeps no other one from its content', async () => {
  let slow = 0;
  const storage = await secure((request, response) => {
    // Without a length, it may become long.
    response.writeHead(200, { 'content-type': type });
    if (!request.url?.startsWith('/v2/slow/')) return response.end('{"schemaVersion":2}');
    response.write('{', () => (slow += 1));
  });
  const registry = await secure((request, response) =>
    request.url === '/v2/'
      ? sendJson(response, 200, {})
      : response.writeHead(307, { location: `https://${storage.host}${request.url ?? ''}` }).end(),
  );
  const puller = openPuller();
  const ended = new AbortController();
  const pull = (repository: string, owner: string) =>
    puller.open(sourceOf(registry.host, repository), {
      method: 'GET',
      path: 'manifests/latest',
      kind: 'manifests',
      digest: undefined,
      headers: {},
      owner,
      signal: ended.signal,
    });
  const pulls = Array.from({ length: 30 }, () => pull('slow', 'one').catch(() => undefined));
  await expect.poll(() => slow).toBe(30);
  const first = await Promise.race([
    pull('fast', 'other'),
    new Promise((resolve) => void setTimeout(resolve, 5_000, 'still waiting')),
  ]);
  expect(first).toMatchObject({ status: 200 });
  ended.abort();
  await Promise.all(pulls);
});
