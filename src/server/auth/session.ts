// Keeps the sessions of the console: exchanges a login once for an opaque ID, and resolves the login again on every request.

import { createHash, randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Login, Principal } from '../../core/authz/principal.ts';
import type { ResolveLogin } from './authenticator.ts';
import type { RequestAuthenticator } from './failed-logins.ts';

/** In milliseconds. A session without requests expires after two hours, so a browser that is left open in the evening is signed out in the morning. */
const idleLifetimeMs = 2 * 60 * 60 * 1000;
/** In milliseconds. Every session expires after a working day, in use or not. */
const absoluteLifetimeMs = 12 * 60 * 60 * 1000;
/** Maximum number of sessions; about 2 MB. Above it, the session that was idle longest is closed. */
const maxSessions = 10_000;
/** Maximum number of sessions of one login: more browsers than a person has. Above it, the login's oldest session is closed. */
const maxSessionsPerLogin = 20;
/** 256 bits, as in the tokens themselves: infeasible to guess. */
const idBytes = 32;

/** The ports of the sessions. */
export interface SessionOptions {
  /** Authenticates a token value. */
  readonly authenticate: RequestAuthenticator;
  readonly resolveLogin: ResolveLogin;
  readonly now: () => Date;
}

/** A session that was just opened. */
export interface OpenedSession {
  /** The value of the cookie. The server stores only its hash. */
  readonly id: string;
  readonly principal: Principal;
}

/** The sessions of the console. */
export interface Sessions {
  /** Opens a session for a token value. @throws Problem `UNAUTHENTICATED` if it is not valid; `RATE_LIMITED` after too many of these. */
  open(token: string, request: IncomingMessage): Promise<OpenedSession>;
  /** Opens a session for a login that is already authenticated. Returns its ID. */
  openFor(login: Login): string;
  /** Resolves the principal of a session, or undefined if it does not exist, or it or its login has ended. */
  principalOf(id: string): Promise<Principal | undefined>;
  /** Closes a session, if it exists. */
  close(id: string): void;
  /** Returns the number of sessions in memory, including those that ended and were not used since. */
  count(): number;
}

interface Session {
  readonly login: Login;
  readonly openedAt: number;
  lastUsedAt: number;
}

/** Creates the sessions. They are in memory: a restart signs every user out, and behind a load balancer a browser must stay with one server. */
export function createSessions({ authenticate, resolveLogin, now }: SessionOptions): Sessions {
  // In the order of their last use, so that the first was idle longest.
  const sessions = new Map<string, Session>();
  // The keys of each subject, in the order of their opening.
  const keysOfLogins = new Map<string, Set<string>>();
  const remove = (key: string): void => {
    const subject = sessions.get(key)?.login.subject;
    if (subject === undefined) return;
    sessions.delete(key);
    const keys = keysOfLogins.get(subject);
    keys?.delete(key);
    if (keys?.size === 0) keysOfLogins.delete(subject);
  };
  const add = (key: string, session: Session): void => {
    const keys = keysOfLogins.get(session.login.subject) ?? new Set();
    keysOfLogins.set(session.login.subject, keys.add(key));
    sessions.set(key, session);
    const [oldest] = keys;
    if (keys.size > maxSessionsPerLogin && oldest !== undefined) remove(oldest);
    const [idlest] = sessions.keys();
    if (sessions.size > maxSessions && idlest !== undefined) remove(idlest);
  };
  const openFor = (login: Login): string => {
    const id = randomBytes(idBytes).toString('base64url');
    const at = now().getTime();
    add(keyOf(id), { login, openedAt: at, lastUsedAt: at });
    return id;
  };
  return {
    openFor,
    async open(text, request) {
      const principal = await authenticate(`Bearer ${text}`, request);
      if (principal === undefined) throw new Error('A header authenticates or is rejected.');
      return { id: openFor(principal), principal };
    },
    async principalOf(id) {
      const key = keyOf(id);
      const session = sessions.get(key);
      if (session === undefined) return undefined;
      const at = now().getTime();
      const principal = isAlive(session, at) ? await resolveLogin(session.login) : undefined;
      // It may have been closed while the login was resolved.
      if (principal === undefined || !sessions.has(key)) {
        remove(key);
        return undefined;
      }
      session.lastUsedAt = at;
      // Behind the others, in the order of their last use.
      sessions.delete(key);
      sessions.set(key, session);
      return principal;
    },
    close(id) {
      remove(keyOf(id));
    },
    count: () => sessions.size,
  };
}

function isAlive({ openedAt, lastUsedAt }: Session, at: number): boolean {
  // A clock that was set back by hours ends a session; otherwise it would live for as long again.
  return Math.abs(at - lastUsedAt) < idleLifetimeMs && at - openedAt < absoluteLifetimeMs;
}

/** Hashes an ID, so that neither a memory dump nor the timing of the lookup reveals one. */
function keyOf(id: string): string {
  return createHash('sha256').update(id).digest('base64');
}
