// Says for every method of the store which thread runs it. A method without an entry does not compile.

import { type AuditQuery } from '../../../core/audit/store.ts';
import type { PageQuery } from '../../../core/registry/store.ts';
import type { Repositories } from '../../repositories/repositories.ts';

/**
 * `HERE`: on the main thread, for reads of single rows by key and for pages that an index bounds. `SCANS`: on the thread of long reads.
 * `WRITES`: on the thread that writes, with its commits.
 */
export type Place = 'HERE' | 'SCANS' | 'WRITES';

/** The place of a method, or what chooses it by the arguments. */
type PlaceOf<Method> = Method extends (...args: infer Args) => unknown ? Place | ((...args: Args) => Place) : never;

type Placement = {
  readonly [Part in keyof Repositories]: {
    readonly [Name in keyof Repositories[Part]]: PlaceOf<Repositories[Part][Name]>;
  };
};

export const placement: Placement = {
  registries: {
    byId: 'HERE',
    byIds: 'HERE',
    byPattern: 'HERE',
    byPatterns: 'HERE',
    findMostSpecific: 'HERE',
    byHosts: 'HERE',
    // A filter may read every registry of the account before it finds one page.
    page: ({ filter }: PageQuery) => (Object.values(filter).every((value) => value === undefined) ? 'HERE' : 'SCANS'),
    count: 'SCANS',
    sealed: 'HERE',
    sealedAlternates: 'HERE',
    due: 'SCANS',
    dueSince: 'SCANS',
    dueBacklog: 'SCANS',
    postpone: 'WRITES',
    insert: 'WRITES',
    update: 'WRITES',
    recordValidation: 'WRITES',
    exchangeValidation: 'WRITES',
    delete: 'WRITES',
    appendAudit: 'WRITES',
  },
  access: {
    accountByName: 'HERE',
    accountExists: 'HERE',
    listAccounts: 'SCANS',
    insertAccount: 'WRITES',
    disableAccount: 'WRITES',
    enableAccount: 'WRITES',
    tokenById: 'HERE',
    usableTokenById: 'HERE',
    insertToken: 'WRITES',
    hasNoTokens: 'HERE',
    insertFirstToken: 'WRITES',
    listTokens: 'SCANS',
    revokeToken: 'WRITES',
    noteTokenUses: 'WRITES',
  },
  uses: {
    addUses: 'WRITES',
    lastUsed: 'HERE',
    usesOf: 'SCANS',
    registriesUsedBefore: 'SCANS',
    deleteUsesBefore: 'WRITES',
  },
  audit: {
    start: 'WRITES',
    head: 'SCANS',
    eventsAfter: 'SCANS',
    page: 'SCANS',
    archive: 'HERE',
  },
  auditArchives: {
    oldEvents: 'SCANS',
    recordArchive: 'WRITES',
    deleteArchived: 'WRITES',
  },
  keys: {
    // The tables of the keys have a few rows.
    dataKeys: 'HERE',
    canary: 'HERE',
    hasRegistries: 'HERE',
    insertFirst: 'WRITES',
    insertAuditKey: 'WRITES',
    activate: 'WRITES',
    rewrap: 'WRITES',
    sealedAfter: 'SCANS',
    reseal: 'WRITES',
    deleteRetired: 'WRITES',
    eraseReplaced: 'WRITES',
    countSealed: 'SCANS',
  },
};

/**
 * Returns whose call it is, for the fairness of the queues: the actor of a change; of a read the account, where it names one.
 */
export function laneOf(args: readonly unknown[]): string {
  for (const arg of args) {
    const { actor, account } = (arg ?? {}) as Partial<Pick<AuditQuery, 'account'>> & { readonly actor?: unknown };
    if (typeof actor === 'string') return actor;
    if (typeof account === 'string' && !('registry' in (arg as object))) return account;
  }
  return typeof args[0] === 'string' ? args[0] : '';
}
