// Sends GraphQL over HTTP and Server-Sent Events to one Regway server. Every failure becomes a CommandFailure.

import { createClient as createStreamClient } from 'graphql-sse';
import { Secret } from '../../core/shared/secret.ts';
import { shellWord } from '../../core/shared/shell.ts';
import { CommandFailure, notReachable, refused, usageError } from '../errors.ts';
import type { Operation } from './operations.ts';
import { printable } from '../terminal/terminal.ts';

export interface Server {
  /** As returned by `parseServerUrl`. */
  readonly url: string;
  readonly token: Secret | undefined;
}

export interface Client {
  /** Runs a query or mutation once. @throws CommandFailure. */
  run<Data, Variables extends object>(operation: Operation<Data, Variables>, variables: Variables): Promise<Data>;
  /** Reads a subscription to its end. @throws CommandFailure. */
  stream<Data, Variables extends object>(
    operation: Operation<Data, Variables>,
    variables: Variables,
  ): AsyncGenerator<Data>;
}

interface GraphqlError {
  readonly message: string;
  readonly extensions?: { readonly code?: string; readonly reason?: string | null; readonly requestId?: string };
}

interface Answer {
  readonly data?: unknown;
  readonly errors?: readonly GraphqlError[];
}

/** Milliseconds until a hanging server is given up. A check takes at most 15 s, a page far less. */
const answerTimeoutMs = 60_000;

const advice = 'Check REGWAY_URL, or run "regway login" with the address of your server.';

/**
 * Creates a client that sends requests only to this server. It follows no redirect, because the body may contain a password.
 * @throws CommandFailure for a token that no header can carry.
 */
export function createClient(server: Server): Client {
  requireSendable(server.token);
  return {
    run: (operation, variables) => run(server, operation, variables),
    stream: (operation, variables) => stream(server, operation, variables),
  };
}

async function run<Data, Variables extends object>(
  server: Server,
  { document }: Operation<Data, Variables>,
  variables: Variables,
): Promise<Data> {
  const body = JSON.stringify({ query: document, variables: inTheClear(variables) });
  const headers = { ...authorization(server), 'Content-Type': 'application/json', Accept: 'application/json' };
  try {
    const response = await send(server, { method: 'POST', headers, body });
    return dataOf(await readAnswer(server, response), server) as Data;
  } catch (error) {
    throw asFailure(error, server);
  }
}

async function* stream<Data, Variables extends object>(
  server: Server,
  { document }: Operation<Data, Variables>,
  variables: Variables,
): AsyncGenerator<Data> {
  let fault: unknown;
  const client = createStreamClient({
    url: endpoint(server),
    headers: authorization(server),
    // An interrupted check is not repeated, because the registry counts each login.
    retryAttempts: 0,
    fetchFn: (_url: string, init: RequestInit) =>
      openStream(server, init).catch((error: unknown) => {
        // The library keeps only the message of an error.
        fault = error;
        throw error;
      }),
  });
  try {
    for await (const answer of client.iterate({ query: document, variables: inTheClear(variables) })) {
      yield dataOf(answer as Answer, server) as Data;
    }
  } catch (error) {
    throw asFailure(fault ?? error, server);
  } finally {
    client.dispose();
  }
}

/** Opens the stream. An error of the server arrives before it, as a JSON response. */
async function openStream(server: Server, init: RequestInit): Promise<Response> {
  const response = await send(server, init);
  if (response.ok && response.headers.get('content-type')?.startsWith('text/event-stream') === true) return response;
  dataOf(await readAnswer(server, response), server);
  throw notReachable(`${server.url} did not answer the subscription with an event stream.`);
}

function send(server: Server, init: RequestInit): Promise<Response> {
  const timeout = AbortSignal.timeout(answerTimeoutMs);
  return fetch(endpoint(server), {
    ...init,
    redirect: 'manual',
    signal: init.signal ? AbortSignal.any([init.signal, timeout]) : timeout,
  });
}

function endpoint({ url }: Server): string {
  return `${url}/graphql`;
}

/** Every API token, and every JWT, has only these characters. 12 KiB leave room for the other headers, of which a server reads 16 KiB. */
const sendableToken = /^[\x21-\x7e]{1,12288}$/;

/** @throws CommandFailure, which does not repeat the token, as the error of `fetch` for such a header does. */
function requireSendable(token: Secret | undefined): void {
  if (token === undefined || sendableToken.test(token.reveal())) return;
  throw usageError(
    'The token contains white space or other characters that no token has, or is too long. Copy it again: the whole token, and nothing else.',
  );
}

function authorization({ token }: Server): Record<string, string> {
  return token === undefined ? {} : { Authorization: `Bearer ${token.reveal()}` };
}

/** Returns the variables as they are sent: the one place where a password leaves its `Secret`. */
function inTheClear(variables: object): Record<string, unknown> {
  const text = JSON.stringify(variables, function (this: Record<string, unknown>, key, value: unknown) {
    const original = this[key];
    return original instanceof Secret ? original.reveal() : value;
  });
  return JSON.parse(text) as Record<string, unknown>;
}

async function readAnswer(server: Server, response: Response): Promise<Answer> {
  const answer: unknown = await response.json().catch(() => undefined);
  const isGraphql = typeof answer === 'object' && answer !== null && ('data' in answer || 'errors' in answer);
  if (!isGraphql)
    throw notReachable(`${server.url} does not answer as a Regway server (HTTP ${response.status}). ${advice}`);
  return answer as Answer;
}

function dataOf({ data, errors }: Answer, server: Server): unknown {
  const [error] = errors ?? [];
  if (error !== undefined) throw refused(sentence(error, server), { errors: errors?.map(plainError) });
  return data;
}

function sentence({ message, extensions = {} }: GraphqlError, { url, token }: Server): string {
  const request = extensions.requestId === undefined ? '' : ` (request id ${extensions.requestId})`;
  if (extensions.code !== 'UNAUTHENTICATED') return printable(`${message}${request}`);
  // A reason means that a new token would not help.
  if (token !== undefined && extensions.reason !== undefined && extensions.reason !== null)
    return printable(`${url} rejected your token: ${message}${request}`);
  const problem = token === undefined ? `${url} requires a token.` : `${url} rejected the token.`;
  return `${problem} Run "regway login ${shellWord(url)}", or set REGWAY_TOKEN.`;
}

function plainError({ message, extensions = {} }: GraphqlError): object {
  return { code: extensions.code ?? null, reason: extensions.reason ?? null, message, field: null };
}

function asFailure(error: unknown, { url }: Server): unknown {
  if (error instanceof CommandFailure) return error;
  if (!(error instanceof Error)) return error;
  const cause = error.cause instanceof Error ? error.cause : error;
  if (error.name === 'TimeoutError')
    return notReachable(`${url} did not answer within ${answerTimeoutMs / 1000} seconds.`);
  const code = 'code' in cause && typeof cause.code === 'string' ? cause.code : printable(cause.message);
  return notReachable(`${url} is not reachable (${code}). Check that the server runs there. ${advice}`);
}
