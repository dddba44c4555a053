// The laws of a store that operators watch: every failure of every call is seen with the driver's code, and the readiness says which.

import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { watchStore, type WatchedStore } from '../../../src/app/wiring/watched-store.ts';
import { readConfig } from '../../../src/app/config.ts';
import { Problem } from '../../../src/core/shared/problem.ts';
import { storageCodeOf, StoreError, storageUnavailable, translateFailure } from '../../../src/database/errors.ts';
import { type Store, storagePlace } from '../../../src/database/store.ts';
import { createLog } from '../../../src/server/ops/log.ts';
import { createMetrics, type Metrics } from '../../../src/server/ops/metrics.ts';
import { openStarted, temporaryDirectory } from '../../database/harness.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let path: string;
let store: Store;
let watched: WatchedStore;
let metrics: Metrics;
let lines: Record<string, unknown>[];

beforeEach(async () => {
  directory = temporaryDirectory();
  path = join(directory.path, 'regway.db');
  store = await openStarted(path);
  metrics = createMetrics();
  lines = [];
  const log = createLog('info', { write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) });
  watched = await watchStore(readConfig({ REGWAY_DATABASE_URL: path }), store, { metrics, log });
});

afterEach(async () => {
  await watched.failures.close();
  await store.close();
  directory[Symbol.dispose]();
});

function breakTables(): void {
  const connection = new Sqlite(path);
  connection.exec('ALTER TABLE account RENAME TO account_gone; ALTER TABLE api_token RENAME TO token_gone');
  connection.close();
}

describe('a call that the database refuses', () => {
  it('is logged with the code, the call, and the path, counted in the metrics, and keeps the server from being ready', async () => {
    expect(await watched.readiness.failedChecks()).toEqual([]);
    breakTables();
    await expect(watched.observed.access.hasNoTokens()).rejects.toThrow('SQLITE_ERROR');
    expect(lines).toMatchObject([
      {
        level: 'error',
        storage: 'sqlite',
        path,
        code: 'SQLITE_ERROR',
        call: 'access.hasNoTokens',
        msg: 'the storage failed',
      },
    ]);
    expect(await watched.readiness.failedChecks()).toEqual([
      { check: 'storage', code: 'SQLITE_ERROR', since: expect.any(Date) as Date },
    ]);
    expect((await metrics.render()).body).toContain('regway_store_failures_total{code="SQLITE_ERROR"} 2');
  });

  it('is not over because another one is answered: the log says so only of what kept the server from being ready', async () => {
    const answersAgain = () => lines.filter(({ msg }) => msg === 'the storage answers again');
    const connection = new Sqlite(path);
    connection.exec('ALTER TABLE api_token RENAME TO token_gone');
    await expect(watched.observed.access.hasNoTokens()).rejects.toThrow('SQLITE_ERROR');
    expect(await watched.readiness.failedChecks()).toEqual([]);
    expect(answersAgain()).toEqual([]);
    connection.exec('ALTER TABLE account RENAME TO account_gone');
    expect(await watched.readiness.failedChecks()).toHaveLength(1);
    connection.exec('ALTER TABLE account_gone RENAME TO account');
    connection.close();
    expect(await watched.readiness.failedChecks()).toEqual([]);
    expect(answersAgain()).toHaveLength(1);
  });

  it('is logged too where the call is one of those that only servers with a shared database make', async () => {
    const fails = () => Promise.reject(storageUnavailable('The storage is read-only.', '25006'));
    const claims = { look: fails, claim: fails, settle: fails };
    const { observed, failures } = await watchStore(
      readConfig({ REGWAY_DATABASE_URL: path }),
      { ...store, claims },
      {
        metrics: createMetrics(),
        log: createLog('info', { write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) }),
      },
    );
    const version = { registryId: 'reg_1', secretVersion: 1, validatedMs: 0 };
    await expect(observed.claims?.claim(version, 'a', 1)).rejects.toThrow('read-only');
    expect(lines).toMatchObject([{ code: '25006', call: 'claims.claim' }]);
    await failures.close();
  });

  it('does not keep a server from saying that it stops', async () => {
    breakTables();
    watched.readiness.announceStop();
    expect(await watched.readiness.failedChecks()).toEqual([
      { check: 'shutdown', code: 'STOPPING', since: expect.any(Date) as Date },
    ]);
  });
});

it('the metrics show the audit trail and the key as they are', async () => {
  const { body } = await metrics.render();
  expect(body).toMatch(/^regway_audit_sequence \d+$/m);
  expect(body).toMatch(/^regway_key_age_seconds /m);
  expect(body).not.toMatch(/^regway_store_lock_waits /m);
});

describe('the code of a failure', () => {
  const driver = (code: string) => Object.assign(new Error('with a value'), { code });

  it.each(['SQLITE_FULL', 'SQLITE_CORRUPT', '57P01', '23514', '28P01', 'ECONNRESET', 'CERT_HAS_EXPIRED'])(
    'is that of the driver: %s, whatever it became on its way out of the store',
    (code) => {
      expect(storageCodeOf(translateFailure(driver(code)))).toBe(code);
    },
  );

  it('is one of our own for a call that was not answered', () => {
    expect(storageCodeOf(storageUnavailable('The storage is not answering.', 'NO_ANSWER'))).toBe('NO_ANSWER');
  });

  it.each([
    ['a conflict', new Problem('CONFLICT', 'Changed.', { cause: driver('ECONNRESET') })],
    ['a bug', new Error('A bug.')],
    ['a modified audit trail', new StoreError('Modified.')],
  ])('is none for %s', (_what, error) => {
    expect(storageCodeOf(error)).toBeUndefined();
  });
});

describe('the place of a database', () => {
  it('has every host, and neither the user nor the password', async () => {
    expect(await storagePlace('postgres://someone:hunter2%40@db-1:5433,db-2/registries?sslmode=require')).toEqual({
      storage: 'postgresql',
      host: 'db-1:5433,db-2:5432',
      database: 'registries',
    });
  });
});
