// The Federation v2 form of the schema, for composing this graph with others. https://www.apollographql.com/docs/graphos/schema-design/federated-schemas/reference/directives

import { Kind, parse, print, printSchema, visit, type ConstDirectiveNode, type GraphQLSchema, type ObjectTypeDefinitionNode } from 'graphql';

/** 2.9 at most: The Guild's composition refuses later versions. */
const link = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable"])';

/** What the composed graph needs to know about our types. `PageInfo` is the same in every graph that pages. */
const typeDirectives: Readonly<Record<string, string>> = {
  Registry: '@key(fields: "id") @key(fields: "registry")',
  ContainerImage: '@key(fields: "reference")',
  PageInfo: '@shareable',
};

/** Root fields that only one graph can have, so they stay out. */
const ownRootFields: ReadonlySet<string> = new Set(['node']);

/** Prints the schema as SDL. */
export function printApi(schema: GraphQLSchema): string {
  return `${printSchema(schema)}\n`;
}

/** Prints the schema as a Federation v2.9 subgraph: links, entity keys, no `node` query. */
export function printSubgraph(schema: GraphQLSchema): string {
  const document = visit(parse(printSchema(schema)), { ObjectTypeDefinition: subgraphType });
  return `${link}\n\n${print(document)}\n`;
}

function subgraphType(type: ObjectTypeDefinitionNode): ObjectTypeDefinitionNode {
  const isQuery = type.name.value === 'Query';
  const fields = isQuery ? type.fields?.filter(({ name }) => !ownRootFields.has(name.value)) : type.fields;
  const directives = [...(type.directives ?? []), ...parseDirectives(typeDirectives[type.name.value])];
  return { ...type, directives, ...(fields === undefined ? {} : { fields }) };
}

function parseDirectives(text: string | undefined): readonly ConstDirectiveNode[] {
  if (text === undefined) return [];
  const [definition] = parse(`scalar Carrier ${text}`).definitions;
  return definition?.kind === Kind.SCALAR_TYPE_DEFINITION ? (definition.directives ?? []) : [];
}
