// Runs commands on a data directory with the wrong keyring, a wrong target, or a database that is away: no byte changes, not even by a migration.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Config, readConfig } from '../../src/app/config.ts';
import { archiveAudit } from '../../src/app/maintenance/archive.ts';
import { keyStatus, rotateDataKeyOf, rotateRootKeyOf } from '../../src/app/maintenance/keys.ts';
import { exportRegistries, moveToPostgres } from '../../src/app/maintenance/migrate.ts';
import { withSnapshot } from '../../src/app/maintenance/snapshot.ts';
import { createToken, listTokens, revokeStoredToken } from '../../src/app/maintenance/tokens.ts';
import { verify, verifyAuditTrail } from '../../src/app/maintenance/verify.ts';
import { DatabaseAwayError } from '../../src/database/errors.ts';
import { openStore } from '../../src/database/store.ts';
import { KeyringError, loadKeyring } from '../../src/encryption/keyring.ts';
import { createSealer } from '../../src/encryption/sealer.ts';
import { copiedMigrations, temporaryDirectory } from '../database/harness.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let config: Config;

beforeEach(async () => {
  directory = temporaryDirectory();
  config = readConfig({ REGWAY_DATA_DIR: directory.path });
  using older = copiedMigrations('sqlite');
  older.removeLast();
  const store = await openStore({ url: config.databaseUrl, migrationsDir: older.path });
  await createSealer({ keyring: await loadKeyring(config.keyringFile, { createIfMissing: true }), keys: store.keys });
  await store.close();
});
afterEach(() => directory[Symbol.dispose]());

const allTokens = { account: undefined, includeInactive: true };
const missing = () => withSnapshot(config.databaseUrl, (snapshot) => snapshot.missingMigrations());

it.each<[string, () => Promise<unknown>]>([
  [
    'making a token',
    () => createToken(config, { account: 'admin', role: 'PULL', name: 'ci', images: null, expiresAt: null }),
  ],
  ['listing tokens', () => listTokens(config, allTokens)],
  ['revoking a token', () => revokeStoredToken(config, 'tok_1')],
  ['showing the keys', () => keyStatus(config)],
  ['rotating the data key', () => rotateDataKeyOf(config)],
  ['rotating the root key', () => rotateRootKeyOf(config)],
])('%s without the keyring is refused before an older database is migrated', async (_what, command) => {
  rmSync(config.keyringFile);
  await expect(command()).rejects.toThrow(KeyringError);
  expect(await missing()).toBe(1);
  await loadKeyring(config.keyringFile, { createIfMissing: true });
  await expect(command()).rejects.toThrow(/lacks the root key/);
  expect(await missing()).toBe(1);
});

it.each([
  ['postgres://u@host:port/x', {}, /^The target is not a valid URL/],
  ['postgres://u@h/x?sslmode=', {}, /^The target has the option sslmode, which must be one of/],
  ['postgres://u@h/x', { PGPORT: 'MARKER' }, /^PGPORT must be a whole number/],
])('moving to %s with %o names the mistake, and changes nothing', async (target, environment, mistake) => {
  const settings = readConfig({ REGWAY_DATA_DIR: directory.path, PGPASSWORD: 'MARKER', ...environment });
  const refusal = await moveToPostgres(settings, target, () => undefined).catch((error: unknown) => error);
  expect(refusal).toMatchObject({ message: expect.stringMatching(mistake) as string });
  expect((refusal as Error).message).not.toContain('MARKER');
  expect(await missing()).toBe(1);
});

it.each<[string, () => Promise<unknown>]>([
  ['verifying', () => verify(config)],
  ['verifying the audit trail', () => verifyAuditTrail(config, { archives: [] })],
  ['exporting', () => exportRegistries(config, undefined, async () => undefined)],
  ...[true, false].map((dryRun): [string, () => Promise<unknown>] => [
    `archiving (dry run: ${dryRun})`,
    () => archiveAudit(config, { olderThanMs: 1, file: join(directory.path, 'archive'), dryRun }),
  ]),
  ['listing tokens', () => listTokens(config, allTokens)],
  ['showing the keys', () => keyStatus(config)],
])('%s while PostgreSQL is away names its host and what to do', async (_what, command) => {
  config = readConfig({
    REGWAY_DATA_DIR: directory.path,
    REGWAY_DATABASE_URL: 'postgres://u:MARKER@127.0.0.1:1/x',
  });
  const refusal: unknown = await command().catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(DatabaseAwayError);
  expect(refusal).toMatchObject({
    message:
      'No server listens on 127.0.0.1:1 (ECONNREFUSED). Check the port in REGWAY_DATABASE_URL, and whether PostgreSQL is running.',
  });
});

it('with its own keyring a command migrates it', async () => {
  expect(await listTokens(config, allTokens)).toEqual([]);
  expect(await missing()).toBe(0);
});

it.each<[string, () => Promise<unknown>]>([
  ['showing the keys', () => keyStatus(config)],
  ['rotating the data key', () => rotateDataKeyOf(config)],
])('%s makes none before the first start', async (_what, command) => {
  config = readConfig({ REGWAY_DATA_DIR: join(directory.path, 'new') });
  await expect(command()).rejects.toThrow('There are no keys yet');
  await expect(loadKeyring(config.keyringFile, { createIfMissing: false })).rejects.toThrow('does not exist');
});
