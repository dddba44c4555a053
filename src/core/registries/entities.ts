// Finds many registries and images by key for a federated graph, in two reads whatever their number.

import { authorize, mayActIn } from '../authz/permissions.ts';
import type { Caller, Principal } from '../authz/principal.ts';
import { getArguments, type LookupPorts } from '../registry/lookup.ts';
import { parseRegistryPattern } from '../registry/reference.ts';
import { isRegistryId, type Registry } from '../registry/registry.ts';
import { parseInput } from '../shared/input.ts';
import { Problem } from '../shared/problem.ts';
import {
  type RequestedImage,
  parseRequestedImage,
  coveringInOrder,
  explain,
  findNeighbors,
  imageArguments,
  type ImageExplanation,
  registriesByPattern,
} from './explain.ts';

/** Maximum number of keys per call: ten of the largest pages. A gateway requests all entities of a response at once, some of them twice. */
export const maxEntities = 1000;
/** Maximum number of patterns per call: a thousand images of 20 path levels. A thousand of 120 would take seconds. */
const maxPatterns = 20_000;

/** The key of an entity in a federated graph: `{ id }` or `{ registry }` of a registry, `{ reference }` of an image, in the caller's own account. */
export interface EntityKey {
  readonly type: 'Registry' | 'ContainerImage';
  readonly key: unknown;
}

/** The result of one key: a problem of only this key, or null if the resource does not exist or the caller has no access to it. */
export type FoundEntity = Registry | ImageExplanation | Problem | null;

/** The lookups of one key, and its result from what they found. */
interface KeyLookup {
  readonly id?: string;
  readonly patterns?: readonly string[];
  readonly image?: RequestedImage;
  readonly answer: (found: Found) => FoundEntity;
}

/** The result of all lookups together. */
interface Found {
  readonly byId: ReadonlyMap<string, Registry>;
  readonly byPattern: ReadonlyMap<string, Registry>;
  readonly neighborsOf: (host: string) => Promise<readonly Registry[]>;
}

/**
 * Authorizes and parses each key separately, looks all of them up together, and returns their results in the same order.
 * @throws Problem `UNAUTHENTICATED`; `INVALID_INPUT` if the paths of all images together are too deep.
 */
export async function findEntities(
  ports: Pick<LookupPorts, 'registries'>,
  caller: Caller,
  keys: readonly EntityKey[],
): Promise<readonly FoundEntity[]> {
  const principal = authorize(caller, 'principal.get');
  const lookups = keys.map((key) =>
    ownProblem(() => (key.type === 'Registry' ? lookupRegistry(caller, key.key) : lookupImage(caller, key.key))),
  );
  const found = await lookUp(
    ports,
    principal,
    lookups.flatMap((lookup) => (lookup instanceof Problem ? [] : lookup)),
  );
  return lookups.map((lookup) => (lookup instanceof Problem ? lookup : lookup.answer(found)));
}

function ownProblem<T>(work: () => T): T | Problem {
  try {
    return work();
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
}

function lookupRegistry(caller: Caller, key: unknown): KeyLookup {
  const principal = authorize(caller, 'registry.get');
  const { id, registry: pattern } = parseInput(getArguments, key);
  if (id !== null && id !== undefined) {
    const visible = (registry: Registry | undefined) =>
      registry !== undefined && mayActIn(principal, registry.account) ? registry : null;
    return { ...(isRegistryId(id) ? { id } : {}), answer: ({ byId }) => visible(byId.get(id)) };
  }
  const { registry } = parseRegistryPattern(pattern ?? '');
  return { patterns: [registry], answer: ({ byPattern }) => byPattern.get(registry) ?? null };
}

function lookupImage(caller: Caller, key: unknown): KeyLookup {
  const principal = authorize(caller, 'image.explain');
  const image = parseRequestedImage(principal, parseInput(imageArguments, key).reference);
  const { host } = image.image;
  const answer: KeyLookup['answer'] = ({ byPattern, neighborsOf }) => {
    const covering = coveringInOrder(image, byPattern);
    return explain(image, {
      account: principal.account,
      winner: covering[0] ?? null,
      covering: async () => covering,
      neighbors: () => neighborsOf(host),
    });
  };
  return { image, patterns: image.patterns, answer };
}

async function lookUp(
  ports: Pick<LookupPorts, 'registries'>,
  principal: Principal,
  lookups: readonly KeyLookup[],
): Promise<Found> {
  const ids = new Set(lookups.flatMap(({ id }) => id ?? []));
  const patterns = new Set(lookups.flatMap((lookup) => lookup.patterns ?? []));
  if (patterns.size > maxPatterns)
    throw new Problem('INVALID_INPUT', 'These images have too many path levels in total. Request fewer at once.');
  const images = lookups.flatMap(({ image }) => image ?? []);
  const [withId, withPattern] = await Promise.all([
    ids.size === 0 ? [] : ports.registries.byIds([...ids]),
    patterns.size === 0 ? [] : ports.registries.byPatterns(principal.account, [...patterns]),
  ]);
  let neighbors: Promise<Map<string, Registry[]>> | undefined;
  return {
    byId: new Map(withId.map((registry) => [registry.id, registry])),
    byPattern: registriesByPattern(withPattern),
    async neighborsOf(host) {
      neighbors ??= findNeighbors(ports, principal, principal.account, images).then((found) =>
        Map.groupBy(found, (registry) => registry.host),
      );
      return (await neighbors).get(host) ?? [];
    },
  };
}
