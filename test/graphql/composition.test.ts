// Our subgraph composes with a graph that knows images, whichever composer is used, and takes no name that others use.

import { readFileSync } from 'node:fs';
import { buildSchema, isObjectType, Kind, parse, type DefinitionNode } from 'graphql';
import { describe, expect, test } from 'vitest';
import { composers } from './federation/compose.ts';
import { imagesSdl } from './federation/images-subgraph.ts';

const sdl = readFileSync(new URL('../../schema/subgraph.graphql', import.meta.url), 'utf8');
const regway = { name: 'regway', url: 'http://regway.example/graphql', sdl };
const images = { name: 'images', url: 'http://images.example/graphql', sdl: imagesSdl };

describe.each(Object.entries(composers))('%s', (_name, compose) => {
  test('composes our subgraph alone', () => {
    expect(compose([regway])).toContain('@join__type(graph: REGWAY, key: "reference")');
  });

  test('composes it with the images of somebody else: one ContainerImage has the fields of both', () => {
    const supergraph = buildSchema(compose([regway, images]), { assumeValidSDL: true });
    const fields = (name: string) => {
      const type = supergraph.getType(name);
      return isObjectType(type) ? Object.keys(type.getFields()) : [];
    };
    expect(fields('ContainerImage')).toEqual(expect.arrayContaining(['reference', 'registry', 'candidates', 'sizeBytes', 'status']));
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
    expect(compose([regway, images, { name: 'scans', url: 'http://scans.example/graphql', sdl: others }])).toContain('graph: SCANS');
  });

  test('refuses a field that two subgraphs answer differently, which shows that it looks', () => {
    const clash = imagesSdl.replace('sizeBytes: Int!', 'sizeBytes: Int! host: String!');
    expect(() => compose([regway, { ...images, sdl: clash }])).toThrow(/ContainerImage\.host/);
  });
});

test('of the names in a graph that knows users, accounts, tokens and errors, we have those alone that mean the same', () => {
  const names = (text: string) => parse(text).definitions.flatMap(nameOf);
  const ours = new Set(names(sdl));
  expect(names(imagesSdl).filter((name) => ours.has(name)).toSorted()).toEqual(['ContainerImage', 'DateTime', 'PageInfo', 'Query', 'Registry']);
});

function nameOf(definition: DefinitionNode): string[] {
  return 'name' in definition && definition.kind !== Kind.OPERATION_DEFINITION && definition.name !== undefined ? [definition.name.value] : [];
}
