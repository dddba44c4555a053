// Serves `/session`, which exchanges a token for a cookie. The cookie counts only in requests of the console's own page.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Login, Principal } from '../../core/authz/principal.ts';
import { isRecord } from '../../core/shared/json.ts';
import { Problem } from '../../core/shared/problem.ts';
import { retryAfterSeconds } from '../../core/shared/rate-limit.ts';
import { BodyError, readJson } from '../http/body.ts';
import { createCookie } from '../http/cookie.ts';
import { noStore, sendJson } from '../http/response.ts';
import type { SignInMethod } from './oidc/sign-in.ts';
import type { Sessions } from './session.ts';

/** The console sends it with every request. A page of another origin cannot without a preflight, which is never granted. */
export const consoleHeader = 'x-regway-console';

/** An API token is 60 bytes and a JWT 12 KiB at most; this bounds what strangers can send. */
const maxBodyBytes = 13 * 1024;

export interface SessionCookieOptions {
  readonly sessions: Sessions;
  readonly now: () => Date;
  /** Whether browsers reach the server by https; the cookie then never travels without it. */
  readonly isSecure: boolean;
  /** The origin that people see (`https://regway.example.com`), where a proxy changes the Host header. */
  readonly publicOrigin: string | undefined;
  /** Other ways to sign in, which the console offers. */
  readonly signInWays: readonly SignInMethod[];
}

export interface SessionCookie {
  /** Resolves the cookie of a request to its principal, or undefined if it has none, is not from the console's page, or the session has ended. */
  authenticate(request: IncomingMessage): Promise<Principal | undefined>;
  /** Opens a session for a login that is already authenticated, and replaces the one that the browser may have had. */
  readonly open: (request: IncomingMessage, response: ServerResponse, login: Login) => void;
  /** Serves `/session`: POST signs in, GET tells who is signed in, DELETE signs out. */
  handle(request: IncomingMessage, response: ServerResponse, context: { readonly requestId: string }): Promise<void>;
}

/** Builds the two. Only the console's own requests may use or end a session (https://cheatsheetseries.owasp.org, Cross-Site Request Forgery). */
export function createSessionCookie(options: SessionCookieOptions): SessionCookie {
  const { sessions, isSecure } = options;
  const cookie = createCookie({ name: 'regway-session', isSecure, sameSite: 'Strict' });

  const give = (request: IncomingMessage, response: ServerResponse, id: string): void => {
    const previous = cookie.read(request);
    if (previous !== undefined) sessions.close(previous);
    cookie.write(response, id);
  };
  const signIn = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { id, principal } = await sessions.open(await readToken(request), request);
    give(request, response, id);
    send(response, 200, { principal: shown(principal) });
  };
  const signOut = (request: IncomingMessage, response: ServerResponse): void => {
    const id = cookie.read(request);
    if (id !== undefined) sessions.close(id);
    cookie.clear(response);
    send(response, 200, { principal: null });
  };
  const authenticate = async (request: IncomingMessage): Promise<Principal | undefined> => {
    const id = isFromConsole(request, options) ? cookie.read(request) : undefined;
    return id === undefined ? undefined : sessions.principalOf(id);
  };

  const handle: SessionCookie['handle'] = async (request, response, { requestId }) => {
    const { method = '' } = request;
    if (!['GET', 'POST', 'DELETE'].includes(method))
      return refuse(response, requestId, 405, 'A session is served to GET, POST and DELETE.', {
        Allow: 'GET, POST, DELETE',
      });
    if (!isFromConsole(request, options))
      return refuse(
        response,
        requestId,
        403,
        'Sessions are for the console of this server alone. Scripts send their token as "Authorization: Bearer rgw_…".',
      );
    try {
      if (method === 'POST') return await signIn(request, response);
      if (method === 'DELETE') return signOut(request, response);
      send(response, 200, { principal: shown(await authenticate(request)), signIn: options.signInWays });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      refuseLogin(response, requestId, error, options.now());
    }
  };
  return { authenticate, handle, open: (request, response, login) => give(request, response, sessions.openFor(login)) };
}

/** The header that only our page can send, and what the browser itself says about where the request comes from. */
function isFromConsole({ headers }: IncomingMessage, { publicOrigin }: SessionCookieOptions): boolean {
  const { origin, host, 'sec-fetch-site': site } = headers;
  if (headers[consoleHeader] !== '1') return false;
  if (site !== undefined && site !== 'same-origin') return false;
  return origin === undefined || origin === publicOrigin || hostOf(origin) === host;
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

/** @throws Problem `UNAUTHENTICATED` for everything that is not `{"token": "…"}` in JSON; it repeats nothing of it. */
async function readToken(request: IncomingMessage): Promise<string> {
  const body = await readJson(request, maxBodyBytes).catch((error: unknown) => {
    if (!(error instanceof BodyError)) throw error;
  });
  const token = isRecord(body) ? body['token'] : undefined;
  if (typeof token !== 'string') throw new Problem('UNAUTHENTICATED', 'Send {"token": "rgw_…"} as application/json.');
  return token.trim();
}

function shown(principal: Principal | undefined): object | null {
  if (principal === undefined) return null;
  const { subject, account, role, expiresAt } = principal;
  return { subject, account, role, expiresAt };
}

function send(response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  sendJson(response, status, body, { ...noStore, Vary: 'Cookie', ...headers });
}

function refuseLogin(
  response: ServerResponse,
  requestId: string,
  { code, message, reason, retryAfter }: Problem,
  now: Date,
): void {
  const isUnknown = reason === undefined;
  if (code === 'UNAUTHENTICATED')
    return refuse(
      response,
      requestId,
      401,
      isUnknown ? 'This is not a valid API token: it is misspelt, revoked or has expired.' : message,
    );
  if (code !== 'RATE_LIMITED' || retryAfter === undefined) return refuse(response, requestId, 503, message);
  refuse(response, requestId, 429, message, { 'Retry-After': String(retryAfterSeconds(retryAfter, now.getTime())) });
}

function refuse(
  response: ServerResponse,
  requestId: string,
  status: number,
  message: string,
  headers: Record<string, string> = {},
): void {
  send(response, status, { message, requestId }, headers);
  // The rest of a refused body is thrown away, so that the client gets to read this.
  response.req.resume();
}
