// Nothing scans, sorts, or writes on the main thread: every statement that it prepares for any method of the store is checked by its plan.

import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { archiveRecord } from '../../../../src/core/audit/archive.ts';
import { chainStart } from '../../../../src/core/audit/chain.ts';
import type { Repositories } from '../../../../src/database/repositories/repositories.ts';
import type { Store } from '../../../../src/database/store.ts';
import { isReady, migrationsDir, openStarted, temporaryDirectory } from '../../harness.ts';
import {
  pageQuery,
  sampleEvent,
  sampleKey,
  sampleMac,
  sampleRegistry,
  sampleReport,
  sampleSealed,
  sampleToken,
} from '../../samples.ts';

type Calls = {
  readonly [Part in keyof Repositories]: {
    readonly [Name in keyof Repositories[Part]]: readonly ArgsOf<Repositories[Part][Name]>[];
  };
};
type ArgsOf<Method> = Method extends (...args: infer Args) => unknown ? Args : never;

const registry = sampleRegistry(1);
const report = sampleReport();
const event = sampleEvent();
const account = { name: 'other', createdAt: new Date(0), disabledAt: null };
const range = { after: null, before: null, forward: true, limit: 2 };
const auditQuery = {
  account: 'admin',
  filter: {},
  olderThan: undefined,
  newerThan: undefined,
  forward: true,
  limit: 2,
};

const archiveFacts = { previous: chainStart, last: chainStart, events: 0, digest: '', at: new Date(0), actor: 'cli' };

/** A method without a call does not compile. */
const calls: Calls = {
  registries: {
    insert: [[registry, sampleSealed(), event]],
    byId: [[registry.id]],
    byIds: [[[registry.id, 'other']]],
    byPattern: [['admin', registry.registry]],
    byPatterns: [['admin', [registry.registry, 'other']]],
    findMostSpecific: [
      ['admin', ['a', 'b']],
      ['admin', Array.from({ length: 12 }, (_, index) => `part-${index}`)],
    ],
    byHosts: [['admin', [registry.host], 3]],
    page: [
      [pageQuery({})],
      [pageQuery({ field: 'NAME', direction: 'DESC', after: { value: 'm', id: 'reg_1' } })],
      [pageQuery({ filter: { search: 'a' } })],
      [pageQuery({ filter: { host: registry.host, type: 'ACR', outcome: 'VALID' } })],
    ],
    count: [
      ['admin', {}],
      ['admin', { search: 'a' }],
    ],
    sealed: [[registry.id]],
    sealedAlternates: [[registry.id]],
    due: [[{ nowMs: 1, latestMs: 2, sinceMs: 0, limit: 10, exceptHosts: ['a'], exceptOutcomes: ['TIMEOUT'] }]],
    dueSince: [[1, ['a']]],
    dueBacklog: [[1]],
    postpone: [[registry.id, { nowMs: 1, latestMs: 2 }, null]],
    update: [[{ ...registry, version: 2 }, sampleSealed(), 1, event]],
    recordValidation: [[registry.id, 2, report, event]],
    exchangeValidation: [[registry.id, 2, report, report, event]],
    appendAudit: [[event]],
    delete: [[registry.id, event]],
  },
  access: {
    hasNoTokens: [[]],
    insertFirstToken: [[sampleToken('first'), event]],
    insertToken: [[sampleToken('second'), event, 10]],
    tokenById: [['first']],
    usableTokenById: [['first']],
    listTokens: [
      [{ ...range, account: undefined, activeAt: undefined }],
      [{ ...range, account: 'admin', activeAt: new Date(9) }],
    ],
    noteTokenUses: [[new Map([['first', new Date(1)]])]],
    revokeToken: [['first', new Date(2), event]],
    accountByName: [['admin']],
    accountExists: [['admin']],
    listAccounts: [[range]],
    insertAccount: [[account, event]],
    disableAccount: [['other', new Date(3), event]],
    enableAccount: [['other', event]],
  },
  uses: {
    addUses: [[[]]],
    lastUsed: [[[registry.id]]],
    usesOf: [[registry.id, 10]],
    registriesUsedBefore: [[new Date(1), '', 10]],
    deleteUsesBefore: [[registry.id, new Date(1)]],
  },
  audit: { start: [], head: [[]], eventsAfter: [[0, 10]], page: [[auditQuery]], archive: [[]] },
  auditArchives: {
    oldEvents: [[0, new Date(1), new Date(2)]],
    recordArchive: [[archiveRecord(sampleMac, archiveFacts), event]],
    deleteArchived: [[0]],
  },
  keys: {
    dataKeys: [[]],
    canary: [[]],
    hasRegistries: [[]],
    insertFirst: [[sampleKey(1), new Uint8Array([1])]],
    insertAuditKey: [[() => ({ ...sampleKey(9), state: 'AUDIT' })]],
    activate: [[sampleKey(2), sampleKey(1), new Uint8Array([2]), event]],
    rewrap: [[async () => ({ keys: [] })]],
    sealedAfter: [['', 10]],
    reseal: [[[]]],
    deleteRetired: [[1, event]],
    eraseReplaced: [[]],
    countSealed: [[]],
  },
};

const directory = temporaryDirectory();
const url = join(directory.path, 'regway.db');
let store: Store;
let statements: readonly string[];

beforeAll(async () => {
  store = await openStarted(url, migrationsDir, undefined, true);
  const prepare = vi.spyOn(Sqlite.prototype, 'prepare');
  for (const [part, methods] of Object.entries(calls)) {
    for (const [method, arguments_] of Object.entries(methods)) {
      const run = (
        store[part as keyof Repositories] as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>
      )[method];
      for (const args of arguments_ as readonly (readonly unknown[])[]) await run?.(...args);
    }
  }
  await isReady(store);
  statements = [...new Set(prepare.mock.calls.map(([text]) => text))];
  prepare.mockRestore();
});
afterAll(async () => {
  await store.close();
  directory[Symbol.dispose]();
});

/** Tables of a few rows. */
const small = /SCAN (data_key|seal_canary)\b/;
/** The texts of a JSON list that is a parameter. */
const parameter = /SCAN (json_each|entry)\b/;

test('the main thread prepares reads by key, each of which searches an index', () => {
  expect(statements.length).toBeGreaterThan(15);
  const connection = new Sqlite(url, { readonly: true });
  const plans = statements.map((text) => {
    const steps = connection
      .prepare(`EXPLAIN QUERY PLAN ${text}`)
      .all(...Array.from(text.matchAll(/\?/g), () => null)) as {
      detail: string;
    }[];
    return {
      text,
      steps: steps.map(({ detail }) => detail).filter((step) => !small.test(step) && !parameter.test(step)),
    };
  });
  connection.close();
  expect(
    plans.filter(({ steps }) => steps.some((step) => /\bSCAN\b(?! (?:CONSTANT|\(subquery|\d))|TEMP B-TREE/.test(step))),
  ).toEqual([]);
});

test('the main thread prepares no statement that writes or holds a lock', () => {
  expect(statements.filter((text) => !/^\s*(select|with|pragma data_version)\b/i.test(text))).toEqual([]);
});
