// A GraphQL endpoint on loopback over the real domain, with one token per role, that counts what reaches the use cases. Where replicas share the
// database each has a server, behind a balancer.

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Caller, Role } from '../../../src/core/authz/principal.ts';
import type { Registries } from '../../../src/core/registries/registries.ts';
import { Problem } from '../../../src/core/shared/problem.ts';
import { createTrustedDocuments } from '../../../src/server/graphql/execution/trusted-documents.ts';
import { createGraphqlServer, type GraphqlServerOptions } from '../../../src/server/graphql/server.ts';
import { frontOf } from '../../support/balancer.ts';
import { callerOf, openDomain, type TestDomain } from '../../support/domain.ts';
import type { Replica } from '../../support/replica.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: { readonly data?: unknown; readonly errors?: readonly AnswerError[] };
}

export interface AnswerError {
  readonly message: string;
  readonly path?: readonly string[];
  readonly locations?: readonly object[];
  readonly extensions: Readonly<Record<string, unknown>>;
}

export interface TestEndpoint {
  readonly url: string;
  readonly domain: TestDomain;
  /** Use cases that ran, in order. */
  readonly calls: { readonly name: string; readonly caller: Caller }[];
  /** Everything written to the log, as JSON. */
  readonly log: string[];
  /** Operation and code of every answer. */
  readonly observed: string[];
  /** Replaces use cases, to make them fail. */
  readonly overrides: Partial<Registries>;
  /** Sends a POST with this token (a role, or none). */
  send(query: string, variables?: object, token?: Role | null): Promise<Answer>;
  /** Sends a body unchanged. */
  request(path: string, init?: RequestInit): Promise<Answer>;
  close(): Promise<void>;
}

/** @param shared a domain that another endpoint serves too, and closes. */
export async function openEndpoint(
  settings: Partial<GraphqlServerOptions['settings']> = {},
  shared?: TestDomain,
): Promise<TestEndpoint> {
  const domain = shared ?? (await openDomain());
  const records: Records = { calls: [], log: [], observed: [], overrides: {} };
  const servers = await Promise.all(
    domain.replicas.map((replica) => serveReplica(replica, () => domain.time, records, settings)),
  );
  const front = await frontOf(servers);
  const url = `${front.url}/graphql`;
  const request = async (path: string, init?: RequestInit) => readAnswer(await fetch(new URL(path, url), init));
  return {
    ...records,
    url,
    domain,
    request,
    send: (query, variables = {}, token = 'ADMIN') =>
      request('/graphql', { method: 'POST', headers: jsonHeaders(token), body: JSON.stringify({ query, variables }) }),
    async close() {
      await front.stop();
      for (const server of servers) await server.close();
      if (shared === undefined) await domain.close();
    },
  };
}

type Records = Pick<TestEndpoint, 'calls' | 'log' | 'observed' | 'overrides'>;

interface Server {
  readonly url: string;
  close(): Promise<void>;
}

async function serveReplica(
  { useCases }: Replica,
  now: () => Date,
  { calls, log, observed, overrides }: Records,
  settings: Partial<GraphqlServerOptions['settings']>,
): Promise<Server> {
  const graphql = createGraphqlServer({
    useCases: {
      ...useCases,
      registries: recorded(useCases.registries, calls, overrides),
      uses: recorded(useCases.uses, calls),
    },
    authenticate: async ({ headersDistinct }) => principalOf(headersDistinct.authorization?.join(', ')),
    settings: {
      introspection: false,
      corsOrigins: [],
      documents: createTrustedDocuments(new Map(), false),
      compiledExecution: true,
      graphiql: { assetsDir: '/nonexistent' },
      ...settings,
    },
    now,
    log: { error: (fields, message) => log.push(JSON.stringify({ message, ...fields })) },
    observe: (operation, code) => observed.push(`${operation} ${code}`),
  });
  const server = createServer((request, response) => {
    response.setHeader('X-Request-Id', 'request-1');
    response.setHeader('X-Content-Type-Options', 'nosniff');
    void graphql.handle(request, response, { requestId: 'request-1' });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
      await graphql.dispose();
    },
  };
}

export function jsonHeaders(token: Role | null): Record<string, string> {
  return {
    'content-type': 'application/json',
    accept: 'application/json',
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
  };
}

function principalOf(authorization: string | undefined) {
  if (authorization === undefined) return undefined;
  const role = /^Bearer (ADMIN|READ_WRITE|READ_ONLY|PULL)$/.exec(authorization)?.[1];
  if (role === undefined) throw new Problem('UNAUTHENTICATED', 'This token is not valid.');
  return callerOf(role as Role).principal;
}

function recorded<UseCases extends object>(
  useCases: UseCases,
  calls: TestEndpoint['calls'],
  overrides: Partial<UseCases> = {},
): UseCases {
  return new Proxy(useCases, {
    get:
      (target, name: string & keyof UseCases) =>
      (caller: Caller, ...rest: unknown[]) => {
        calls.push({ name, caller });
        const run = (overrides[name] ?? target[name]) as (caller: Caller, ...rest: unknown[]) => unknown;
        return run(caller, ...rest);
      },
  });
}

async function readAnswer(response: Response): Promise<Answer> {
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: isJson ? (JSON.parse(text) as Answer['body']) : {},
  };
}

/** Returns a part of the data of a response by its path: objects by key, lists by index. Undefined if it does not exist. */
export function dataAt(answer: Answer, ...path: readonly (string | number)[]): unknown {
  const step = (value: unknown, key: string | number) =>
    (value as Record<string | number, unknown> | null | undefined)?.[key];
  return path.reduce(step, answer.body.data);
}
