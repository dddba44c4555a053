// Wires the console: its files, its sessions, its sign-in, and the authentication of GraphQL requests.

import type { IncomingMessage } from 'node:http';
import type { Principal } from '../../core/authz/principal.ts';
import type { SignIn } from '../../server/auth/oidc/sign-in.ts';
import { createSessionCookie } from '../../server/auth/session-cookie.ts';
import { createSessions } from '../../server/auth/session.ts';
import type { Route } from '../../server/http/route.ts';
import { consoleRoute } from '../../server/pages/console.ts';
import type { Config } from '../config.ts';
import { isReachedByHttps, type Logins } from './logins.ts';

/** The routes of the console and the authentication of its requests. */
export interface ConsoleServer {
  readonly routes: readonly Route[];
  /** Authenticates by the `Authorization` header if present, else by the cookie of the console. @throws Problem `UNAUTHENTICATED`, `RATE_LIMITED`. */
  readonly authenticate: (request: IncomingMessage) => Promise<Principal | undefined>;
  /** Returns the number of sessions. */
  readonly sessions: () => number;
}

/** Creates the routes of the console. @param directory the directory of the built console. */
export function createConsole(config: Config, logins: Logins, directory: string): ConsoleServer {
  const now = (): Date => new Date();
  const byToken = logins.authenticator(['bearer']);
  const sessions = createSessions({ authenticate: byToken, resolveLogin: logins.resolveLogin, now });
  const cookie = createSessionCookie({
    sessions,
    now,
    isSecure: isReachedByHttps(config),
    publicOrigin: config.publicUrl === undefined ? undefined : new URL(config.publicUrl).origin,
    signInMethods: logins.signInMethods,
  });
  const signIn = logins.createSignIn?.(cookie.open);
  return {
    sessions: () => sessions.count(),
    routes: [
      {
        name: 'session',
        matches: (path) => path === '/session',
        handle: (request, response, context) => cookie.handle(request, response, context),
      },
      ...(signIn === undefined ? [] : [signInRoute(signIn)]),
      consoleRoute(
        directory,
        (path) => ['/', '/tokens', '/audit', '/accounts'].includes(path) || path.startsWith('/registries/'),
      ),
    ],
    authenticate: (request) => {
      const authorization = headerValues(request, 'authorization');
      return authorization.length === 0 ? cookie.authenticate(request) : byToken(authorization, request);
    },
  };
}

/** Returns every value of one header. Faster than `headersDistinct`, which parses all headers. @param name in lower case. */
function headerValues({ rawHeaders }: IncomingMessage, name: string): string[] {
  // `rawHeaders` alternates names and values.
  return rawHeaders.filter((_, index) => index % 2 === 1 && isNamed(rawHeaders[index - 1], name));
}

function isNamed(header: string | undefined, name: string): boolean {
  return header?.length === name.length && header.toLowerCase() === name;
}

function signInRoute(signIn: SignIn): Route {
  return {
    name: 'sign-in',
    matches: (path) => signIn.matches(path),
    handle: (request, response, context) => signIn.handle(request, response, context),
  };
}
