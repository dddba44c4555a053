// An installation in a temporary directory for the tests of keys: a real SQLite file and a real keyring file.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { secretBinding, type Registry } from '../../src/core/registry/registry.ts';
import { retryWithFreshKeys } from '../../src/core/passwords/sealer.ts';
import { Secret } from '../../src/core/shared/secret.ts';
import { openAuditMac } from '../../src/encryption/audit-key.ts';
import { loadKeyring } from '../../src/encryption/keyring.ts';
import type { RotationParts } from '../../src/encryption/rotation.ts';
import { createSealer, type DatabaseSealer } from '../../src/encryption/sealer.ts';
import { openStore, type Store } from '../../src/database/store.ts';
import { migrationsDir, temporaryDirectory } from '../database/harness.ts';
import { sampleEvent, sampleRegistry } from '../database/samples.ts';
import { createMigratedFile } from '../support/migrated-file.ts';

export interface Installation extends AsyncDisposable {
  readonly store: Store;
  readonly databaseFile: string;
  readonly parts: RotationParts;
  /** A sealer as one more server would have it. */
  readonly openSealer: () => Promise<DatabaseSealer>;
  /** Stores registries with these numbers, each with `passwordOf` it. */
  readonly insert: (sealer: DatabaseSealer, ...numbers: number[]) => Promise<void>;
  /** As `insert`, for the numbers from 1 on, without a transaction for each. */
  readonly insertMany: (sealer: DatabaseSealer, count: number) => void;
  /** Replaces the password of a stored registry. */
  readonly setPassword: (sealer: DatabaseSealer, number: number, password: string) => Promise<void>;
  /** The password of a stored registry, opened as the use cases do. */
  readonly passwordIn: (sealer: DatabaseSealer, number: number) => Promise<string>;
  /** Every password in the order of the registries' ids, opened as the use cases do. */
  readonly passwords: (sealer: DatabaseSealer) => Promise<string[]>;
  readonly keyringText: () => string;
}

/** Returns the password that `insert` stores for a registry. */
export function passwordOf(number: number): string {
  return `password ${number}`;
}

/** @param keyringName the name of the keyring file in the directory. */
export async function openInstallation(keyringName = 'keyring'): Promise<Installation> {
  const directory = temporaryDirectory();
  await createMigratedFile(databaseFileIn(directory.path));
  const installation = await reopenInstallation(directory.path, keyringName);
  return {
    ...installation,
    async [Symbol.asyncDispose]() {
      await installation[Symbol.asyncDispose]();
      directory[Symbol.dispose]();
    },
  };
}

/** One more process's view of an installation. */
export async function reopenInstallation(path: string, keyringName = 'keyring'): Promise<Installation> {
  const databaseFile = databaseFileIn(path);
  const keyringFile = join(path, keyringName);
  const store = await openStore({ url: databaseFile, migrationsDir });
  const { registries, keys } = store;
  const parts = { keyringFile, keys, now: () => new Date(), actor: 'test', requestId: 'test-request' };
  const keyring = await loadKeyring(keyringFile, { createIfMissing: true });
  await createSealer({ keyring, keys });
  await store.audit.start(await openAuditMac({ keyring, keys }));
  const open = async (sealer: DatabaseSealer, registry: Registry) =>
    retryWithFreshKeys(sealer, async () =>
      sealer.open((await registries.sealed(registry.id))!, secretBinding(registry)).reveal(),
    );
  return {
    store,
    databaseFile,
    parts,
    openSealer: async () => createSealer({ keyring: await loadKeyring(keyringFile, { createIfMissing: false }), keys }),
    async insert(sealer, ...numbers) {
      for (const number of numbers) {
        const registry = sampleRegistry(number);
        const seal = () => sealer.seal(new Secret(passwordOf(number)), secretBinding(registry));
        await retryWithFreshKeys(sealer, () => registries.insert(registry, seal(), sampleEvent()));
      }
    },
    insertMany: (sealer, count) => insertInOneTransaction(databaseFile, sealer, count),
    async setPassword(sealer, number, password) {
      const stored = (await registries.byId(sampleRegistry(number).id))!;
      const registry = { ...stored, version: stored.version + 1, secretVersion: stored.secretVersion + 1 };
      const seal = () => sealer.seal(new Secret(password), secretBinding(registry));
      await retryWithFreshKeys(sealer, () => registries.update(registry, seal(), stored.version, sampleEvent()));
    },
    passwordIn: async (sealer, number) => open(sealer, (await registries.byId(sampleRegistry(number).id))!),
    async passwords(sealer) {
      const opened: string[] = [];
      for (let last = ''; ;) {
        const rows = await keys.sealedAfter(last, 1000);
        for (const { registry } of rows) opened.push(await open(sealer, registry));
        last = rows.at(-1)?.registry.id ?? '';
        if (rows.length < 1000) return opened;
      }
    },
    keyringText: () => readFileSync(keyringFile, 'utf8'),
    async [Symbol.asyncDispose]() {
      await store.close();
    },
  };
}

function databaseFileIn(path: string): string {
  return join(path, 'regway.db');
}

function insertInOneTransaction(databaseFile: string, sealer: DatabaseSealer, count: number): void {
  const behind = new Sqlite(databaseFile);
  const columns = `id, account, registry, host, repository, name, type, username, secure_connection, version, secret_version, sealed, created_at, updated_at`;
  const insert = behind.prepare(
    `INSERT INTO registry (${columns}) VALUES (?, 'admin', ?, ?, ?, ?, 'DOCKER_V2', ?, 1, 1, 1, ?, 0, 0)`,
  );
  behind.transaction(() => {
    for (let number = 1; number <= count; number += 1) {
      const registry = sampleRegistry(number);
      const sealed = sealer.seal(new Secret(passwordOf(number)), secretBinding(registry));
      insert.run(
        registry.id,
        registry.registry,
        registry.host,
        registry.repository,
        registry.name,
        registry.username,
        sealed,
      );
    }
  })();
  behind.close();
}
