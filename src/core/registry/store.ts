// Declares the port that stores registries and their sealed passwords.

import type { AuditEvent } from '../audit/event.ts';
import type { Registry, RegistryType } from './registry.ts';
import type { ValidationOutcome, ValidationReport } from './report.ts';

/** The fields that a list can be ordered by. */
export const registryOrderFields = ['REGISTRY', 'NAME', 'CREATED_AT', 'UPDATED_AT'] as const;
export type RegistryOrderField = (typeof registryOrderFields)[number];
export type OrderDirection = 'ASC' | 'DESC';

/** The conditions on listed registries. All given conditions must match. */
export interface RegistryFilter {
  /** Words, each of which the registry pattern, display name, or username must contain. Case and accents are ignored. */
  readonly search?: string | undefined;
  /** The exact canonical `host[:port]`. */
  readonly host?: string | undefined;
  readonly type?: RegistryType | undefined;
  readonly outcome?: ValidationOutcome | undefined;
}

/** A place in an ordered list: the row's value of the order field (text, epoch milliseconds, or the `nameKey` of its name) and its ID. */
export interface Position {
  readonly value: string | number;
  readonly id: string;
}

/** One page of an account's registries. */
export interface PageQuery {
  readonly account: string;
  readonly filter: RegistryFilter;
  readonly field: RegistryOrderField;
  readonly direction: OrderDirection;
  /** Only rows strictly after (or before) this place in the given order; null for no bound. */
  readonly after: Position | null;
  readonly before: Position | null;
  /** True for the first `limit` rows of the range, false for the last. In the given order in both cases. */
  readonly forward: boolean;
  /** Maximum number of rows, 0 to 101: one more than a page, to see whether another follows. */
  readonly limit: number;
}

/** The times, in epoch milliseconds, between which nothing is due yet: what is stored as due after `latestMs` comes from a clock that was wrong. */
export interface DueWindow {
  readonly nowMs: number;
  readonly latestMs: number;
}

/** The registries to check next. Those of disabled accounts are left out. */
export interface DueQuery extends DueWindow {
  /** Registries that were due before are passed over, at no cost. In epoch milliseconds. */
  readonly sinceMs: number;
  /** Maximum number of rows. */
  readonly limit: number;
  readonly exceptHosts: readonly string[];
  /** Outcomes of the last validation. */
  readonly exceptOutcomes: readonly ValidationOutcome[];
}

/** The registries that wait for a check. */
export interface DueBacklog {
  /** Their number, counted up to 100,000. */
  readonly count: number;
  /** Since when the first of them is due, in epoch milliseconds; null for none. */
  readonly oldestMs: number | null;
}

/** A password as stored: opaque bytes from `Sealer.seal`. */
export type Sealed = Uint8Array;

/** The sealed alternate passwords; null for none. */
export interface SealedAlternates {
  readonly pending: Sealed | null;
  readonly previous: Sealed | null;
}

/** Stores registries. Every change writes its audit event in the same transaction, or neither is written. */
export interface RegistryStore {
  /** Returns a registry by ID, in any account. */
  byId(id: string): Promise<Registry | undefined>;
  /** Returns all of `ids` that exist, in any account, in no order, in one statement. */
  byIds(ids: readonly string[]): Promise<Registry[]>;
  /** Returns a registry by its canonical pattern in one account. */
  byPattern(account: string, registry: string): Promise<Registry | undefined>;
  /** Returns all of `patterns` that exist in the account, in no order, in one statement. */
  byPatterns(account: string, patterns: readonly string[]): Promise<Registry[]>;
  /** Returns the registry of the first of `patterns` that exists in the account, in one statement. */
  findMostSpecific(account: string, patterns: readonly string[]): Promise<Registry | undefined>;
  /** Returns up to `limit` registries of each host, by pattern, in one statement. */
  byHosts(account: string, hosts: readonly string[], limit: number): Promise<Registry[]>;
  page(query: PageQuery): Promise<Registry[]>;
  count(account: string, filter: RegistryFilter): Promise<number>;
  /** Returns the sealed current password of a registry. */
  sealed(id: string): Promise<Sealed | undefined>;
  /** Returns the sealed alternate passwords of a registry. */
  sealedAlternates(id: string): Promise<SealedAlternates | undefined>;
  /** Inserts a registry. @throws Problem `ALREADY_EXISTS` if the account has that pattern; `StaleKeys` if the data key of `sealed` is not the active one. */
  insert(registry: Registry, sealed: Sealed, event: AuditEvent): Promise<void>;
  /**
   * Writes the row and its sealed passwords if its stored version is still `expectedVersion`.
   * @param alternates If omitted, alternate passwords are deleted.
   * @throws Problem `CONFLICT` if another caller changed or deleted it in the meantime; `StaleKeys` as `insert`.
   */
  update(
    registry: Registry,
    sealed: Sealed,
    expectedVersion: number,
    event: AuditEvent,
    alternates?: SealedAlternates,
  ): Promise<void>;
  /** Stores a report if the version is still `expectedVersion`, and returns whether it did. Changes neither version nor `updatedAt`. */
  recordValidation(
    id: string,
    expectedVersion: number,
    report: ValidationReport,
    event: AuditEvent | undefined,
  ): Promise<boolean>;
  /** Replaces the report `seen` by `next` if it is still the stored one, atomically; writes the event only then. Returns whether it did. */
  exchangeValidation(
    id: string,
    expectedVersion: number,
    seen: ValidationReport,
    next: ValidationReport,
    event?: AuditEvent,
  ): Promise<boolean>;
  /** Returns registries of all accounts that are due for a check, the longest due first. */
  due(query: DueQuery): Promise<Registry[]>;
  /** Returns since when the first registry of another host is due, in epoch milliseconds. Null for none. Those of disabled accounts are left out. */
  dueSince(nowMs: number, exceptHosts: readonly string[]): Promise<number | null>;
  /** Counts the registries that are due at this time. */
  dueBacklog(nowMs: number): Promise<DueBacklog>;
  /** Sets when a registry is due next (null for never), if it is still due outside of the window. Changes nothing else. */
  postpone(id: string, window: DueWindow, nextCheckAt: number | null): Promise<void>;
  /** Deletes a registry and its passwords. Returns whether a row was deleted. */
  delete(id: string, event: AuditEvent): Promise<boolean>;
  /** Writes an event without a change. */
  appendAudit(event: AuditEvent): Promise<void>;
}
