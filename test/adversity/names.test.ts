// Names whose name server never answers: 200 pulls a minute of new ones, and one that is checked each second. Needs root, for a name server of its own.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeTemporaryDirectory } from '../support/temporary/directory.ts';
import { endure } from './support/kit.ts';
import { ask } from './support/troubles.ts';

const nameServer = '127.0.0.77';
const pullIntervalMs = 60_000 / 200;

test('names that never resolve delay no other request', async () => {
  const directory = makeTemporaryDirectory('names');
  const settings = join(directory, 'resolv.conf');
  writeFileSync(settings, `nameserver ${nameServer}\n`);
  const silence = createSocket('udp4');
  silence.bind(53, nameServer);
  await once(silence, 'listening');
  try {
    expect(
      await endure({
        name: 'names that never resolve',
        launcher: ['unshare', '--mount', 'sh', '-c', `mount --bind ${settings} /etc/resolv.conf && exec "$@"`, 'sh'],
        begin: async (subject) => {
          const controller = new AbortController();
          let number = 0;
          const pull = async () => {
            const name = `n${number++}.never.example`;
            const response = await fetch(`${subject.url}/v2/${name}/team/app/manifests/latest`, {
              headers: { authorization: `Basic ${Buffer.from(`any:${subject.token}`).toString('base64')}` },
              signal: controller.signal,
            });
            await response.arrayBuffer();
          };
          const check = () =>
            ask(
              subject,
              'mutation { checkRegistry(input: { registry: "always.never.example", username: "u", password: "p" }) { validation { outcome } } }',
            );
          const timers = [
            setInterval(() => void pull().catch(() => undefined), pullIntervalMs),
            setInterval(() => void check().catch(() => undefined), 1_000),
          ];
          return async () => {
            timers.forEach(clearInterval);
            controller.abort();
          };
        },
      }),
    ).toEqual([]);
  } finally {
    silence.close();
  }
});
