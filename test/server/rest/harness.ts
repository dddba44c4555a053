// The REST API on loopback, as the server wires it: a real listener, real tokens, a real database; every answer is held against the OpenAPI document.

import { Agent, type IncomingHttpHeaders, type OutgoingHttpHeaders, request as httpRequest } from 'node:http';
import { type Caller, type Role, roles } from '../../../src/core/authz/principal.ts';
import type { Registries } from '../../../src/core/registries/registries.ts';
import { createAuthenticator } from '../../../src/server/auth/authenticator.ts';
import { issueToken } from '../../../src/server/auth/token-issuer.ts';
import { createListener } from '../../../src/server/http/listener.ts';
import type { Route } from '../../../src/server/http/route.ts';
import { createLog } from '../../../src/server/ops/log.ts';
import { createMetrics } from '../../../src/server/ops/metrics.ts';
import { createRestServer } from '../../../src/server/rest/server.ts';
import { openDomain, type TestDomain } from '../../support/domain.ts';
import { answerFaults } from './document.ts';
import { makeTemporaryDirectory } from '../../support/temporary/directory.ts';

/** The caller of a test: a role in the account admin, `TENANT` (READ_WRITE in the account tenant), or unauthenticated. */
export type Who = Role | 'TENANT' | null;

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The parsed body, or undefined if it is empty. */
  readonly body: unknown;
}

interface Sent {
  readonly who?: Who;
  readonly headers?: OutgoingHttpHeaders;
  /** A text is sent as it is, anything else as JSON with its content type. */
  readonly body?: unknown;
}

export interface TestApi {
  readonly port: number;
  readonly domain: TestDomain;
  /** Use cases that ran, in order. */
  readonly calls: { readonly name: string; readonly caller: Caller }[];
  /** Everything written to the log, as text. */
  readonly log: string[];
  /** Replaces use cases, to make them fail. */
  readonly overrides: Partial<Registries>;
  tokenOf(who: Exclude<Who, null>): string;
  /** Sends a request to a path below `/api/v2`, byte by byte, and checks the response against the document. */
  send(method: string, path: string, sent?: Sent): Promise<Answer>;
  /** The same to any path, held against nothing. */
  raw(method: string, path: string, sent?: Sent): Promise<Answer>;
  close(): Promise<void>;
}

export async function openApi(assetsDir = makeTemporaryDirectory('no-docs')): Promise<TestApi> {
  const domain = await openDomain();
  await insertAccount(domain, 'tenant');
  const tokens = await issueTokens(domain);
  const calls: TestApi['calls'] = [];
  const log: string[] = [];
  const overrides: Partial<Registries> = {};
  const logger = createLog('info', { write: (line) => log.push(line) });
  const rest = createRestServer({
    registries: recorded(domain.registries, calls, overrides),
    authenticate: createAuthenticator({
      access: domain.store.access,
      now: () => domain.time,
      schemes: ['bearer', 'basic'],
    }),
    now: () => domain.time,
    settings: { docs: { assetsDir } },
    log: { error: (fields, message) => logger.error(fields, message) },
  });
  const route: Route = {
    name: 'rest',
    matches: () => true,
    handle: (request, response, context) => rest.handle(request, response, context),
  };
  const listener = createListener({ routes: [route], tls: undefined, log: logger, metrics: createMetrics() });
  const port = await listener.listen('127.0.0.1', 0);
  const agent = new Agent({ keepAlive: true });
  const tokenOf: TestApi['tokenOf'] = (who) => tokens.get(who) ?? '';
  const raw: TestApi['raw'] = (method, path, { who = 'READ_WRITE', headers = {}, body } = {}) => {
    const authorization = who === null ? {} : { authorization: `Bearer ${tokenOf(who)}` };
    const type = body === undefined || typeof body === 'string' ? {} : { 'content-type': 'application/json' };
    return exchange({
      agent,
      port,
      method,
      path,
      headers: { ...authorization, ...type, ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  };
  return {
    port,
    domain,
    calls,
    log,
    overrides,
    tokenOf,
    raw,
    async send(method, path, sent) {
      const answer = await raw(method, `/api/v2${path}`, sent);
      const faults = answerFaults(method, path, answer);
      if (faults.length > 0)
        throw new Error(
          `${method} ${path}: the answer is not what the document says: ${faults.join('; ')}\n${answer.status} ${answer.text}`,
        );
      return answer;
    },
    async close() {
      agent.destroy();
      await listener.close({ drainTimeoutMs: 20_000 });
      await domain.close();
    },
  };
}

/** A body that creates a registry. */
export function creation(registry: string, more: object = {}): object {
  return {
    registry,
    registry_user: 'robot',
    registry_pass: 'hunter2',
    registry_type: 'docker_v2',
    registry_name: registry,
    registry_verify: true,
    ...more,
  };
}

/** The `error_type` of an answer, or `OK`. */
export function verdictOf({ status, body }: Answer): string {
  return status < 300 ? 'OK' : String((body as { error_type?: unknown } | undefined)?.error_type);
}

interface Exchange {
  readonly agent: Agent;
  readonly port: number;
  readonly method: string;
  readonly path: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body: string | undefined;
}

/** `node:http` and not `fetch`, which would tidy the path up. */
function exchange({ agent, port, method, path, headers, body }: Exchange): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const length =
      body === undefined || 'transfer-encoding' in headers ? {} : { 'content-length': Buffer.byteLength(body) };
    const request = httpRequest(
      { agent, host: '127.0.0.1', port, method, path, headers: { ...length, ...headers } },
      (response) => {
        response.setEncoding('utf8');
        let text = '';
        response.on('data', (chunk: string) => (text += chunk));
        response.on('error', reject);
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, body: parsed(text) }),
        );
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export async function insertAccount({ rows }: Pick<TestDomain, 'rows'>, name: string): Promise<void> {
  await rows(`INSERT INTO account (name, created_at) VALUES ('${name}', 0)`);
}

async function issueTokens({ store, time }: TestDomain): Promise<ReadonlyMap<Exclude<Who, null>, string>> {
  const people: [Exclude<Who, null>, Role, string][] = [
    ...roles.map((role): [Role, Role, string] => [role, role, 'admin']),
    ['TENANT', 'READ_WRITE', 'tenant'],
  ];
  const issued = people.map(async ([who, role, account]): Promise<[Exclude<Who, null>, string]> => {
    const { text } = await issueToken({
      access: store.access,
      now: () => time,
      account,
      role,
      name: who,
      images: null,
      expiresAt: null,
      actor: 'test',
      requestId: 'test',
    });
    return [who, text.reveal()];
  });
  return new Map(await Promise.all(issued));
}

function recorded(registries: Registries, calls: TestApi['calls'], overrides: Partial<Registries>): Registries {
  return new Proxy(registries, {
    get:
      (target, name: keyof Registries) =>
      (caller: Caller, ...rest: unknown[]) => {
        calls.push({ name, caller });
        const run = (overrides[name] ?? target[name]) as (caller: Caller, ...rest: unknown[]) => unknown;
        return run(caller, ...rest);
      },
  });
}
