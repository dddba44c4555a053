// Regway's subgraph composes with a graph that has images, with both composers, and claims no name of other subgraphs.

import { readFileSync } from 'node:fs';
import {
  buildSchema,
  getNamedType,
  isInputObjectType,
  isObjectType,
  Kind,
  parse,
  type DefinitionNode,
  type GraphQLNamedType,
} from 'graphql';
import { describe, expect, test } from 'vitest';
import { composers } from './compose.ts';
import { imagesSdl } from './images-subgraph.ts';

const sdl = readFileSync(new URL('../../../schema/subgraph.graphql', import.meta.url), 'utf8');
const regway = { name: 'regway', url: 'http://regway.example/graphql', sdl };
const images = { name: 'images', url: 'http://images.example/graphql', sdl: imagesSdl };

describe.each(Object.entries(composers))('%s', (_name, compose) => {
  test('composes the subgraph of Regway by itself', () => {
    expect(compose([regway])).toContain('@join__type(graph: REGWAY, key: "reference")');
  });

  test('composes it with the images of another subgraph: one ContainerImage has the fields of both', () => {
    const supergraph = buildSchema(compose([regway, images]), { assumeValidSDL: true });
    const fields = (name: string) => {
      const type = supergraph.getType(name);
      return isObjectType(type) ? Object.keys(type.getFields()) : [];
    };
    expect(fields('ContainerImage')).toEqual(
      expect.arrayContaining(['reference', 'registry', 'candidates', 'sizeBytes', 'status']),
    );
    expect(fields('Deployment')).toContain('mirror');
    expect(fields('Query')).toEqual(expect.arrayContaining(['image', 'registries', 'containerImages']));
    expect(fields('Query')).not.toContain('node');
    expect(fields('Subscription')).toContain('registryCheck');
  });

  test('composes with another subgraph that pages, has nodes and live answers of its own', () => {
    const others = `extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable"])
      interface Node { id: ID! }
      type Scan implements Node @key(fields: "id") { id: ID! image: ContainerImage! }
      type ContainerImage @key(fields: "reference", resolvable: false) { reference: ID! }
      type PageInfo @shareable { hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String }
      type Query { node(id: ID!): Node scans: [Scan!]! }
      type Subscription { scanned: Scan! }`;
    expect(compose([regway, images, { name: 'scans', url: 'http://scans.example/graphql', sdl: others }])).toContain(
      'graph: SCANS',
    );
  });

  test('refuses a field that two subgraphs answer differently, which shows that it looks', () => {
    const clash = imagesSdl.replace('sizeBytes: Int!', 'sizeBytes: Int! host: String!');
    expect(() => compose([regway, { ...images, sdl: clash }])).toThrow(/ContainerImage\.host/);
  });
});

test('of the names in a graph with users, accounts, tokens, and errors, the subgraph shares only those with the same meaning', () => {
  const names = (text: string) => parse(text).definitions.flatMap(nameOf);
  const ours = new Set(names(sdl));
  expect(
    names(imagesSdl)
      .filter((name) => ours.has(name))
      .toSorted(),
  ).toEqual(['ContainerImage', 'DateTime', 'PageInfo', 'Query', 'Registry']);
});

test('every type is reachable from a root field, so that the composed graph has no type that cannot be queried', () => {
  const served = buildSchema(sdl, { assumeValidSDL: true });
  const reached = new Set<string>();
  const visit = (type: GraphQLNamedType): void => {
    if (reached.has(type.name)) return;
    reached.add(type.name);
    if (isInputObjectType(type)) Object.values(type.getFields()).forEach((field) => visit(getNamedType(field.type)));
    if (!isObjectType(type)) return;
    type.getInterfaces().forEach(visit);
    for (const { args, type: answered } of Object.values(type.getFields()))
      [answered, ...args.map((argument) => argument.type)].forEach((part) => visit(getNamedType(part)));
  };
  for (const root of [served.getQueryType(), served.getMutationType(), served.getSubscriptionType()])
    if (root) visit(root);
  expect(
    parse(sdl)
      .definitions.flatMap(nameOf)
      .filter((name) => !reached.has(name)),
  ).toEqual([]);
});

function nameOf(definition: DefinitionNode): string[] {
  return 'name' in definition && definition.kind !== Kind.OPERATION_DEFINITION && definition.name !== undefined
    ? [definition.name.value]
    : [];
}
