// Reading: one registry, a page of them, and which one a pull of an image would use.

import { authorise, mayActIn, type Caller, type Principal } from '../authz/permissions.ts';
import { decodeCursor, encodeCursor, orderValue } from './list.ts';
import { findEntities } from './entities.ts';
import { askImage, coveringInOrder, explain, findNeighbours, registriesByText } from './explain.ts';
import { registryHost } from '../registry/host.ts';
import { defaultPageSize, getArguments, imageArguments, listArguments, parseInput, type ListArguments } from '../input.ts';
import type { PageQuery, Ports, RegistryFilter } from '../ports.ts';
import { Problem } from '../shared/problem.ts';
import { parseRegistryText, refuseWith } from '../registry/reference.ts';
import type { ImageExplanation, Registries, RegistryPage } from './registries.ts';
import { isRegistryId, type Registry } from '../registry/registry.ts';

type ReadPorts = Pick<Ports, 'registries' | 'access'>;

/** The reading half of the use cases. */
export function createReading(ports: ReadPorts): Pick<Registries, 'get' | 'list' | 'image' | 'entities'> {
  return {
    get: (caller, args) => getRegistry(ports, caller, args),
    list: (caller, args) => listRegistries(ports, caller, args),
    image: (caller, args) => explainImage(ports, caller, args),
    entities: (caller, keys) => findEntities(ports, caller, keys),
  };
}

async function getRegistry(ports: ReadPorts, caller: Caller, args: unknown): Promise<Registry | null> {
  const principal = authorise(caller, 'registry.get');
  const { id, registry: text, account } = parseInput(getArguments, args);
  if (id !== null && id !== undefined) return (await findOwned(ports, principal, id)) ?? null;
  const { registry } = parseRegistryText(text ?? '');
  const owner = account ?? principal.account;
  return mayActIn(principal, owner) ? ((await ports.registries.byText(owner, registry)) ?? null) : null;
}

/** A registry by id if the principal may see it. "Not there" and "not yours" are one answer: undefined. */
export async function findOwned({ registries }: Pick<Ports, 'registries'>, principal: Principal, id: string): Promise<Registry | undefined> {
  const registry = isRegistryId(id) ? await registries.byId(id) : undefined;
  return registry !== undefined && mayActIn(principal, registry.account) ? registry : undefined;
}

/**
 * The account that a call acts in: the caller's own, or the one named.
 * @throws Problem `NOT_FOUND` when there is no such account or it is not the caller's to see.
 */
export async function actingAccount({ access }: Pick<Ports, 'access'>, principal: Principal, named: string | null | undefined): Promise<string> {
  if (named === null || named === undefined || named === principal.account) return principal.account;
  if (mayActIn(principal, named) && (await access.accountExists(named))) return named;
  throw noSuchAccount();
}

/** One answer for "not there", "not yours" and "disabled". */
export function noSuchAccount(): Problem {
  return new Problem('NOT_FOUND', 'There is no such account.', { field: ['account'] });
}

async function listRegistries(ports: ReadPorts, caller: Caller, args: unknown): Promise<RegistryPage> {
  const principal = authorise(caller, 'registry.list');
  const parsed = parseInput(listArguments, args);
  const account = await actingAccount(ports, principal, parsed.account);
  const query = pageQuery(account, parsed);
  const pageSize = query.limit - 1;
  const rows = await ports.registries.page(query);
  const more = rows.length > pageSize;
  const nodes = more ? (query.forward ? rows.slice(0, pageSize) : rows.slice(rows.length - pageSize)) : rows;
  return {
    nodes,
    // Relay's cursor specification: beyond the asked direction, a given cursor is itself proof that something lies there.
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
    host: host === undefined ? undefined : registryHost(host, refuseWith('INVALID_INPUT', ['filter', 'host'])),
    type: filter.type ?? undefined,
    outcome: filter.outcome ?? undefined,
  };
}

async function explainImage(ports: ReadPorts, caller: Caller, args: unknown): Promise<ImageExplanation> {
  const principal = authorise(caller, 'image.explain');
  const { reference, account: named } = parseInput(imageArguments, args);
  const asked = askImage(principal, reference);
  const account = await actingAccount(ports, principal, named);
  const winner = (await ports.registries.firstByTexts(account, asked.texts)) ?? null;
  return explain(asked, {
    account,
    winner,
    covering: async () => coveringInOrder(asked, registriesByText(await ports.registries.byTexts(account, asked.texts))),
    neighbours: () => findNeighbours(ports, principal, account, [asked]),
  });
}
