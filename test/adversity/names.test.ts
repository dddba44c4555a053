// Names whose name server never answers: 200 pulls a minute of new ones, and one that is checked each second. Needs root, for a name server of its own.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeTemporaryDirectory } from '../support/temporary/directory.ts';
import { endure, type Subject } from './support/kit.ts';
import { ask } from './support/troubles.ts';

const nameServer = '127.0.0.77';
const pullIntervalMs = 60_000 / 200;
/** A login may name 20 new hosts a minute. */
const logins = 12;
const statuses = new Set<number>();

async function createToken(subject: Subject): Promise<string> {
  const text = await ask(subject, 'mutation { createToken(input: { role: PULL, name: "puller" }) { text } }');
  return (JSON.parse(text) as { data: { createToken: { text: string } } }).data.createToken.text;
}

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
          const tokens = await Promise.all(Array.from({ length: logins }, () => createToken(subject)));
          let number = 0;
          const pull = async () => {
            const name = `n${number++}.never.example`;
            const response = await fetch(`${subject.url}/v2/${name}/team/app/manifests/latest`, {
              headers: { authorization: `Basic ${btoa(`any:${tokens[number % logins]}`)}` },
              signal: controller.signal,
            });
            await response.arrayBuffer();
            statuses.add(response.status);
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
            // A pull that is refused before its name is looked up would be no trouble.
            expect(statuses).not.toContain(429);
          };
        },
      }),
    ).toEqual([]);
  } finally {
    silence.close();
  }
});
