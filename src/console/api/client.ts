// Sends GraphQL operations, subscriptions, and session requests to the server of this page. The browser adds the session cookie.

import type { Operation } from './operations.ts';

/** Proves that the request comes from the console: a page of another site cannot send this header (CSRF protection). */
const consoleHeaders = { 'X-Regway-Console': '1' };

/** A failed request: a code, a message for the user, and the ID under which the server logged it, if it answered. */
export class RequestFailure extends Error {
  override readonly name = 'RequestFailure';
  /** `UNAUTHENTICATED`, `FORBIDDEN`, … or `NETWORK`. */
  readonly code: string;
  readonly requestId: string | null;

  constructor(code: string, message: string, requestId: string | null) {
    super(message);
    this.code = code;
    this.requestId = requestId;
  }
}

/** The signed-in principal, as the server reports it. */
export interface Principal {
  readonly subject: string;
  readonly account: string;
  readonly role: 'ADMIN' | 'READ_WRITE' | 'READ_ONLY' | 'PULL';
  readonly expiresAt: string | null;
}

/** An identity provider to sign in with: its display name and the path that starts the sign-in. */
export interface SignInMethod {
  readonly name: string;
  readonly path: string;
}

interface GraphqlBody<Answer> {
  readonly data?: Answer | null;
  readonly errors?: readonly { readonly message: string; readonly extensions?: { readonly code?: string } }[];
}

/** Runs a query or mutation. @throws RequestFailure. */
export async function run<Answer, Variables>(
  operation: Operation<Answer, Variables>,
  variables: Variables,
  signal?: AbortSignal,
): Promise<Answer> {
  const [answer] = await runWithId(operation, variables, signal);
  return answer;
}

/** Runs a query or mutation and returns its data with the request ID, to show next to errors in the payload. @throws RequestFailure. */
export async function runWithId<Answer, Variables>(
  operation: Operation<Answer, Variables>,
  variables: Variables,
  signal?: AbortSignal,
): Promise<[Answer, string | null]> {
  const response = await post(operation, variables, 'application/json', signal);
  return [dataOf((await readJson(response)) as GraphqlBody<Answer>, response), requestIdOf(response)];
}

/** Runs a subscription (server-sent events over POST) and yields its messages as they arrive. @throws RequestFailure. */
export async function* stream<Answer, Variables>(
  operation: Operation<Answer, Variables>,
  variables: Variables,
  signal: AbortSignal,
): AsyncGenerator<Answer> {
  const response = await post(operation, variables, 'text/event-stream', signal);
  if (response.headers.get('content-type')?.startsWith('text/event-stream') !== true || response.body === null) {
    dataOf((await readJson(response)) as GraphqlBody<Answer>, response);
    return;
  }
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ''; ;) {
    const { done, value } = await reader.read().catch(() => ({ done: true, value: undefined }) as const);
    if (done) return;
    const events = (text + value).split('\n\n');
    text = events.pop() ?? '';
    for (const data of events.flatMap(dataOfEvent)) yield dataOf(JSON.parse(data) as GraphqlBody<Answer>, response);
  }
}

/** Exchanges an API token for a session. @throws RequestFailure. */
export async function signIn(token: string): Promise<Principal> {
  const principal = await session({
    method: 'POST',
    body: JSON.stringify({ token }),
    headers: { ...consoleHeaders, 'Content-Type': 'application/json' },
  });
  if (principal === null) throw new RequestFailure('UNAUTHENTICATED', 'This is not a valid API token.', null);
  return principal;
}

/** Ends the session. @throws RequestFailure. */
export async function signOut(): Promise<void> {
  await session({ method: 'DELETE', headers: consoleHeaders });
}

/** Returns the signed-in principal, or null if no session exists. @throws RequestFailure. */
export function whoAmI(): Promise<Principal | null> {
  return session({ headers: consoleHeaders });
}

/** Returns the identity providers that the server offers for signing in. @throws RequestFailure. */
export async function fetchSignInMethods(): Promise<readonly SignInMethod[]> {
  const { signIn: methods = [] } = await sessionBody({ headers: consoleHeaders });
  return methods;
}

async function session(init: RequestInit): Promise<Principal | null> {
  const { principal = null } = await sessionBody(init);
  return principal;
}

interface SessionBody {
  readonly principal?: Principal | null;
  readonly signIn?: readonly SignInMethod[];
  readonly message?: string;
}

async function sessionBody(init: RequestInit): Promise<SessionBody> {
  const response = await send('/session', init);
  const body = (await readJson(response)) as SessionBody;
  if (!response.ok)
    throw new RequestFailure(
      response.status === 401 ? 'UNAUTHENTICATED' : 'REFUSED',
      body.message ?? `The server responded with HTTP ${response.status}.`,
      requestIdOf(response),
    );
  return body;
}

function post(query: string, variables: unknown, accept: string, signal: AbortSignal | undefined): Promise<Response> {
  const headers = { ...consoleHeaders, 'Content-Type': 'application/json', Accept: accept };
  return send('/graphql', {
    method: 'POST',
    headers,
    body: JSON.stringify({ query, variables }),
    ...(signal && { signal }),
  });
}

async function send(path: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(path, { credentials: 'same-origin', ...init });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new RequestFailure(
      'NETWORK',
      'The server cannot be reached. Check that it is running and that this computer is online, then try again.',
      null,
    );
  }
}

async function readJson(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    throw new RequestFailure(
      'UNREADABLE',
      `The response is not JSON (HTTP ${response.status}). A proxy may have answered instead of the server.`,
      requestIdOf(response),
    );
  }
}

function dataOf<Answer>({ data, errors = [] }: GraphqlBody<Answer>, response: Response): Answer {
  const [error] = errors;
  if (error !== undefined)
    throw new RequestFailure(error.extensions?.code ?? 'INTERNAL', error.message, requestIdOf(response));
  if (data === null || data === undefined)
    throw new RequestFailure('UNREADABLE', 'The response contains no data.', requestIdOf(response));
  return data;
}

/** Returns the data of one server-sent event, or nothing for comments and the closing event. */
function dataOfEvent(event: string): string[] {
  const lines = event.split('\n');
  const data = lines.filter((line) => line.startsWith('data:')).map((line) => line.slice(5).trimStart());
  return lines.some((line) => /^event: ?next$/.test(line)) ? [data.join('\n')] : [];
}

function requestIdOf(response: Response): string | null {
  return response.headers.get('x-request-id');
}
