// The port: registries at rest.

import type { AuditEvent } from '../audit/event.ts';
import type { Registry, RegistryType } from './registry.ts';
import type { ValidationOutcome, ValidationReport } from './report.ts';

export const registryOrderFields = ['REGISTRY', 'NAME', 'CREATED_AT', 'UPDATED_AT'] as const;
export type RegistryOrderField = (typeof registryOrderFields)[number];
export type OrderDirection = 'ASC' | 'DESC';

export interface RegistryFilter {
  /** Case-insensitive substring of registry text, name or username. */
  readonly search?: string | undefined;
  /** Exact canonical `host[:port]`. */
  readonly host?: string | undefined;
  readonly type?: RegistryType | undefined;
  readonly outcome?: ValidationOutcome | undefined;
}

/** A place in an ordered list: the row's value of the order field (text, or epoch milliseconds) and its id. */
export interface Position {
  readonly value: string | number;
  readonly id: string;
}

export interface PageQuery {
  readonly account: string;
  readonly filter: RegistryFilter;
  readonly field: RegistryOrderField;
  readonly direction: OrderDirection;
  /** Rows strictly after (or before) this place in the given order; none means from the start (or the end). */
  readonly after: Position | null;
  readonly before: Position | null;
  /** True: the first `limit` rows of the range. False: its last ones. Rows come back in the given order either way. */
  readonly forward: boolean;
  /** Rows wanted, 0 to 101 (one more than a page, to see whether there is another). */
  readonly limit: number;
}

/** The password of a registry as stored: opaque bytes from `Sealer.seal`. */
export type Sealed = Uint8Array;

/** The passwords that wait beside the current one. */
export interface SealedOthers {
  readonly pending: Sealed | null;
  readonly previous: Sealed | null;
}

/** Registries at rest. Every change writes its audit event in the same transaction, or neither is written. */
export interface RegistryStore {
  /** By id, in any account. */
  byId(id: string): Promise<Registry | undefined>;
  /** All of `ids` that exist, in any account, in no order, in one statement. */
  byIds(ids: readonly string[]): Promise<Registry[]>;
  /** By canonical text in one account. */
  byText(account: string, registry: string): Promise<Registry | undefined>;
  /** All of `texts` that exist in the account, in no order, in one statement. */
  byTexts(account: string, texts: readonly string[]): Promise<Registry[]>;
  /** The first of `texts` that exists in the account, in one statement. */
  firstByTexts(account: string, texts: readonly string[]): Promise<Registry | undefined>;
  /** Up to `limit` registries of each host, by text, in one statement. */
  byHosts(account: string, hosts: readonly string[], limit: number): Promise<Registry[]>;
  page(query: PageQuery): Promise<Registry[]>;
  count(account: string, filter: RegistryFilter): Promise<number>;
  /** The sealed password of a registry. */
  sealed(id: string): Promise<Sealed | undefined>;
  /** The passwords that wait beside it. */
  sealedOthers(id: string): Promise<SealedOthers | undefined>;
  /** @throws Problem `ALREADY_EXISTS` when the account has that text; `StaleKeys` when the data key of `sealed` is not the active one. */
  insert(registry: Registry, sealed: Sealed, event: AuditEvent): Promise<void>;
  /**
   * Writes the row if its stored version is still `expectedVersion`, and its sealed passwords with it.
   * @param others Without them none waits beside the current one.
   * @throws Problem `CONFLICT` when somebody changed or deleted it meanwhile; `StaleKeys` as `insert`.
   */
  update(
    registry: Registry,
    sealed: Sealed,
    expectedVersion: number,
    event: AuditEvent,
    others?: SealedOthers,
  ): Promise<void>;
  /** Records a report if the version is still the checked one; true when it was recorded. Touches neither version nor `updatedAt`. */
  recordValidation(
    id: string,
    expectedVersion: number,
    report: ValidationReport,
    event: AuditEvent | undefined,
  ): Promise<boolean>;
  /** Puts `next` in the place of `seen` if that is still what is stored, atomically; true when it did. */
  exchangeValidation(
    id: string,
    expectedVersion: number,
    seen: ValidationReport,
    next: ValidationReport,
  ): Promise<boolean>;
  /** Up to `limit` registries of all accounts whose id comes after this one, by id. */
  afterId(id: string, limit: number): Promise<Registry[]>;
  /** True when a row was deleted. */
  delete(id: string, event: AuditEvent): Promise<boolean>;
  /** Writes an event that belongs to no change. */
  appendAudit(event: AuditEvent): Promise<void>;
}
