// The two printed forms of the schema: the API, and the Federation v2 subgraph for composing this graph with others. https://www.apollographql.com/docs/graphos/schema-design/federated-schemas/reference/directives

import { pruneSchema } from '@graphql-tools/utils';
import { buildASTSchema, type ConstDirectiveNode, type DocumentNode, type GraphQLSchema, Kind, type ObjectTypeDefinitionNode, parse, print, printSchema, visit } from 'graphql';
import type { EntityKey } from '../../../core/registries/entities.ts';
import type { ImageExplanation } from '../../../core/registries/explain.ts';
import type { Registry } from '../../../core/registry/registry.ts';
import { Problem } from '../../../core/shared/problem.ts';
import { builder, type GraphqlContext } from './builder.ts';
import { ContainerImageType } from './pulls.ts';
import { RegistryNode } from './registry.ts';

/** 2.9 at most: The Guild's composition refuses later versions. */
const link = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable"])';

/** What the composed graph needs to know about our types. `PageInfo` is the same in every graph that pages. */
const typeDirectives: Readonly<Record<string, string>> = {
  Registry: '@key(fields: "id") @key(fields: "registry")',
  ContainerImage: '@key(fields: "reference")',
  PageInfo: '@shareable',
};

/** How a gateway talks to a subgraph. It is served, but it is no part of the API, and composers know it by themselves. */
const federationTypes: ReadonlySet<string> = new Set(['_Any', '_Entity', '_Service']);
const federationFields: ReadonlySet<string> = new Set(['_entities', '_service']);

/** Root fields that only one graph can have, or that administer this server alone: they stay out of the subgraph. */
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

/** Prints the API as SDL: what is served, without the two fields for gateways. */
export function printApi(schema: GraphQLSchema): string {
  return `${printSchema(buildASTSchema(apiDocument(schema)))}\n`;
}

/** Prints the schema as a Federation v2.9 subgraph: links, entity keys, no `node` query, and no type that nothing leads to. The text depends on the schema alone. */
export function printSubgraph(schema: GraphQLSchema): string {
  const reached = pruneSchema(buildASTSchema(withoutRootFields(apiDocument(schema), ownRootFields)));
  const document = visit(parse(printSchema(reached)), { ObjectTypeDefinition: withDirectives });
  return `${link}\n\n${print(document)}\n`;
}

function apiDocument(schema: GraphQLSchema): DocumentNode {
  const served = parse(printSchema(schema));
  const definitions = served.definitions.filter((definition) => !('name' in definition && federationTypes.has(definition.name?.value ?? '')));
  return withoutRootFields({ ...served, definitions }, federationFields);
}

function withoutRootFields(document: DocumentNode, left: ReadonlySet<string>): DocumentNode {
  return visit(document, {
    ObjectTypeDefinition: (type) => (['Query', 'Mutation'].includes(type.name.value) ? { ...type, fields: (type.fields ?? []).filter(({ name }) => !left.has(name.value)) } : undefined),
  });
}

function withDirectives(type: ObjectTypeDefinitionNode): ObjectTypeDefinitionNode | undefined {
  const text = typeDirectives[type.name.value];
  return text === undefined ? undefined : { ...type, directives: [...(type.directives ?? []), ...parseDirectives(text)] };
}

function parseDirectives(text: string): readonly ConstDirectiveNode[] {
  const [definition] = parse(`scalar Carrier ${text}`).definitions;
  return definition?.kind === Kind.SCALAR_TYPE_DEFINITION ? (definition.directives ?? []) : [];
}

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
