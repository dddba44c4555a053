// The two printed forms of the schema: the API, and the Federation v2 subgraph for composing this graph with others. https://www.apollographql.com/docs/graphos/schema-design/federated-schemas/reference/directives

import { pruneSchema } from '@graphql-tools/utils';
import { buildASTSchema, Kind, parse, print, printSchema, visit, type ConstDirectiveNode, type DocumentNode, type GraphQLSchema, type ObjectTypeDefinitionNode } from 'graphql';

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
