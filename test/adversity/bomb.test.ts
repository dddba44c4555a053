// An upstream whose small answers decode to gigabytes.

import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { freePort } from '../e2e/support/free-port.ts';
import { startHelper } from './support/helper-process.ts';
import { endure, storeRegistry } from './support/kit.ts';
import { healthyCredential } from './support/registry-process.ts';
import { repeat } from './support/troubles.ts';

test('a response that decodes to gigabytes delays no other request', async () => {
  const port = await freePort('127.0.0.1');
  const registry = await startHelper('registry-process.ts', { port, servesBombs: true });
  try {
    expect(
      await endure({
        name: 'the bomb',
        prepare: async (subject) => {
          await storeRegistry(subject, `127.0.0.1:${port}`, healthyCredential);
          return async () => undefined;
        },
        begin: async ({ url, token }) => {
          const controller = new AbortController();
          const { signal } = controller;
          const stop = repeat(4, async (index) => {
            if (signal.aborted) return;
            const content = index % 2 === 0 ? `blobs/sha256:${randomBytes(32).toString('hex')}` : 'manifests/latest';
            const response = await fetch(`${url}/v2/127.0.0.1_${port}/team/app/${content}`, {
              headers: {
                authorization: `Basic ${Buffer.from(`any:${token}`).toString('base64')}`,
                'accept-encoding': 'identity',
              },
              signal,
            });
            for await (const piece of response.body ?? []) void piece;
          });
          return async () => {
            controller.abort();
            await stop();
          };
        },
      }),
    ).toEqual([]);
  } finally {
    await registry.stop();
  }
});
