// Opens the keys while another process replaces the root key: the file and the database are read one after the other.

import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../src/app/config.ts';
import type { KeyRotationStore } from '../../src/core/passwords/key-store.ts';
import { readKeyStatus } from '../../src/encryption/key-status.ts';
import { createRootKey, loadKeyring, printKeyring } from '../../src/encryption/keyring.ts';
import { removeTemporaryFiles, rotateDataKey, rotateRootKey } from '../../src/encryption/rotation.ts';
import { createSealer } from '../../src/encryption/sealer.ts';
import { checkKeys, openSeal } from '../../src/app/wiring/encryption.ts';
import { openInstallation, passwordOf, type Installation } from '../encryption/installation.ts';

const configOf = ({ parts }: Installation) => readConfig({ REGWAY_DATA_DIR: dirname(parts.keyringFile) });

it('a start removes the temporary files of a killed rotation, and nothing else', async () => {
  await using installation = await openInstallation();
  const { parts, store, keyringText } = installation;
  const others = ['.tmp', '.0123456789abcdef.tmp.mine', '.0123456789ABCDEF.tmp', '-2.0123456789abcdef.tmp'].map(
    (suffix) => parts.keyringFile + suffix,
  );
  const left = ['.0123456789abcdef.tmp', '.fedcba9876543210.tmp'].map((suffix) => parts.keyringFile + suffix);
  for (const file of [...others, ...left]) writeFileSync(file, keyringText(), { mode: 0o400 });
  await openSeal(configOf(installation), store);
  expect([...others, ...left].filter((file) => existsSync(file))).toEqual(others);
});

it('a file that a rotation is writing is not removed', async () => {
  await using installation = await openInstallation();
  const { parts, keyringText } = installation;
  const file = `${parts.keyringFile}.0123456789abcdef.tmp`;
  const [begun, seen] = [Promise.withResolvers<void>(), Promise.withResolvers<boolean>()];
  const rotating = parts.keys.rewrap(async () => {
    writeFileSync(file, keyringText(), { mode: 0o400 });
    begun.resolve();
    setTimeout(() => seen.resolve(existsSync(file)), 100);
    await seen.promise;
    return { keys: [] };
  });
  await begun.promise;
  const removing = removeTemporaryFiles(parts);
  expect(await seen.promise).toBe(true);
  await Promise.all([rotating, removing]);
  expect(existsSync(file)).toBe(false);
});

describe('a root key that is replaced after the keyring was read and before the database is', () => {
  const refreshOf = async ({ parts }: Installation, keys: KeyRotationStore) => {
    const sealer = await createSealer({
      keyring: await loadKeyring(parts.keyringFile, { createIfMissing: false }),
      keys,
    });
    return () => sealer.refresh();
  };
  it.each<[string, (installation: Installation, keys: KeyRotationStore) => Promise<() => Promise<unknown>>]>([
    ['a server that reads its keys again', refreshOf],
    ['the look before a migration', async (installation, keys) => () => checkKeys(configOf(installation), keys)],
    ['a start', async (installation, keys) => () => openSeal(configOf(installation), { ...installation.store, keys })],
    [
      'keys status',
      async ({ parts }, keys) =>
        () =>
          readKeyStatus({ ...parts, keys }),
    ],
    [
      'a rotation of the data key',
      async ({ parts }, keys) =>
        () =>
          rotateDataKey({ ...parts, keys }),
    ],
    [
      'a rotation of the root key',
      async ({ parts }, keys) =>
        () =>
          rotateRootKey({ ...parts, keys }),
    ],
  ])('is no reason to refuse %s', async (_, prepare) => {
    await using installation = await openInstallation();
    const { parts, insert, openSealer, passwords } = installation;
    await insert(await openSealer(), 1);
    const hook: { beforeReading?: (() => Promise<unknown>) | undefined } = {};
    const canary = async () => {
      const run = hook.beforeReading;
      hook.beforeReading = undefined;
      await run?.();
      return parts.keys.canary();
    };
    const read = await prepare(installation, { ...parts.keys, canary });
    hook.beforeReading = () => rotateRootKey(parts);
    await read();
    expect(hook.beforeReading).toBeUndefined();
    expect(await passwords(await openSealer())).toEqual([passwordOf(1)]);
  });

  it('is read again once: a keyring of another database is rejected', async () => {
    await using installation = await openInstallation();
    const { parts } = installation;
    rmSync(parts.keyringFile);
    writeFileSync(parts.keyringFile, printKeyring([createRootKey().key]), { mode: 0o400 });
    await expect(readKeyStatus(parts)).rejects.toThrow(/lacks the root key/);
  });
});
