// Prints the schema as the API and as a Federation v2 subgraph, and resolves entities for a gateway.
// https://www.apollographql.com/docs/graphos/schema-design/federated-schemas/reference/directives

import { pruneSchema } from '@graphql-tools/utils';
import {
  buildASTSchema,
  type ConstDirectiveNode,
  type DocumentNode,
  type GraphQLSchema,
  Kind,
  type ObjectTypeDefinitionNode,
  parse,
  print,
  printSchema,
  visit,
} from 'graphql';
import { type EntityKey, maxEntities } from '../../../core/registries/entities.ts';
import type { ImageExplanation } from '../../../core/registries/explain.ts';
import type { Registry } from '../../../core/registry/registry.ts';
import { Problem } from '../../../core/shared/problem.ts';
import { builder, type GraphqlContext, type ListSize } from './builder.ts';
import { ContainerImageType } from './pulls.ts';
import { RegistryNode } from './registry.ts';

/** The link to Federation. Version 2.9 at most, because The Guild's composition rejects later ones. */
const link = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable"])';

/** The federation directives of each type. `PageInfo` is the same in every graph with Relay pages. */
const typeDirectives: Readonly<Record<string, string>> = {
  Registry: '@key(fields: "id") @key(fields: "registry")',
  ContainerImage: '@key(fields: "reference")',
  PageInfo: '@shareable',
};

/** The types and root fields that a gateway uses. They are served, but not part of the API, and composers add them themselves. */
const federationTypes: ReadonlySet<string> = new Set(['_Any', '_Entity', '_Service']);
const federationFields: ReadonlySet<string> = new Set(['_entities', '_service']);

/** Root fields that are left out of the subgraph: those that only one graph can have, and those that administer this server. */
const ownRootFields: ReadonlySet<string> = new Set([
  'node',
  'accounts',
  'auditEvents',
  'tokens',
  'createAccount',
  'createToken',
  'disableAccount',
  'enableAccount',
  'revokeToken',
]);

/** Prints the API as SDL: the served schema without the two root fields for gateways. */
export function printApi(schema: GraphQLSchema): string {
  return `${printSchema(buildASTSchema(apiDocument(schema)))}\n`;
}

/** Prints the schema as a Federation v2.9 subgraph: links, entity keys, no `node` query, and no unreachable type. The text depends only on the schema. */
export function printSubgraph(schema: GraphQLSchema): string {
  const reached = pruneSchema(buildASTSchema(withoutRootFields(apiDocument(schema), ownRootFields)));
  const document = visit(parse(printSchema(reached)), { ObjectTypeDefinition: withDirectives });
  return `${link}\n\n${print(document)}\n`;
}

function apiDocument(schema: GraphQLSchema): DocumentNode {
  const served = parse(printSchema(schema));
  const definitions = served.definitions.filter(
    (definition) => !('name' in definition && federationTypes.has(definition.name?.value ?? '')),
  );
  return withoutRootFields({ ...served, definitions }, federationFields);
}

function withoutRootFields(document: DocumentNode, omitted: ReadonlySet<string>): DocumentNode {
  return visit(document, {
    ObjectTypeDefinition: (type) =>
      ['Query', 'Mutation'].includes(type.name.value)
        ? { ...type, fields: (type.fields ?? []).filter(({ name }) => !omitted.has(name.value)) }
        : undefined,
  });
}

function withDirectives(type: ObjectTypeDefinitionNode): ObjectTypeDefinitionNode | undefined {
  const text = typeDirectives[type.name.value];
  return text === undefined
    ? undefined
    : { ...type, directives: [...(type.directives ?? []), ...parseDirectives(text)] };
}

function parseDirectives(text: string): readonly ConstDirectiveNode[] {
  const [definition] = parse(`scalar Carrier ${text}`).definitions;
  return definition?.kind === Kind.SCALAR_TYPE_DEFINITION ? (definition.directives ?? []) : [];
}

type Entity = Registry | ImageExplanation;

builder.scalarType('_Any', {
  description: 'The representation of an entity: `__typename` and the fields of one of its keys.',
  // Accepts any value, so that an invalid representation fails only its own position in the response.
  parseValue: (value) => value,
  serialize: () => {
    throw new Error('A representation is never returned.');
  },
});

const EntityUnion = builder.unionType('_Entity', {
  description: 'An entity that other subgraphs can reference by a key.',
  types: [RegistryNode, ContainerImageType],
  resolveType: (entity) => ('reference' in entity ? 'ContainerImage' : 'Registry'),
});

/** One for each representation. */
const entityList: ListSize = { most: maxEntities, usual: 1, arguments: ['representations'], areRows: true };

builder.queryField('_entities', (t) =>
  t.field({
    type: [EntityUnion],
    nullable: { list: false, items: true },
    extensions: { listSize: entityList },
    description:
      'For federation gateways: fetches entities of your own account by their keys, in the same order. An entity is null if it does not exist or you do not have access; an invalid representation is null with an error at its position. At most 1000.',
    args: {
      representations: t.arg({
        type: ['_Any'],
        required: true,
        description:
          'The representations: `{ __typename: "ContainerImage", reference: "…" }`, or a Registry by `id` or `registry`.',
      }),
    },
    resolve: (_root, { representations }, context) => entitiesOf(representations, context),
  }),
);

async function entitiesOf(
  representations: readonly unknown[],
  { registries, caller }: GraphqlContext,
): Promise<(Entity | null)[]> {
  const keys = representations.map(entityKey);
  const found = (
    await registries.entities(
      caller,
      keys.filter((key) => key !== undefined),
    )
  ).values();
  // GraphQL turns an error among the values of a list into null and an error at that position.
  return keys.map((key) => (key === undefined ? unknownEntity() : (found.next().value ?? null)) as Entity | null);
}

/** Returns the key in a representation, or undefined if it names no entity of this graph. Reads only key fields, because a gateway may send others too. */
function entityKey(representation: unknown): EntityKey | undefined {
  if (typeof representation !== 'object' || representation === null) return undefined;
  const own = (name: string): unknown =>
    Object.hasOwn(representation, name) ? (representation as Record<string, unknown>)[name] : undefined;
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
  return new Problem(
    'INVALID_INPUT',
    'A representation must be an object whose __typename is Registry or ContainerImage.',
    { field: ['representations', '__typename'] },
  );
}

const ServiceType = builder.objectRef<{ readonly sdl: string }>('_Service').implement({
  description: 'This subgraph.',
  fields: (t) => ({
    sdl: t.exposeString('sdl', {
      description: 'The schema of this subgraph, for composition. Equal to the file schema/subgraph.graphql.',
    }),
  }),
});

builder.queryField('_service', (t) =>
  t.field({
    type: ServiceType,
    description: 'For federation gateways: the schema of this subgraph. Available to callers who may introspect.',
    resolve: (_root, _args, _context, { schema }) => ({ sdl: subgraphSdl(schema) }),
  }),
);

let printed: string | undefined;

/** Returns the printed subgraph, printed once because there is only one schema. */
function subgraphSdl(schema: GraphQLSchema): string {
  printed ??= printSubgraph(schema);
  return printed;
}
