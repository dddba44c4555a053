// The key of the audit chain: one for the life of a database, found by every process with the keyring.

import { createSecretKey, randomBytes } from 'node:crypto';
import { beforeEach, expect, it } from 'vitest';
import { findAuditMac, openAuditMac } from '../../src/encryption/audit-key.ts';
import { parseKeyring, printKeyring, type Keyring } from '../../src/encryption/keyring.ts';
import { createSealer } from '../../src/encryption/sealer.ts';
import { memoryKeyStore, type MemoryKeyStore } from './memory-key-store.ts';

const newKeyring = (): Keyring => parseKeyring(printKeyring([createSecretKey(randomBytes(32))]), '/etc/regway/keyring');

let keyring: Keyring;
let keys: MemoryKeyStore;
beforeEach(async () => {
  keyring = newKeyring();
  keys = memoryKeyStore();
  await createSealer({ keyring, keys });
});

it('is made once, also by several processes at once, and found by all later ones', async () => {
  expect(await findAuditMac({ keyring, keys })).toBeUndefined();
  const macs = await Promise.all(Array.from({ length: 5 }, () => openAuditMac({ keyring, keys })));
  expect(keys.rows.map(({ id, state }) => [id, state])).toEqual([
    [1, 'ACTIVE'],
    [2, 'AUDIT'],
  ]);
  const found = await findAuditMac({ keyring, keys });
  expect(new Set([...macs, found].map((mac) => mac?.('event')))).toEqual(
    new Set([expect.stringMatching(/^[0-9a-f]{64}$/)]),
  );
  expect(found?.('another')).not.toBe(found?.('event'));
});

it('seals no password, and does not affect the sealer', async () => {
  await openAuditMac({ keyring, keys });
  await expect(createSealer({ keyring, keys })).resolves.toBeDefined();
  expect(keys.rows.filter(({ state }) => state === 'ACTIVE')).toHaveLength(1);
});

it('of another database with the same keyring is another', async () => {
  const other = memoryKeyStore();
  await createSealer({ keyring, keys: other });
  expect((await openAuditMac({ keyring, keys: other }))('event')).not.toBe(
    (await openAuditMac({ keyring, keys }))('event'),
  );
});

it('opens neither with another keyring nor after it was altered', async () => {
  await openAuditMac({ keyring, keys });
  await expect(openAuditMac({ keyring: newKeyring(), keys })).rejects.toThrow('lacks the root key');
  keys.rows = keys.rows.map((row) =>
    row.state === 'AUDIT' ? { ...row, wrapped: row.wrapped.with(60, (row.wrapped[60] ?? 0) ^ 1) } : row,
  );
  await expect(openAuditMac({ keyring, keys })).rejects.toThrow('data key 2 does not open');
});
