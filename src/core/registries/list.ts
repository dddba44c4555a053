// Lists registries page by page: filter, order, and opaque cursors (Relay's cursor connections).

import { z } from 'zod';
import { actingAccount, authorize } from '../authz/permissions.ts';
import type { Caller } from '../authz/principal.ts';
import { registryHost } from '../registry/host.ts';
import { registryType } from '../registry/input.ts';
import type { LookupPorts } from '../registry/lookup.ts';
import { rejectWith } from '../registry/reference.ts';
import { isRegistryId, type Registry } from '../registry/registry.ts';
import { validationOutcomes } from '../registry/report.ts';
import { isNameKey, nameKey } from '../registry/search.ts';
import {
  type PageQuery,
  type Position,
  type RegistryFilter,
  type RegistryOrderField,
  registryOrderFields,
} from '../registry/store.ts';
import { accountName, defaultPageSize, singleLine, maxSearchLength, pageSize, parseInput } from '../shared/input.ts';
import { parseJson } from '../shared/json.ts';
import type { Page } from '../shared/page.ts';
import { Problem } from '../shared/problem.ts';

/** One page of registries, in the requested order. */
export interface RegistryPage extends Page<Registry> {
  /** Counts the registries that match the filter. Runs a query, so call it only if the count was requested. */
  totalCount(): Promise<number>;
}

const listArguments = z
  .strictObject({
    first: pageSize.nullish(),
    after: z.string().max(2048).nullish(),
    last: pageSize.nullish(),
    before: z.string().max(2048).nullish(),
    account: accountName.nullish(),
    filter: z
      .strictObject({
        search: singleLine(maxSearchLength).nullish(),
        host: z.string().max(300).nullish(),
        type: registryType.nullish(),
        outcome: z.enum(validationOutcomes).nullish(),
      })
      .nullish(),
    orderBy: z
      .strictObject({
        field: z.enum(registryOrderFields).default('REGISTRY'),
        direction: z.enum(['ASC', 'DESC']).default('ASC'),
      })
      .nullish(),
  })
  .refine((args) => (args.first ?? null) === null || (args.last ?? null) === null, {
    path: ['last'],
    message: 'cannot be combined with first',
  });
type ListArguments = z.infer<typeof listArguments>;

/**
 * Returns one page of registries.
 * @throws Problem `INVALID_INPUT`, `NOT_FOUND` (the account).
 */
export async function listRegistries(ports: LookupPorts, caller: Caller, args: unknown): Promise<RegistryPage> {
  const principal = authorize(caller, 'registry.list');
  const parsed = parseInput(listArguments, args);
  const account = await actingAccount(ports, principal, parsed.account);
  const query = pageQuery(account, parsed);
  const size = query.limit - 1;
  const rows = await ports.registries.page(query);
  const more = rows.length > size;
  const nodes = more ? (query.forward ? rows.slice(0, size) : rows.slice(rows.length - size)) : rows;
  return {
    nodes,
    // Relay's cursor specification: on the side opposite to the direction, a given cursor proves that there are more rows.
    hasNextPage: query.forward ? more : query.before !== null,
    hasPreviousPage: query.forward ? query.after !== null : more,
    cursorOf: (registry) => encodeCursor(query.field, { value: orderValue(query.field, registry), id: registry.id }),
    totalCount: () => ports.registries.count(account, query.filter),
  };
}

function pageQuery(account: string, args: ListArguments): PageQuery {
  const { field = 'REGISTRY', direction = 'ASC' } = args.orderBy ?? {};
  return {
    account,
    filter: registryFilter(args.filter ?? {}),
    field,
    direction,
    after: decodeCursor(field, args.after ?? null, 'after'),
    before: decodeCursor(field, args.before ?? null, 'before'),
    forward: (args.last ?? null) === null,
    limit: (args.first ?? args.last ?? defaultPageSize) + 1,
  };
}

function registryFilter(filter: NonNullable<ListArguments['filter']>): RegistryFilter {
  const host = filter.host?.trim() || undefined;
  return {
    search: filter.search?.trim() || undefined,
    host: host === undefined ? undefined : registryHost(host, rejectWith('INVALID_INPUT', ['filter', 'host'])),
    type: filter.type ?? undefined,
    outcome: filter.outcome ?? undefined,
  };
}

/** Returns the value that a registry is ordered by. */
export function orderValue(field: RegistryOrderField, registry: Registry): string | number {
  switch (field) {
    case 'REGISTRY':
      return registry.registry;
    case 'NAME':
      return nameKey(registry.name);
    case 'CREATED_AT':
      return registry.createdAt.getTime();
    case 'UPDATED_AT':
      return registry.updatedAt.getTime();
  }
}

/** Returns the cursor of a place in the order by `field`. */
export function encodeCursor(field: RegistryOrderField, { value, id }: Position): string {
  return Buffer.from(JSON.stringify([field, value, id])).toString('base64url');
}

/**
 * Parses the place in a cursor. Returns null for no cursor.
 * @throws Problem `INVALID_INPUT` if this list in this order did not issue the cursor.
 */
export function decodeCursor(field: RegistryOrderField, cursor: string | null, argument: string): Position | null {
  if (cursor === null) return null;
  const [order, value, id] = parseParts(cursor);
  const fits = fitsOrder(field, value);
  if (order === field && fits && typeof id === 'string' && isRegistryId(id))
    return { value: value as string | number, id };
  throw new Problem(
    'INVALID_INPUT',
    `${argument} is not a cursor of this list in this order. Start again without it.`,
    { field: [argument] },
  );
}

function fitsOrder(field: RegistryOrderField, value: unknown): boolean {
  switch (field) {
    case 'REGISTRY':
      return isStorableText(value);
    case 'NAME':
      return isStorableText(value) && isNameKey(value);
    case 'CREATED_AT':
    case 'UPDATED_AT':
      return Number.isSafeInteger(value);
  }
}

/** Returns whether PostgreSQL can store the value: it accepts neither NUL nor lone surrogates. */
function isStorableText(value: unknown): value is string {
  return typeof value === 'string' && value.isWellFormed() && !value.includes('\0');
}

function parseParts(cursor: string): unknown[] {
  const parts = parseJson(Buffer.from(cursor, 'base64url').toString());
  return Array.isArray(parts) ? parts : [];
}
