// Rotations of keys on a real database and keyring file, with servers that do not know of them.

import { chownSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { verifyAudit } from '../../src/core/audit/verification.ts';
import { secretBinding, secretSlots, type SecretSlot } from '../../src/core/registry/registry.ts';
import { StaleKeys } from '../../src/core/passwords/sealer.ts';
import { Secret } from '../../src/core/shared/secret.ts';
import { findAuditMac } from '../../src/encryption/audit-key.ts';
import { readKeyStatus } from '../../src/encryption/key-status.ts';
import { createRootKey, KeyringError, loadKeyring, parseKeyring, printKeyring } from '../../src/encryption/keyring.ts';
import { rotateDataKey, rotateRootKey } from '../../src/encryption/rotation.ts';
import { createSealer } from '../../src/encryption/sealer.ts';
import { sampleEvent, sampleRegistry } from '../database/samples.ts';
import { openInstallation, passwordOf, reopenInstallation, type Installation } from './installation.ts';

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

function putKeyring(path: string, text: string): void {
  rmSync(path, { force: true });
  writeFileSync(path, text, { mode: 0o400 });
}

async function refusalOf(attempt: Promise<unknown>): Promise<string> {
  const outcome = await attempt.catch((error: unknown) => error);
  expect(outcome).toBeInstanceOf(KeyringError);
  return (outcome as KeyringError).message;
}

describe('a rotation of the data key', () => {
  it('reseals every password and deletes the old key', async () => {
    await using installation = await openInstallation();
    const { parts, openSealer, insertMany, passwords } = installation;
    insertMany(await openSealer(), 250);
    expect(await rotateDataKey(parts)).toEqual({
      activeId: 3,
      wasInterrupted: false,
      resealed: 250,
      unreadable: [],
      leftInLog: false,
    });
    expect(await passwords(await openSealer())).toEqual(numbers(250).map(passwordOf));
    expect((await readKeyStatus(parts)).dataKeys).toMatchObject([
      { id: 2, state: 'AUDIT' },
      { id: 3, state: 'ACTIVE', passwords: 250 },
    ]);
  });

  it('goes in small transactions: of 250 passwords never more than 100 in one', async () => {
    await using installation = await openInstallation();
    const { parts, openSealer, insertMany } = installation;
    insertMany(await openSealer(), 250);
    const batches: number[] = [];
    const reseal: typeof parts.keys.reseal = (rows) => {
      batches.push(rows.length);
      return parts.keys.reseal(rows);
    };
    expect(await rotateDataKey({ ...parts, keys: { ...parts.keys, reseal } })).toMatchObject({ resealed: 250 });
    expect(Math.max(...batches)).toBeLessThanOrEqual(100);
    expect(batches.reduce((sum, size) => sum + size)).toBe(250);
  });

  it('reseals the alternate passwords as well', async () => {
    await using installation = await openInstallation();
    const { parts, openSealer, insert, store } = installation;
    const sealer = await openSealer();
    await insert(sealer, 1);
    const registry = { ...sampleRegistry(1), version: 2 };
    const seal = (slot: SecretSlot) => sealer.seal(new Secret(slot), secretBinding(registry, slot));
    await store.registries.update(registry, seal('CURRENT'), 1, sampleEvent(), {
      pending: seal('PENDING'),
      previous: seal('PREVIOUS'),
    });
    expect(await rotateDataKey(parts)).toMatchObject({ resealed: 3, unreadable: [] });
    const after = await openSealer();
    const [row] = await parts.keys.sealedAfter('', 1);
    expect(secretSlots.map((slot) => after.open(row!.sealed[slot]!, secretBinding(registry, slot)).reveal())).toEqual([
      'CURRENT',
      'PENDING',
      'PREVIOUS',
    ]);
    expect((await readKeyStatus(parts)).dataKeys).toMatchObject([
      { state: 'AUDIT', passwords: 0 },
      { state: 'ACTIVE', passwords: 3 },
    ]);
  });

  it('keeps version, times and everything else of a registry', async () => {
    await using installation = await openInstallation();
    await installation.insert(await installation.openSealer(), 1);
    const before = await installation.store.registries.byId(sampleRegistry(1).id);
    await rotateDataKey(installation.parts);
    expect(await installation.store.registries.byId(sampleRegistry(1).id)).toStrictEqual(before);
  });

  it('does not disturb a running server, which opens stored passwords and stores new ones', async () => {
    await using installation = await openInstallation();
    const { parts, openSealer, insert, passwords, setPassword } = installation;
    const running = await openSealer();
    await insert(running, 1, 2);
    await rotateDataKey(parts);
    expect(await passwords(running)).toEqual([passwordOf(1), passwordOf(2)]);
    const another = await openSealer();
    await rotateDataKey(parts);
    await setPassword(another, 1, 'a new one');
    await insert(another, 3);
    expect(await passwords(running)).toEqual(['a new one', passwordOf(2), passwordOf(3)]);
  });

  it('lets no password in that was sealed with an old key', async () => {
    await using installation = await openInstallation();
    const { parts, openSealer, store } = installation;
    const registry = sampleRegistry(1);
    const sealed = (await openSealer()).seal(new Secret('late'), secretBinding(registry));
    await rotateDataKey(parts);
    await expect(store.registries.insert(registry, sealed, sampleEvent())).rejects.toBeInstanceOf(StaleKeys);
    expect(await store.registries.byId(registry.id)).toBeUndefined();
  });

  it('loses no update and no registry that comes while it runs', async () => {
    await using installation = await openInstallation();
    const { parts, openSealer, insert, insertMany, passwords, setPassword } = installation;
    const running = await openSealer();
    insertMany(running, 150);
    const state = { rotating: true };
    const rotations = (async () => {
      for (let round = 0; round < 4; round += 1) await rotateDataKey(parts);
    })().finally(() => {
      state.rotating = false;
    });
    const expected = new Map(numbers(150).map((number) => [number, passwordOf(number)]));
    for (let write = 0; state.rotating; write += 1) {
      const number = ((write * 37) % 150) + 1;
      await setPassword(running, number, `update ${write}`);
      expected.set(number, `update ${write}`);
      await insert(running, 1000 + write);
      expected.set(1000 + write, passwordOf(1000 + write));
      // Writes to SQLite never yield to the event loop.
      await setImmediate();
    }
    await rotations;
    expect(expected.size).toBeGreaterThan(150);
    expect(await passwords(await openSealer())).toEqual(
      [...expected].toSorted(([one], [other]) => one - other).map(([, password]) => password),
    );
  });

  it('keeps the old key while a password does not open, names its registry, and lets the key go once that has another', async () => {
    await using installation = await openInstallation();
    const { parts, openSealer, insert, setPassword, databaseFile } = installation;
    await insert(await openSealer(), 1, 2);
    using behind = Object.assign(new Sqlite(databaseFile), { [Symbol.dispose]: () => behind.close() });
    behind.prepare(`UPDATE registry SET username = 'mallory' WHERE id = ?`).run(sampleRegistry(1).id);
    expect(await rotateDataKey(parts)).toMatchObject({ activeId: 3, resealed: 1, unreadable: [sampleRegistry(1).id] });
    expect((await readKeyStatus(parts)).dataKeys).toMatchObject([
      { id: 1, state: 'RETIRED', passwords: 1 },
      { id: 2, state: 'AUDIT' },
      { id: 3, state: 'ACTIVE', passwords: 1 },
    ]);
    await setPassword(await openSealer(), 1, 'entered again');
    expect(await rotateDataKey(parts)).toMatchObject({ activeId: 4, resealed: 2, unreadable: [] });
    expect((await readKeyStatus(parts)).dataKeys).toMatchObject([
      { id: 2, state: 'AUDIT' },
      { id: 4, state: 'ACTIVE', passwords: 2 },
    ]);
  });

  it('and of the root key leave an audit trail that is whole', async () => {
    await using installation = await openInstallation();
    const { parts, store, openSealer, insert } = installation;
    await insert(await openSealer(), 1);
    await rotateDataKey(parts);
    await rotateRootKey(parts);
    const mac = await findAuditMac({
      keyring: await loadKeyring(parts.keyringFile, { createIfMissing: false }),
      keys: parts.keys,
    });
    expect(await verifyAudit({ trail: store.audit, mac: mac!, anchor: undefined })).toMatchObject({ intact: true });
  });

  it('keeps the keys that come from it', async () => {
    await using installation = await openInstallation();
    const before = (await installation.openSealer()).deriveKey('pull-grant');
    await rotateDataKey(installation.parts);
    await rotateRootKey(installation.parts);
    await rotateDataKey(installation.parts);
    expect((await installation.openSealer()).deriveKey('pull-grant')).toEqual(before);
  });
});

describe('a rotation of the root key', () => {
  it('leaves one new key in the file, readable only by its owner, and no other file next to it', async () => {
    await using installation = await openInstallation();
    const { parts, openSealer, insert, passwords, keyringText } = installation;
    await insert(await openSealer(), 1);
    const before = keyringText();
    const { rootKeyId, leftInFile } = await rotateRootKey(parts);
    const { keys } = await loadKeyring(parts.keyringFile, { createIfMissing: false });
    expect({ ids: keys.map(({ id }) => id), leftInFile }).toEqual({ ids: [rootKeyId], leftInFile: [] });
    expect(keyringText()).not.toContain(before.split('\n').find((line) => line.startsWith('rgk1:')));
    expect(statSync(parts.keyringFile).mode & 0o777).toBe(0o400);
    expect(readdirSync(dirname(parts.keyringFile)).filter((name) => name.startsWith('keyring'))).toEqual(['keyring']);
    expect(await passwords(await openSealer())).toEqual([passwordOf(1)]);
  });

  it('keeps the user and the group of the file, for any user who rotates', async () => {
    await using installation = await openInstallation();
    const { parts } = installation;
    // Root may change the owner, and any other user already is the owner.
    const owner = process.geteuid!() === 0 ? { uid: 12_345, gid: 12_346 } : statSync(parts.keyringFile);
    chownSync(parts.keyringFile, owner.uid, owner.gid);
    await rotateRootKey(parts);
    expect(statSync(parts.keyringFile)).toMatchObject({ uid: owner.uid, gid: owner.gid });
  });

  it('makes the old key open nothing: a start with the old file is refused and changes nothing', async () => {
    await using installation = await openInstallation();
    const { parts, openSealer, insert, keyringText } = installation;
    await insert(await openSealer(), 1);
    const old = parseKeyring(keyringText(), parts.keyringFile);
    const { rootKeyId } = await rotateRootKey(parts);
    const before = await parts.keys.dataKeys();
    expect(await refusalOf(createSealer({ keyring: old, keys: parts.keys }))).toContain(
      `lacks the root key ${rootKeyId}`,
    );
    expect(await parts.keys.dataKeys()).toEqual(before);
  });

  it('is not noticed by a server that runs, not even when the data key is rotated after it', async () => {
    await using installation = await openInstallation();
    const { parts, openSealer, insert, passwords, setPassword } = installation;
    const running = await openSealer();
    await insert(running, 1);
    await rotateRootKey(parts);
    await rotateDataKey(parts);
    await setPassword(running, 1, 'a new one');
    expect(await passwords(running)).toEqual(['a new one']);
  });

  it('uses the key that a person put first in the file', async () => {
    await using installation = await openInstallation();
    const { parts, keyringText } = installation;
    const mine = createRootKey();
    const [old] = parseKeyring(keyringText(), parts.keyringFile).keys;
    putKeyring(parts.keyringFile, printKeyring([mine.key, old!.key]));
    expect(await rotateRootKey(parts)).toEqual({ rootKeyId: mine.id, leftInFile: [], leftInLog: false });
  });

  /** Leaves no room for the name of a new file next to it. Unlike a mode, this stops root too. */
  const longName = 'k'.repeat(250);

  it('is refused before anything is changed where the file cannot be replaced', async () => {
    await using installation = await openInstallation(longName.slice(0, 230));
    const { parts, keyringText } = installation;
    const before = { text: keyringText(), rows: await parts.keys.dataKeys() };
    const cramped = { ...parts, keyringFile: `${dirname(parts.keyringFile)}/${longName}` };
    putKeyring(cramped.keyringFile, before.text);
    expect(await refusalOf(rotateRootKey(cramped))).toMatch(
      /cannot be replaced \(ENAMETOOLONG\), and nothing was changed/,
    );
    expect({ text: keyringText(), rows: await parts.keys.dataKeys() }).toEqual(before);
  });

  it('with a new key that an operator inserted, needs no permission to write the file, and names the lines to remove', async () => {
    await using installation = await openInstallation();
    const { parts, keyringText, passwords, openSealer, insert } = installation;
    await insert(await openSealer(), 1);
    const [old] = parseKeyring(keyringText(), parts.keyringFile).keys;
    const mine = createRootKey();
    const cramped = { ...parts, keyringFile: `${dirname(parts.keyringFile)}/${longName}` };
    putKeyring(cramped.keyringFile, printKeyring([mine.key, old!.key]));
    expect(await rotateRootKey(cramped)).toEqual({ rootKeyId: mine.id, leftInFile: [old!.id], leftInLog: false });
    const sealer = await createSealer({ keyring: parseKeyring(printKeyring([mine.key]), 'keyring'), keys: parts.keys });
    expect(await passwords(sealer)).toEqual([passwordOf(1)]);
  });

  it('of several at once, and of the data key concurrently, leaves keys that open everything', async () => {
    await using installation = await openInstallation();
    const { parts, openSealer, insertMany, passwords } = installation;
    insertMany(await openSealer(), 20);
    await Promise.all([rotateRootKey(parts), rotateRootKey(parts), rotateDataKey(parts), rotateRootKey(parts)]);
    expect(await passwords(await openSealer())).toEqual(numbers(20).map(passwordOf));
    const { rootKeys, dataKeys } = await readKeyStatus(parts);
    expect({ rootKeys: rootKeys.length, dataKeys: dataKeys.length }).toEqual({ rootKeys: 1, dataKeys: 2 });
  });
});

describe('what a rotation replaced', () => {
  /** The old wrapped keys and sealed passwords that lie in a file of the database. */
  const foundOf = (databaseFile: string, old: readonly Uint8Array[]) => {
    const files = ['', '-wal', '-shm']
      .map((suffix) => databaseFile + suffix)
      .filter((file) => existsSync(file))
      .map((file) => readFileSync(file));
    return old.filter((bytes) => files.some((file) => file.includes(Buffer.from(bytes))));
  };
  const wrappedOf = async ({ parts }: Installation) => (await parts.keys.dataKeys()).map(({ wrapped }) => wrapped);

  it('is no longer in any file of the database, even while a server has it open', async () => {
    await using installation = await openInstallation();
    const { parts, openSealer, insert, databaseFile } = installation;
    await using server = await reopenInstallation(dirname(databaseFile));
    await insert(await openSealer(), ...numbers(120));
    const sealed = (await server.parts.keys.sealedAfter('', 1000)).map((row) => row.sealed.CURRENT!);
    const [first] = await wrappedOf(installation);
    expect(foundOf(databaseFile, [first!, ...sealed])).toHaveLength(121);
    expect(await rotateDataKey(parts)).toMatchObject({ leftInLog: false });
    expect(foundOf(databaseFile, [first!, ...sealed])).toEqual([]);
    const wrapped = await wrappedOf(installation);
    expect(foundOf(databaseFile, wrapped)).toHaveLength(2);
    expect(await rotateRootKey(parts)).toMatchObject({ leftInLog: false });
    expect(foundOf(databaseFile, wrapped)).toEqual([]);
  });

  it('is reported as still in the log while a reader uses an older snapshot', async () => {
    await using installation = await openInstallation();
    const { parts, databaseFile } = installation;
    using reader = Object.assign(new Sqlite(databaseFile, { readonly: true }), {
      [Symbol.dispose]: () => reader.close(),
    });
    reader.exec('BEGIN');
    reader.prepare('SELECT count(*) FROM data_key').get();
    const wrapped = await wrappedOf(installation);
    expect(await rotateRootKey(parts)).toMatchObject({ leftInLog: true });
    expect(foundOf(databaseFile, wrapped)).toHaveLength(2);
  });
});

it('every step is recorded in the audit trail, only with key IDs', async () => {
  await using installation = await openInstallation();
  const { parts, databaseFile } = installation;
  await rotateDataKey(parts);
  const { rootKeyId } = await rotateRootKey(parts);
  using behind = Object.assign(new Sqlite(databaseFile), { [Symbol.dispose]: () => behind.close() });
  const events = behind
    .prepare('SELECT action, actor, account, target, target_text, outcome FROM audit_event ORDER BY seq')
    .all();
  const common = { actor: 'test', account: 'admin' };
  expect(events).toEqual([
    { ...common, action: 'keys.rotate_data', target: '3', target_text: 'data key 3', outcome: 'STARTED' },
    { ...common, action: 'keys.rotate_data', target: '1', target_text: 'data key 1', outcome: 'DONE' },
    { ...common, action: 'keys.rotate_root', target: rootKeyId, target_text: `root key ${rootKeyId}`, outcome: 'DONE' },
  ]);
});
