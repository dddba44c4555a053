// Kills rotations of keys at any point while a server reads and writes: nothing fails in the meantime, and every password opens afterward.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { readKeyStatus } from '../../src/encryption/key-status.ts';
import { loadKeyring, parseKeyring } from '../../src/encryption/keyring.ts';
import { rotateDataKey, rotateRootKey } from '../../src/encryption/rotation.ts';
import { createSealer } from '../../src/encryption/sealer.ts';
import { openInstallation, passwordOf, reopenInstallation } from '../encryption/installation.ts';
import { rounds } from './support/rounds.ts';

const kills = rounds('REGWAY_CRASH_KEY_KILLS', 50);
const count = 1_000;

/** Longer than one rotation of both keys, so that every part of it is killed. */
const maxRunMs = 1_500;

test(
  `${kills} kills of rotations: no read or update fails in the meantime, every password opens, and at the end the first root key opens nothing`,
  async () => {
    await using installation = await openInstallation();
    const { openSealer, insertMany, passwordIn, passwords, setPassword, keyringText, parts, databaseFile } =
      installation;
    const first = parseKeyring(keyringText(), parts.keyringFile);
    const expected = Array.from({ length: count }, (_, index) => passwordOf(index + 1));
    // Never opened again: a server that runs through all of it.
    const running = await openSealer();
    insertMany(running, count);

    const seen = new Set<string>();
    let reads = 0;
    for (let kill = 0; kill < kills; kill += 1) {
      const child = spawn(process.execPath, [join(import.meta.dirname, 'rotate.child.ts'), dirname(databaseFile)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(child.stdout, 'data');
      const ended = once(child, 'close');
      const timer = setTimeout(Math.random() * maxRunMs).then(() => child.kill('SIGKILL'));
      for (let write = 0; child.exitCode === null && child.signalCode === null; write += 1) {
        const number = ((write * 37 + kill) % count) + 1;
        expected[number - 1] = `kill ${kill}, update ${write}`;
        await setPassword(running, number, `kill ${kill}, update ${write}`);
        const other = Math.floor(Math.random() * count) + 1;
        expect(await passwordIn(running, other)).toBe(expected[other - 1]);
        reads += 1;
        await setImmediate();
      }
      await timer;
      expect((await ended)[1]).toBe('SIGKILL');
      seen.add(await stateOf(installation));

      // A start after the kill, and the server that runs on: both open everything.
      await using restarted = await reopenInstallation(dirname(databaseFile));
      expect(await restarted.passwords(await restarted.openSealer())).toEqual(expected);
      expect(await passwords(running)).toEqual(expected);
    }
    // Kills that never fell into a rotation would prove nothing.
    expect(seen).toContain('interrupted');
    expect(reads).toBeGreaterThan(kills);

    await rotateDataKey(parts);
    await rotateRootKey(parts);
    await rotateDataKey(parts);
    expect(await passwords(await openSealer())).toEqual(expected);
    expect(await readKeyStatus(parts)).toMatchObject({
      rootKeys: [{ dataKeys: 2 }],
      dataKeys: [{ state: 'AUDIT' }, { state: 'ACTIVE', passwords: count }],
    });
    await expect(createSealer({ keyring: first, keys: parts.keys })).rejects.toThrow('lacks the root key');
  },
  30 * 60_000,
);

async function stateOf({ parts }: Awaited<ReturnType<typeof openInstallation>>): Promise<'interrupted' | 'whole'> {
  const keys = await parts.keys.dataKeys();
  const ring = await loadKeyring(parts.keyringFile, { createIfMissing: false });
  return keys.length > 2 || ring.keys.length > 1 ? 'interrupted' : 'whole';
}
