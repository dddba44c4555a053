// An invented subgraph of another team: it has images and deployments, extends Regway's ContainerImage, and references a Registry by its pattern.

import { createServer } from 'node:http';
import { createSchema, createYoga } from 'graphql-yoga';
import { closeServer, listen } from './loopback.ts';

/** Its schema for a composer, with its own types under common names. */
export const imagesSdl = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.9", import: ["@key", "@shareable"])

  type Query {
    containerImages(first: Int!, hosts: Int! = 10): ContainerImageConnection!
    containerImage(reference: ID!): ContainerImage
    deployments: [Deployment!]!
  }

  type ContainerImageConnection { edges: [ContainerImageEdge!]! nodes: [ContainerImage!]! pageInfo: PageInfo! }
  type ContainerImageEdge { cursor: String! node: ContainerImage! }
  type PageInfo @shareable { hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String }

  type ContainerImage @key(fields: "reference") {
    reference: ID!
    sizeBytes: Int!
    builtAt: DateTime!
    status: Status!
    owner: User!
  }

  type Deployment { name: String! mirror: Registry! account: Account! error: Error }

  type Registry @key(fields: "registry", resolvable: false) { registry: String! }

  scalar DateTime
  enum Status { OK FAILED }
  enum Role { OWNER READER }
  type User { id: ID! role: Role! }
  type Account { id: ID! name: String! tokens: [Token!]! }
  type Token { id: ID! name: String! }
  type Image { id: ID! }
  type Event { id: ID! at: DateTime! }
  type AuditEvent { id: ID! at: DateTime! actor: User! }
  type AuditEventConnection { nodes: [AuditEvent!]! }
  type Error { message: String! code: ErrorCode! }
  enum ErrorCode { BROKEN }
  input Filter { search: String }
  enum OrderDirection { UP DOWN }
`;

/** The fields that a subgraph library would add. */
const machinery = `
  directive @link(url: String!, import: [String!]) repeatable on SCHEMA
  directive @key(fields: String!, resolvable: Boolean) repeatable on OBJECT
  directive @shareable on OBJECT
  scalar _Any
  union _Entity = ContainerImage
  extend type Query { _entities(representations: [_Any!]!): [_Entity]! }
`;

export interface ImagesSubgraph {
  readonly url: string;
  readonly close: () => Promise<void>;
}

/** Serves it on loopback. Its images lie on `r0.example`, `r1.example` and so on in turn; one deployment mirrors `mirror`. */
export async function serveImages(mirror: string): Promise<ImagesSubgraph> {
  const schema = createSchema({
    typeDefs: [imagesSdl, machinery],
    resolvers: {
      Query: {
        containerImages: (_root: unknown, { first, hosts }: { first: number; hosts: number }) =>
          connection(Array.from({ length: first }, (_, number) => imageNumber(number, hosts))),
        containerImage: (_root: unknown, { reference }: { reference: string }) => image(reference),
        deployments: () => [
          { name: 'shop', mirror: { registry: mirror }, account: { id: '1', name: 'shop', tokens: [] } },
        ],
        _entities: (_root: unknown, { representations }: { representations: { reference: string }[] }) =>
          representations.map(({ reference }) => image(reference)),
      },
      _Entity: { __resolveType: () => 'ContainerImage' },
    },
  });
  const yoga = createYoga({ schema, logging: false, graphiql: false });
  const server = createServer((request, response) => void yoga(request, response));
  return { url: `${await listen(server)}/graphql`, close: () => closeServer(server) };
}

function imageNumber(number: number, hosts: number) {
  return image(`r${number % hosts}.example/team/app-${number}:1`);
}

function image(reference: string) {
  return {
    reference,
    sizeBytes: reference.length,
    builtAt: '2026-01-02T03:04:05.000Z',
    status: 'OK',
    owner: { id: '1', role: 'OWNER' },
  };
}

function connection(nodes: readonly ReturnType<typeof image>[]) {
  return {
    nodes,
    edges: nodes.map((node) => ({ node, cursor: node.reference })),
    pageInfo: { hasNextPage: false, hasPreviousPage: false, startCursor: null, endCursor: null },
  };
}
