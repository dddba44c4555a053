// The same operations through two faces, each over a domain of its own: what GraphQL and REST make of one call.

import { Agent, createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { RegistryType } from '../../../src/core/registry/registry.ts';
import type { ValidationOutcome } from '../../../src/core/registry/report.ts';
import { createTrustedDocuments } from '../../../src/server/graphql/execution/trusted-documents.ts';
import { createGraphqlServer } from '../../../src/server/graphql/server.ts';
import { callerOf, openDomain, type TestDomain } from '../../support/domain.ts';
import { openApi, verdictOf } from './harness.ts';

export interface Values {
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly type?: RegistryType | undefined;
  readonly name?: string | undefined;
  readonly verify?: boolean | undefined;
}

export type Step = { readonly role: 'READ_WRITE' | 'READ_ONLY' } & (
  | { readonly kind: 'list' }
  | { readonly kind: 'get'; readonly registry: string }
  | { readonly kind: 'delete'; readonly registry: string }
  | {
      readonly kind: 'create' | 'update';
      readonly registry: string;
      readonly values: Values;
      readonly validate: boolean;
      readonly outcome: ValidationOutcome;
    }
);

/** The result for a caller: `OK` or the code of the error, and the returned registries, in one vocabulary. */
export interface Verdict {
  readonly code: string;
  readonly shown: readonly object[];
}

export interface Face {
  readonly domain: TestDomain;
  run(step: Step): Promise<Verdict>;
  /** Deletes every registry behind the domain's back. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

export async function openRestFace(): Promise<Face> {
  const api = await openApi();
  return {
    domain: api.domain,
    async run(step) {
      const named = 'registry' in step && step.kind !== 'create' ? `/${encodeURIComponent(step.registry)}` : '';
      const query = 'validate' in step ? `?validate=${String(step.validate)}` : '';
      const method = { list: 'GET', get: 'GET', create: 'POST', update: 'PUT', delete: 'DELETE' }[step.kind];
      const body =
        'values' in step ? { body: restBody(step.kind === 'create' ? step.registry : undefined, step.values) } : {};
      const answer = await api.send(method, `/registries${named}${query}`, { who: step.role, ...body });
      return { code: verdictOf(answer), shown: answer.status === 200 ? (answer.body as object[]) : [] };
    },
    reset: () => deleteRegistries(api.domain),
    close: () => api.close(),
  };
}

async function deleteRegistries({ rows }: TestDomain): Promise<void> {
  await rows('DELETE FROM registry');
}

function restBody(registry: string | undefined, { user, password, type, name, verify }: Values): object {
  return {
    registry,
    registry_user: user,
    registry_pass: password,
    registry_type: type?.toLowerCase(),
    registry_name: name,
    registry_verify: verify,
  };
}

const fields = 'registry username type name secureConnection createdAt updatedAt account';
const documents = {
  list: `query ($after: String) { registries(first: 100, after: $after) { nodes { ${fields} } } }`,
  get: `query ($registry: String!) { registry(registry: $registry) { id ${fields} } }`,
  create: `mutation ($input: CreateRegistryInput!, $verify: Boolean!, $validate: Boolean!) { answer: createRegistry(input: $input, secureConnection: $verify, validate: $validate) { registry { ${fields} } errors { code } } }`,
  update: `mutation ($id: ID!, $input: UpdateRegistryInput!, $verify: Boolean!, $validate: Boolean!) { answer: updateRegistry(id: $id, input: $input, secureConnection: $verify, validate: $validate) { registry { ${fields} } errors { code } } }`,
  delete: 'mutation ($id: ID!) { answer: deleteRegistry(id: $id) { deletedId errors { code } } }',
};

type Node = Readonly<Record<string, string | boolean>>;
interface Result {
  readonly data?: {
    readonly registry?: Node | null;
    readonly registries?: { readonly nodes: readonly Node[] };
    readonly answer?: { readonly registry?: Node | null; readonly errors: readonly { readonly code: string }[] };
  } | null;
  readonly errors?: readonly { readonly extensions: { readonly code: string } }[];
}
type Ask = (document: string, variables: object) => Promise<Result>;

const missingId = 'reg_ffffffffffffffffffffffffffffffff';

export async function openGraphqlFace(): Promise<Face> {
  const domain = await openDomain();
  const server = await serveGraphql(domain);
  return {
    domain,
    run: (step) => graphqlStep(step, (query, variables) => server.post(step.role, { query, variables })),
    reset: () => deleteRegistries(domain),
    async close() {
      await server.close();
      await domain.close();
    },
  };
}

/** Runs the GraphQL operations that match one REST call. */
async function graphqlStep(step: Step, ask: Ask): Promise<Verdict> {
  if (step.kind === 'list') return verdict(await ask(documents.list, {}));
  if (step.kind === 'create') {
    const { user, password, verify = true, type, name } = step.values;
    return verdict(
      await ask(documents.create, {
        input: { registry: step.registry, username: user, password, type, name },
        verify,
        validate: step.validate,
      }),
    );
  }
  const found = await ask(documents.get, { registry: step.registry });
  const { code, shown } = verdict(found);
  if (step.kind === 'get' || code === 'FORBIDDEN') return { code, shown };
  const stored = found.data?.registry;
  const id = stored?.['id'] ?? missingId;
  if (step.kind === 'delete') {
    const deleted = verdict(await ask(documents.delete, { id }));
    return code === 'OK' ? deleted : { code, shown: [] };
  }
  const { user, password, type, name, verify = stored?.['secureConnection'] ?? true } = step.values;
  const updated = verdict(
    await ask(documents.update, {
      id,
      input: { username: user, password, type, name },
      verify,
      validate: step.validate,
    }),
  );
  // REST names the registry in the path; its body is read first, so a fault there comes first too.
  return code === 'OK' || updated.code === 'INVALID_INPUT' ? updated : { code, shown: [] };
}

function verdict({ data, errors = [] }: Result): Verdict {
  const [error] = errors;
  if (error !== undefined) return { code: error.extensions.code, shown: [] };
  const [failure] = data?.answer?.errors ?? [];
  if (failure !== undefined) return { code: failure.code, shown: [] };
  if (data?.registries !== undefined) return { code: 'OK', shown: data.registries.nodes.map(inRestWords) };
  const node = data?.answer?.registry ?? data?.registry;
  if (node === null || node === undefined) return { code: data?.answer === undefined ? 'NOT_FOUND' : 'OK', shown: [] };
  return { code: 'OK', shown: [inRestWords(node)] };
}

function inRestWords(node: Node): object {
  const date = (text: unknown) => `${new Date(String(text)).toISOString().slice(0, 19)}Z`;
  return {
    registry: node['registry'],
    registry_user: node['username'],
    registry_type: String(node['type']).toLowerCase(),
    registry_name: node['name'],
    registry_verify: node['secureConnection'],
    created_at: date(node['createdAt']),
    last_updated: date(node['updatedAt']),
    account_name: node['account'],
    userId: node['account'],
  };
}

async function serveGraphql(
  domain: TestDomain,
): Promise<{ post(role: string, body: object): Promise<Result>; close(): Promise<void> }> {
  const graphql = createGraphqlServer({
    useCases: domain.useCases,
    authenticate: async ({ headers }) =>
      callerOf(String(headers.authorization).endsWith('READ_ONLY') ? 'READ_ONLY' : 'READ_WRITE').principal,
    settings: {
      introspection: false,
      corsOrigins: [],
      documents: createTrustedDocuments(new Map(), false),
      compiledExecution: true,
      graphiql: { assetsDir: '/nonexistent' },
    },
    now: () => domain.time,
    log: {
      error: (entry) => {
        throw new Error(JSON.stringify(entry));
      },
    },
  });
  const server = createServer((request, response) => void graphql.handle(request, response, { requestId: 'test' }));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const agent = new Agent({ keepAlive: true });
  const { port } = server.address() as AddressInfo;
  return {
    post: (role, body) =>
      new Promise((resolve, reject) => {
        const headers = { 'content-type': 'application/json', authorization: `Bearer ${role}` };
        const request = httpRequest(
          { agent, host: '127.0.0.1', port, path: '/graphql', method: 'POST', headers },
          (response) => {
            let text = '';
            response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
            response.on('end', () => resolve(JSON.parse(text) as Result));
          },
        );
        request.on('error', reject).end(JSON.stringify(body));
      }),
    async close() {
      agent.destroy();
      await new Promise((resolve) => {
        server.close(resolve);
      });
      await graphql.dispose();
    },
  };
}
