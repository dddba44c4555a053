// Compares reads of the system with the model: lists page by page, single registries with their passwords, and the one that an image uses.

import { deepStrictEqual } from 'node:assert';
import type { Registry } from '../../src/core/registry/registry.ts';
import { hosts, listQueryOf, pathOf, textOf, type Chance } from './choices.ts';
import type { System } from './system.ts';
import { listOf, winnerOf, type Known, type ListQuery, type World } from './world.ts';
import { caller } from './writes.ts';

/** Runs a random read and returns its description. @throws AssertionError if the result differs from the model. */
export async function readOnce(chance: Chance, system: System, world: World): Promise<string> {
  const kind = chance.below(3);
  if (kind === 0) {
    const [query, size, isForward] = [listQueryOf(chance), 1 + chance.below(5), chance.oneIn(2)];
    await compareList(system, world, query, size, isForward);
    return `list ${JSON.stringify({ ...query, size, isForward })}`;
  }
  if (kind === 1) {
    const text = textOf(chance);
    await compareGet(system, world, text);
    return `get ${text}`;
  }
  const [host, path] = [chance.pick(hosts), pathOf(chance)];
  await compareImage(system, world, host, path);
  return `image ${host}/${path}`;
}

/** The whole world, with every password. */
export async function compareAll(system: System, world: World): Promise<void> {
  await compareList(system, world, { filter: {}, field: 'REGISTRY', direction: 'ASC' }, 100, true);
  for (const { registry } of world.values()) await compareGet(system, world, registry);
}

async function compareList(
  { registries }: System,
  world: World,
  { filter, field, direction }: ListQuery,
  size: number,
  isForward: boolean,
): Promise<void> {
  const expected = listOf(world, { filter, field, direction });
  const found: Registry[] = [];
  let cursor: string | null = null;
  for (;;) {
    const place: object = isForward ? { first: size, after: cursor } : { last: size, before: cursor };
    const page = await registries.list(caller, { ...place, filter, orderBy: { field, direction } });
    deepStrictEqual(await page.totalCount(), expected.length);
    if (isForward) found.push(...page.nodes);
    else found.unshift(...page.nodes);
    const hasMore = isForward ? page.hasNextPage : page.hasPreviousPage;
    deepStrictEqual(hasMore, found.length < expected.length);
    const edge = isForward ? page.nodes.at(-1) : page.nodes[0];
    if (!hasMore || edge === undefined) break;
    cursor = page.cursorOf(edge);
  }
  deepStrictEqual(found.map(shown), expected.map(withoutPassword));
}

async function compareGet(system: System, world: World, text: string): Promise<void> {
  const expected = [...world.values()].find(({ registry }) => registry === text);
  // A host in capitals is the same host.
  const byPattern = await system.registries.get(caller, { registry: text.replace('example', 'EXAMPLE') });
  deepStrictEqual(byPattern && shown(byPattern), expected === undefined ? null : withoutPassword(expected));
  if (expected === undefined) return;
  const byId = await system.registries.get(caller, { id: expected.id });
  deepStrictEqual(byId && shown(byId), withoutPassword(expected));
  deepStrictEqual(await system.storedPassword(expected.id), expected.password);
}

async function compareImage({ registries }: System, world: World, host: string, path: string): Promise<void> {
  const explained = await registries.image(caller, { reference: `${host}/${path}:1.0` });
  deepStrictEqual(explained.registry?.registry ?? null, winnerOf(world, host, path));
  const candidates = await explained.candidates();
  deepStrictEqual(
    new Set(candidates.map(({ registry }) => registry.registry)),
    new Set([...world.values()].filter((known) => known.host === host).map(({ registry }) => registry)),
  );
}

function shown({
  id,
  registry,
  host,
  name,
  type,
  username,
  secureConnection,
  lastValidation,
  createdAt,
  updatedAt,
}: Registry): object {
  return {
    id,
    registry,
    host,
    name,
    type,
    username,
    secureConnection,
    outcome: lastValidation?.outcome,
    createdAt: createdAt.getTime(),
    updatedAt: updatedAt.getTime(),
  };
}

function withoutPassword({
  id,
  registry,
  host,
  name,
  type,
  username,
  secureConnection,
  outcome,
  createdAt,
  updatedAt,
}: Known): object {
  return { id, registry, host, name, type, username, secureConnection, outcome, createdAt, updatedAt };
}
