// Maps between the core's types and rows: dates are epoch milliseconds, reports and lists are JSON.

import type { Account, StoredToken } from '../../core/accounts/store.ts';
import type { ArchiveRecord } from '../../core/audit/archive.ts';
import type { ChainedEvent } from '../../core/audit/chain.ts';
import type { AuditAction, AuditEvent } from '../../core/audit/event.ts';
import type { SealedRegistry } from '../../core/passwords/key-store.ts';
import type { Registry, SecretSlot } from '../../core/registry/registry.ts';
import type { ValidationReport } from '../../core/registry/report.ts';
import { nameKey } from '../../core/registry/search.ts';
import type { SealedAlternates } from '../../core/registry/store.ts';
import { dueAt } from '../../core/validation/schedule.ts';
import type { Tables } from './tables.ts';

type Row<Name extends keyof Tables> = Tables[Name]['$inferSelect'];

/**
 * Milliseconds by which a stored time of use may be later than one that is recorded now, which then was only written late. A time beyond that comes
 * from a clock that was wrong, and is replaced.
 */
export const maxAheadMs = 24 * 60 * 60_000;

/** A registry's columns as lists and gets read them. */
export type RegistryRow = Omit<Row<'registry'>, SealedColumn | DerivedColumn>;

/** Those columns, to select. */
export type RegistryColumns = Pick<Tables['registry']['_']['columns'], keyof RegistryRow>;

/** The columns that follow from the others, and that only indexes read. */
type DerivedColumn = 'nameKey' | 'outcome' | 'nextCheckAt';

/** A token's columns. */
export type TokenRow = Row<'apiToken'>;

/** Maps each password of a registry to its column. */
export const sealedColumns = {
  CURRENT: 'sealed',
  PENDING: 'sealedPending',
  PREVIOUS: 'sealedPrevious',
} as const satisfies Record<SecretSlot, keyof Row<'registry'>>;
export type SealedColumn = (typeof sealedColumns)[SecretSlot];

/** Maps a row that is mostly shown: parses the report at once, because a property that is read later makes the whole object slow. */
export function toRegistry(row: RegistryRow): Registry {
  return withReport(row, toReport(row));
}

function withReport(row: RegistryRow, lastValidation: ValidationReport | null): Registry {
  return {
    ...row,
    type: row.type as Registry['type'],
    lastValidation,
    pendingSince: dateOrNull(row.pendingSince),
    previousUsableUntil: dateOrNull(row.previousUsableUntil),
    createdAt: new Date(row.createdAt),
    updatedAt: new Date(row.updatedAt),
  };
}

/** Maps a row that is mostly only compared: parses the report, most of the row, when it is read first. */
export function toComparedRegistry(row: RegistryRow): Registry {
  const registry = withReport(row, null);
  Object.defineProperty(registry, unreadRow, { value: row, configurable: true });
  return Object.defineProperty(registry, 'lastValidation', readLater);
}

const unreadRow = Symbol('a row whose report was not read yet');

/** One accessor for all objects: with its own accessor an object has its own shape, and V8 keeps shapes far longer than objects. */
const readLater: PropertyDescriptor & ThisType<{ readonly [unreadRow]: RegistryRow }> = {
  enumerable: true,
  configurable: true,
  get() {
    const value = toReport(this[unreadRow]);
    Object.defineProperty(this, 'lastValidation', { value, enumerable: true });
    return value;
  },
};

function toReport({ lastValidation }: RegistryRow): ValidationReport | null {
  return lastValidation === null ? null : (JSON.parse(lastValidation) as ValidationReport);
}

/** Maps a whole row: the registry and its sealed passwords. */
export function toSealedRegistry({
  sealed,
  sealedPending,
  sealedPrevious,
  ...row
}: Omit<Row<'registry'>, DerivedColumn>): SealedRegistry {
  return {
    registry: toRegistry(row),
    sealed: { CURRENT: plainBytes(sealed), PENDING: bytesOrNull(sealedPending), PREVIOUS: bytesOrNull(sealedPrevious) },
  };
}

/** @param everyMs milliseconds between two checks, as stored. */
export function fromRegistry(
  registry: Registry,
  sealed: Uint8Array,
  { pending, previous }: SealedAlternates,
  everyMs: number,
): Row<'registry'> {
  return {
    ...registry,
    ...fromReport(registry, everyMs),
    nameKey: nameKey(registry.name),
    sealed,
    sealedPending: pending,
    sealedPrevious: previous,
    pendingSince: registry.pendingSince?.getTime() ?? null,
    previousUsableUntil: registry.previousUsableUntil?.getTime() ?? null,
    createdAt: registry.createdAt.getTime(),
    updatedAt: registry.updatedAt.getTime(),
  };
}

/** The columns of a report. @param everyMs milliseconds between two checks, as stored. */
export function fromReport(
  registry: Pick<Registry, 'id' | 'lastValidation'>,
  everyMs: number,
): Pick<Row<'registry'>, 'lastValidation' | 'outcome' | 'nextCheckAt'> {
  const { lastValidation: report } = registry;
  return {
    lastValidation: report === null ? null : JSON.stringify(report),
    outcome: report?.outcome ?? null,
    nextCheckAt: dueAt(registry, everyMs) ?? null,
  };
}

/** Leaves out of a registry's columns those that follow from others. */
export function withoutDerived<Columns extends Record<DerivedColumn, unknown>>({
  nameKey: _nameKey,
  outcome: _outcome,
  nextCheckAt: _nextCheckAt,
  ...columns
}: Columns): Omit<Columns, DerivedColumn> {
  return columns;
}

export function toAccount(row: Row<'account'>): Account {
  return { ...row, createdAt: new Date(row.createdAt), disabledAt: dateOrNull(row.disabledAt) };
}

export function fromAccount(account: Account): Row<'account'> {
  return { ...account, createdAt: account.createdAt.getTime(), disabledAt: account.disabledAt?.getTime() ?? null };
}

export function toToken(row: Row<'apiToken'>): StoredToken {
  return {
    ...row,
    role: row.role as StoredToken['role'],
    secretHash: plainBytes(row.secretHash),
    images: row.images === null ? null : (JSON.parse(row.images) as string[]),
    createdAt: new Date(row.createdAt),
    expiresAt: dateOrNull(row.expiresAt),
    revokedAt: dateOrNull(row.revokedAt),
    lastUsedAt: dateOrNull(row.lastUsedAt),
  };
}

export function fromToken(token: StoredToken): Row<'apiToken'> {
  return {
    ...token,
    images: token.images === null ? null : JSON.stringify(token.images),
    createdAt: token.createdAt.getTime(),
    expiresAt: token.expiresAt?.getTime() ?? null,
    revokedAt: token.revokedAt?.getTime() ?? null,
    lastUsedAt: token.lastUsedAt?.getTime() ?? null,
  };
}

export function fromEvent(event: AuditEvent): Omit<Row<'auditEvent'>, 'seq' | 'hash'> {
  return { ...event, at: event.at.getTime() };
}

export function toChainedEvent(row: Row<'auditEvent'>): ChainedEvent {
  return { ...row, at: new Date(row.at), action: row.action as AuditAction };
}

/** Returns an event as it will be read back, so that its hash still matches then. */
export function storableEvent(event: AuditEvent): AuditEvent {
  const { actor, account, target, targetText, requestId } = event;
  return {
    ...event,
    actor: storable(actor),
    account: storable(account),
    target: storable(target),
    targetText: storable(targetText),
    requestId: storable(requestId),
  };
}

export function fromArchiveRecord({ previous, last, at, ...facts }: ArchiveRecord): Omit<Row<'auditArchive'>, 'id'> {
  return {
    ...facts,
    previousSeq: previous.seq,
    previousHash: previous.hash,
    lastSeq: last.seq,
    lastHash: last.hash,
    at: at.getTime(),
  };
}

export function toArchiveRecord(row: Row<'auditArchive'>): ArchiveRecord {
  const { events, digest, actor, mac } = row;
  return {
    previous: { seq: row.previousSeq, hash: row.previousHash },
    last: { seq: row.lastSeq, hash: row.lastHash },
    at: new Date(row.at),
    events,
    digest,
    actor,
    mac,
  };
}

/** Replaces what PostgreSQL cannot store, NUL and lone surrogates, by U+FFFD: issuers choose the names of their subjects. */
export function storable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\u{fffd}');
}

/** Copies bytes into a `Uint8Array` that is no `Buffer`, whichever the driver returned. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

/** As `plainBytes`, or null for null. */
export function bytesOrNull(bytes: Uint8Array | null): Uint8Array | null {
  return bytes === null ? null : plainBytes(bytes);
}

function dateOrNull(timeMs: number | null): Date | null {
  return timeMs === null ? null : new Date(timeMs);
}
