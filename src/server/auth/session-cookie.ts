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

/** The header that the console sends with every request. A page of another origin can send it only after a preflight, which is never allowed. */
export const consoleHeader = 'x-regway-console';

/** An API token is 60 bytes and a JWT at most 12 KiB; 13 KiB bounds a hostile body. */
const maxBodyBytes = 13 * 1024;

/** The sessions, and how browsers reach the server. */
export interface SessionCookieOptions {
  readonly sessions: Sessions;
  readonly now: () => Date;
  /** Whether browsers reach the server by HTTPS. The cookie is then never sent without it. */
  readonly isSecure: boolean;
  /** The origin that browsers use (`https://regway.example.com`); required if a proxy changes the Host header. */
  readonly publicOrigin: string | undefined;
  /** The other sign-in methods that the console offers. */
  readonly signInMethods: readonly SignInMethod[];
}

/** The cookie of a session and its endpoint. */
export interface SessionCookie {
  /** Resolves the cookie of a request to its principal, or undefined if it is absent, the request is not the console's, or the session has ended. */
  authenticate(request: IncomingMessage): Promise<Principal | undefined>;
  /** Opens a session for a login that is already authenticated, and closes the previous one of the browser. */
  readonly open: (request: IncomingMessage, response: ServerResponse, login: Login) => void;
  /** Serves `/session`: POST signs in, GET returns the principal, DELETE signs out. */
  handle(request: IncomingMessage, response: ServerResponse, context: { readonly requestId: string }): Promise<void>;
}

/**
 * Creates the cookie and its endpoint. Only the console's own requests can use or end a session (https://cheatsheetseries.owasp.org, Cross-Site
 * Request Forgery).
 */
export function createSessionCookie(options: SessionCookieOptions): SessionCookie {
  const { sessions, isSecure } = options;
  const cookie = createCookie({ name: 'regway-session', isSecure, sameSite: 'Strict' });

  const replaceSession = (request: IncomingMessage, response: ServerResponse, id: string): void => {
    const previous = cookie.read(request);
    if (previous !== undefined) sessions.close(previous);
    cookie.write(response, id);
  };
  const signIn = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { id, principal } = await sessions.open(await readToken(request), request);
    replaceSession(request, response, id);
    send(response, 200, { principal: shownPrincipal(principal) });
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
      return sendError(response, requestId, 405, 'The path /session supports GET, POST, and DELETE.', {
        Allow: 'GET, POST, DELETE',
      });
    if (!isFromConsole(request, options))
      return sendError(
        response,
        requestId,
        403,
        'Only the console can use sessions. In scripts, send the token as "Authorization: Bearer rgw_…".',
      );
    try {
      if (method === 'POST') return await signIn(request, response);
      if (method === 'DELETE') return signOut(request, response);
      send(response, 200, { principal: shownPrincipal(await authenticate(request)), signIn: options.signInMethods });
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      sendLoginError(response, requestId, error, options.now());
    }
  };
  return {
    authenticate,
    handle,
    open: (request, response, login) => replaceSession(request, response, sessions.openFor(login)),
  };
}

/** Whether a request has the header that only the console's page can send, and no header of the browser that names another origin. */
function isFromConsole({ headers }: IncomingMessage, { publicOrigin }: SessionCookieOptions): boolean {
  const { origin, host, 'sec-fetch-site': site } = headers;
  if (headers[consoleHeader] !== '1') return false;
  if (site !== undefined && site !== 'same-origin') return false;
  return origin === undefined || origin === publicOrigin || hostOf(origin) === host;
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

/** Reads the token value. @throws Problem `UNAUTHENTICATED` if the body is not `{"token": "…"}` in JSON; the message repeats nothing of it. */
async function readToken(request: IncomingMessage): Promise<string> {
  const body = await readJson(request, maxBodyBytes).catch((error: unknown) => {
    if (!(error instanceof BodyError)) throw error;
  });
  const token = isRecord(body) ? body['token'] : undefined;
  if (typeof token !== 'string') throw new Problem('UNAUTHENTICATED', 'Send {"token": "rgw_…"} as application/json.');
  return token.trim();
}

function shownPrincipal(principal: Principal | undefined): object | null {
  if (principal === undefined) return null;
  const { subject, account, role, expiresAt } = principal;
  return { subject, account, role, expiresAt };
}

function send(response: ServerResponse, status: number, body: object, headers: Record<string, string> = {}): void {
  sendJson(response, status, body, { ...noStore, Vary: 'Cookie', ...headers });
}

function sendLoginError(
  response: ServerResponse,
  requestId: string,
  { code, message, reason, retryAfter }: Problem,
  now: Date,
): void {
  const isUnknown = reason === undefined;
  if (code === 'UNAUTHENTICATED')
    return sendError(
      response,
      requestId,
      401,
      isUnknown ? 'This is not a valid API token. It is misspelled, revoked, or expired.' : message,
    );
  if (code !== 'RATE_LIMITED' || retryAfter === undefined) return sendError(response, requestId, 503, message);
  sendError(response, requestId, 429, message, { 'Retry-After': String(retryAfterSeconds(retryAfter, now.getTime())) });
}

function sendError(
  response: ServerResponse,
  requestId: string,
  status: number,
  message: string,
  headers: Record<string, string> = {},
): void {
  send(response, status, { message, requestId }, headers);
  // A client that is still sending reads the response only if its body is consumed.
  response.req.resume();
}
