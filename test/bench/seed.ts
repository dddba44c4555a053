// Fills a data directory: the schema, keys and token through the product's own code, the many rows by plain SQL.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Sqlite from 'better-sqlite3';
import type { Sealer } from '../../src/core/passwords/sealer.ts';
import { secretBinding } from '../../src/core/registry/registry.ts';
import { Secret } from '../../src/core/shared/secret.ts';
import { openStore, type Store } from '../../src/database/store.ts';
import { openAuditMac } from '../../src/encryption/audit-key.ts';
import { loadKeyring } from '../../src/encryption/keyring.ts';
import { createSealer } from '../../src/encryption/sealer.ts';
import { issueToken } from '../../src/server/auth/token-issuer.ts';
import { registryOf, type SeededRegistry } from './data.ts';
import { insertRegistry, registryRow } from './statements.ts';

const migrationsDir = fileURLToPath(new URL('../../drizzle/', import.meta.url));

/** The database of a data directory. */
export function databaseFile(dataDir: string): string {
  return join(dataDir, 'regway.db');
}

/** Opens the store and the sealer of a data directory, and creates both if they do not exist. */
export async function openDataDir(dataDir: string): Promise<{ store: Store; sealer: Sealer }> {
  const store = await openStore({ url: databaseFile(dataDir), migrationsDir });
  const keyring = await loadKeyring(join(dataDir, 'keyring'), { createIfMissing: true });
  const sealer = await createSealer({ keyring, keys: store.keys });
  await store.audit.start(await openAuditMac({ keyring, keys: store.keys }));
  return { store, sealer };
}

/** Stores the registries in the account `admin`, each with a sealed password. Gives a token that may read and write them. */
export async function seed(dataDir: string, registries: readonly SeededRegistry[]): Promise<string> {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const { store, sealer } = await openDataDir(dataDir);
  const { text } = await issueToken({
    access: store.access,
    now: () => new Date(),
    account: 'admin',
    role: 'READ_WRITE',
    name: 'benchmark',
    images: null,
    expiresAt: null,
    actor: 'benchmark',
    requestId: 'benchmark',
  });
  await store.close();
  insertAll(databaseFile(dataDir), registries, sealer);
  return text.reveal();
}

/** Without waiting for the disk, because these rows need not survive a power failure. */
function insertAll(file: string, registries: readonly SeededRegistry[], sealer: Sealer): void {
  const database = new Sqlite(file);
  database.pragma('synchronous = OFF');
  const insert = database.prepare(insertRegistry);
  database.transaction(() => {
    registries.forEach((seeded, index) => {
      const registry = registryOf(seeded, index);
      insert.run(registryRow(registry, sealer.seal(new Secret(`password-${index}`), secretBinding(registry))));
    });
  })();
  database.pragma('wal_checkpoint(TRUNCATE)');
  database.close();
}
