// The wiring of the console: its files, its sessions, and who a request to GraphQL speaks for.

import type { IncomingMessage } from 'node:http';
import type { Principal } from '../core/access.ts';
import { createSessionCookie } from '../auth/session-cookie.ts';
import { createSessions } from '../auth/session.ts';
import { createAuthenticator, createTokenRecall } from '../auth/token.ts';
import type { Config } from '../config.ts';
import type { Route } from '../ops/listener.ts';
import { consoleRoute } from '../ops/static-files.ts';
import type { Store } from '../store/store.ts';

export interface ConsoleServer {
  readonly routes: readonly Route[];
  /** The `Authorization` header where there is one, and the cookie of the console otherwise. @throws Problem `UNAUTHENTICATED`. */
  readonly authenticate: (request: IncomingMessage) => Promise<Principal | undefined>;
}

/** @param directory where the build put the console. */
export function createConsole(config: Config, store: Store, directory: string): ConsoleServer {
  const now = (): Date => new Date();
  const byToken = createAuthenticator({ access: store.access, now });
  const cookie = createSessionCookie({
    sessions: createSessions({ authenticate: byToken, recall: createTokenRecall({ access: store.access, now }), now }),
    isSecure: config.tls !== undefined || config.publicUrl?.startsWith('https:') === true,
    publicOrigin: config.publicUrl === undefined ? undefined : new URL(config.publicUrl).origin,
  });
  return {
    routes: [
      { name: 'session', matches: (path) => path === '/session', handle: (request, response, context) => cookie.handle(request, response, context) },
      consoleRoute(directory, (path) => path === '/' || path.startsWith('/registries/')),
    ],
    authenticate: (request) => {
      const { authorization } = request.headersDistinct;
      return authorization === undefined ? cookie.authenticate(request) : byToken(authorization);
    },
  };
}
