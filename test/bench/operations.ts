// Defines the operations of the load: each creates requests with random values and checks the response to each.

import { encodeCursor } from '../../src/core/registries/list.ts';
import { createdHost, type SeededRegistry } from './data.ts';

/** One request and the check of its response. */
export interface Exchange {
  /** JSON of a GraphQL request. */
  readonly body: string;
  /** Returns the violation in the response, or undefined if it is correct. */
  readonly fault: (answer: Answer) => string | undefined;
}

export interface Answer {
  readonly data?: {
    readonly registry?: RegistryAnswer | null;
    readonly registries?: PageAnswer;
    readonly image?: { readonly registry: RegistryAnswer | null };
    readonly createRegistry?: {
      readonly registry: RegistryAnswer | null;
      readonly validation: { readonly outcome: string } | null;
      readonly errors: readonly unknown[];
    };
  } | null;
  readonly errors?: readonly unknown[];
}

interface RegistryAnswer {
  readonly id: string;
  readonly registry: string;
}

interface PageAnswer {
  readonly edges: readonly { readonly cursor: string; readonly node: RegistryAnswer }[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
}

export interface Operation {
  readonly name: string;
  next(): Exchange;
}

export const pageSize = 50;

/** The fields that a list on a screen shows. */
const fields =
  'id registry host repository name type username secureConnection lastValidation { outcome valid checkedAt } createdAt updatedAt';

const documents = {
  Get: `query Get($registry: String!) { registry(registry: $registry) { ${fields} } }`,
  Page: `query Page($after: String) { registries(first: ${pageSize}, after: $after) { edges { cursor node { ${fields} } } pageInfo { hasNextPage endCursor } } }`,
  Create: `mutation Create($input: CreateRegistryInput!) { createRegistry(input: $input, validate: false) {
    registry { id registry } validation { outcome } errors { code message } } }`,
  Image:
    'query Image($reference: String!) { image(reference: $reference) { reference registry { id registry username } } }',
};

/** Every operation over the seeded registries, in the order of the table. */
export function operations(seeded: readonly SeededRegistry[]): Operation[] {
  return [
    { name: 'get by registry', next: () => get(pick(seeded)) },
    { name: `page of ${pageSize}`, next: () => page(seeded, randomBelow(seeded.length - pageSize - 1)) },
    creates(),
    imageMatches(seeded),
  ];
}

function get(wanted: SeededRegistry): Exchange {
  return exchange('Get', { registry: wanted.registry }, ({ data }) =>
    isSame(data?.registry, wanted) ? undefined : `not ${wanted.registry}`,
  );
}

/** The page that starts behind the seeded registry at `start`. */
function page(seeded: readonly SeededRegistry[], start: number): Exchange {
  const cursorAt = (index: number) =>
    encodeCursor('REGISTRY', { value: seeded[index]?.registry ?? '', id: seeded[index]?.id ?? '' });
  return exchange('Page', { after: cursorAt(start) }, ({ data }) => {
    const { edges = [], pageInfo } = data?.registries ?? {};
    if (edges.length !== pageSize || !edges.every(({ node }, index) => isSame(node, seeded[start + 1 + index])))
      return 'not the page behind the cursor';
    const end = cursorAt(start + pageSize);
    return pageInfo?.hasNextPage === true && pageInfo.endCursor === end && edges.at(-1)?.cursor === end
      ? undefined
      : 'wrong page info or cursor';
  });
}

function creates(): Operation {
  let created = 0;
  return {
    name: 'create',
    next() {
      created += 1;
      const registry = `${createdHost}/benchmark/app-${created}`;
      // With its type: graphql-jit as it comes does not know an input field's default.
      const input = {
        registry,
        type: 'DOCKER_V2',
        username: `robot-${created}`,
        password: `a password of ordinary length ${created}`,
      };
      return exchange('Create', { input }, ({ data }) => {
        const { registry: stored, validation, errors = [] } = data?.createRegistry ?? {};
        return stored?.registry === registry && validation?.outcome === 'SKIPPED' && errors.length === 0
          ? undefined
          : `not stored: ${JSON.stringify(errors)}`;
      });
    },
  };
}

/** In turn an image that only an exact entry, a subtree, a host, and nothing covers. */
export function imageMatches(seeded: readonly SeededRegistry[]): Operation {
  const byKind = (['EXACT', 'SUBTREE', 'HOST'] as const).map((kind) =>
    seeded.filter((registry) => registry.kind === kind),
  );
  let turn = 0;
  return {
    name: 'match an image',
    next() {
      turn += 1;
      const candidates = byKind[turn % 4];
      return candidates === undefined
        ? image(`unknown.example/nothing/app-${turn}:1.0`, null)
        : matched(pick(candidates), turn);
    },
  };
}

function matched(winner: SeededRegistry, turn: number): Exchange {
  const references = {
    EXACT: () => `${winner.registry}:v1.${turn}`,
    SUBTREE: () => `${winner.registry.slice(0, -1)}other-${turn}`,
    HOST: () => `${winner.registry}/other-${turn}/app:latest`,
  };
  return image(references[winner.kind](), winner);
}

function image(reference: string, winner: SeededRegistry | null): Exchange {
  return exchange('Image', { reference }, ({ data }) => {
    const found = data?.image?.registry;
    const right = winner === null ? found === null : isSame(found, winner);
    return right ? undefined : `${reference} is not matched by ${winner?.registry ?? 'nothing'}`;
  });
}

function exchange(operationName: keyof typeof documents, variables: object, fault: Exchange['fault']): Exchange {
  return {
    body: JSON.stringify({ query: documents[operationName], operationName, variables }),
    fault: (answer) => (answer.errors === undefined ? fault(answer) : `errors: ${JSON.stringify(answer.errors)}`),
  };
}

function isSame(answer: RegistryAnswer | null | undefined, wanted: SeededRegistry | undefined): boolean {
  return wanted !== undefined && answer?.id === wanted.id && answer.registry === wanted.registry;
}

function pick<T>(items: readonly T[]): T {
  return items[randomBelow(items.length)] as T;
}

function randomBelow(bound: number): number {
  return Math.floor(Math.random() * bound);
}
