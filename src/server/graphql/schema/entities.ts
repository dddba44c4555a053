// What makes this graph a part of a larger one: `_entities` answers for keys that other subgraphs hold, `_service` tells the schema.
// https://www.apollographql.com/docs/graphos/schema-design/federated-schemas/reference/subgraph-spec

import type { GraphQLSchema } from 'graphql';
import { Problem } from '../../../core/shared/problem.ts';
import type { EntityKey, ImageExplanation } from '../../../core/registries/registries.ts';
import type { Registry } from '../../../core/registry/registry.ts';
import { builder, type GraphqlContext } from './builder.ts';
import { printSubgraph } from './federation.ts';
import { ContainerImageType } from './pulls.ts';
import { RegistryNode } from './registry.ts';

type Entity = Registry | ImageExplanation;

builder.scalarType('_Any', {
  description: 'An entity as another subgraph knows it: `__typename` and the fields of one of its keys.',
  // Anything is taken, so that an unfit one costs only its own place in the answer.
  parseValue: (value) => value,
  serialize: () => {
    throw new Error('A representation is never an answer.');
  },
});

const EntityUnion = builder.unionType('_Entity', {
  description: 'What other subgraphs may refer to by a key.',
  types: [RegistryNode, ContainerImageType],
  resolveType: (entity) => ('reference' in entity ? 'ContainerImage' : 'Registry'),
});

builder.queryField('_entities', (t) =>
  t.field({
    type: [EntityUnion],
    nullable: { list: false, items: true },
    description:
      'For a federation gateway: entities by their keys, in the same order, in your own account. Null is one that is not there or not yours; an unfit one is null with an error at its place. 1000 at most.',
    args: { representations: t.arg({ type: ['_Any'], required: true, description: '`{ __typename: "ContainerImage", reference: "…" }`, or a Registry by `id` or `registry`.' }) },
    resolve: (_root, { representations }, context) => entitiesOf(representations, context),
  }),
);

async function entitiesOf(representations: readonly unknown[], { registries, caller }: GraphqlContext): Promise<(Entity | null)[]> {
  const keys = representations.map(entityKey);
  const found = (await registries.entities(caller, keys.filter((key) => key !== undefined))).values();
  // To GraphQL an error among the values of a list is the error of that place, and null there.
  return keys.map((key) => (key === undefined ? unknownEntity() : (found.next().value ?? null)) as Entity | null);
}

/** Undefined when it names no entity of ours. Only the fields of keys are looked at: a gateway may send others too. */
function entityKey(representation: unknown): EntityKey | undefined {
  if (typeof representation !== 'object' || representation === null) return undefined;
  const own = (name: string): unknown => (Object.hasOwn(representation, name) ? (representation as Record<string, unknown>)[name] : undefined);
  const [id, registry] = [own('id'), own('registry')];
  switch (own('__typename')) {
    case 'Registry':
      return { type: 'Registry', key: id === undefined ? { registry } : { id } };
    case 'ContainerImage':
      return { type: 'ContainerImage', key: { reference: own('reference') } };
    default:
      return undefined;
  }
}

function unknownEntity(): Problem {
  return new Problem('INVALID_INPUT', 'A representation is an object whose __typename is Registry or ContainerImage.', { field: ['representations', '__typename'] });
}

const ServiceType = builder.objectRef<{ readonly sdl: string }>('_Service').implement({
  description: 'This subgraph.',
  fields: (t) => ({ sdl: t.exposeString('sdl', { description: 'Its schema, for composing; the same as the file schema/subgraph.graphql.' }) }),
});

builder.queryField('_service', (t) =>
  t.field({
    type: ServiceType,
    description: 'For a federation gateway: the schema of this subgraph. Shown to those who may introspect.',
    resolve: (_root, _args, _context, { schema }) => ({ sdl: subgraphSdl(schema) }),
  }),
);

let printed: string | undefined;

/** Printed once: there is one schema. */
function subgraphSdl(schema: GraphQLSchema): string {
  printed ??= printSubgraph(schema);
  return printed;
}
