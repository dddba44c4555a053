// Keeps the sessions of the console: a login is exchanged once for an opaque ID and resolved again on every request.

import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Login, Principal } from '../../core/authz/principal.ts';
import type { ResolveLogin } from './authenticator.ts';
import type { RequestAuthenticator } from './failed-logins.ts';

/** Without a request for this long a session ends: an unattended screen in the evening is signed out in the morning. */
export const idleLifetimeMs = 2 * 60 * 60 * 1000;
/** However busy, a session ends after a working day. */
export const absoluteLifetimeMs = 12 * 60 * 60 * 1000;
/** About 2 MB. More people than this do not look at one server; the session that was idle longest leaves first. */
export const maxSessions = 10_000;
/** 256 bits, as in the tokens themselves: infeasible to guess. */
const idBytes = 32;

export interface SessionOptions {
  /** Logs in with the text of a token. */
  readonly authenticate: RequestAuthenticator;
  readonly resolveLogin: ResolveLogin;
  readonly now: () => Date;
}

/** A session that was just opened. */
export interface OpenedSession {
  /** The value of the cookie. Stored here only as a hash. */
  readonly id: string;
  readonly principal: Principal;
}

export interface Sessions {
  /** @throws Problem `UNAUTHENTICATED` when the text is no valid token; `RATE_LIMITED` after too many of these. */
  open(token: string, request: IncomingMessage): Promise<OpenedSession>;
  /** Opens a session for a login that is already authenticated. Returns its ID. */
  openFor(login: Login): string;
  /** Resolves the principal of a session, or undefined if it does not exist, or it or its login has ended. */
  principalOf(id: string): Promise<Principal | undefined>;
  close(id: string): void;
}

interface Session {
  readonly login: Login;
  readonly openedAt: number;
  lastUsedAt: number;
}

/** Keeps sessions in memory: a restart signs every user out, and behind a balancer a browser must stay with one server. */
export function createSessions({ authenticate, resolveLogin, now }: SessionOptions): Sessions {
  // In the order of their last use, so that the first is the one to leave.
  const sessions = new Map<string, Session>();
  const keep = (key: string, session: Session): void => {
    sessions.delete(key);
    sessions.set(key, session);
    const [oldest] = sessions.keys();
    if (sessions.size > maxSessions && oldest !== undefined) sessions.delete(oldest);
  };
  const openFor = (login: Login): string => {
    const id = randomBytes(idBytes).toString('base64url');
    const at = now().getTime();
    keep(keyOf(id), { login, openedAt: at, lastUsedAt: at });
    return id;
  };
  return {
    openFor,
    async open(text, request) {
      const principal = await authenticate(`Bearer ${text}`, request);
      if (principal === undefined) throw new Error('a header logs in or is refused');
      return { id: openFor(principal), principal };
    },
    async principalOf(id) {
      const key = keyOf(id);
      const session = sessions.get(key);
      if (session === undefined) return undefined;
      const at = now().getTime();
      const principal = isAlive(session, at) ? await resolveLogin(session.login) : undefined;
      // It may have been closed while the store was asked.
      if (principal === undefined || !sessions.has(key)) {
        sessions.delete(key);
        return undefined;
      }
      session.lastUsedAt = at;
      keep(key, session);
      return principal;
    },
    close(id) {
      sessions.delete(keyOf(id));
    },
  };
}

function isAlive({ openedAt, lastUsedAt }: Session, at: number): boolean {
  return at - lastUsedAt < idleLifetimeMs && at - openedAt < absoluteLifetimeMs;
}

/** A dump of the memory or a timing of the lookup says nothing about the ids themselves. */
function keyOf(id: string): string {
  return createHash('sha256').update(id).digest('base64');
}
