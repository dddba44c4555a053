// Who may do what: the one permission table, and the rule for acting in an account.

import { Problem } from '../shared/problem.ts';

export const roles = ['ADMIN', 'READ_WRITE', 'READ_ONLY', 'PULL'] as const;
export type Role = (typeof roles)[number];

/** The account that exists from the start; only its tokens may hold the role `ADMIN`. */
export const adminAccount = 'admin';

/** Who calls. */
export interface Principal {
  /** `token:<id>` for an API token, `<issuer>#<sub>` for a JWT: an issuer is a URL, so the two are never the same. */
  readonly subject: string;
  readonly account: string;
  readonly role: Role;
  /** Image patterns that a pull token is limited to (`docker.io/anchore/*`), or null for no limit. */
  readonly images: readonly string[] | null;
  readonly expiresAt: Date | null;
}

/** What is kept of a login while something that it gave lasts (a session, a grant), to ask later who stands behind it. */
export type Login = Pick<Principal, 'subject' | 'account' | 'role' | 'expiresAt'>;

/** One call: who makes it and under which request id it is logged. */
export interface Caller {
  /** Undefined when nobody logged in. */
  readonly principal: Principal | undefined;
  readonly requestId: string;
  /** Gives what is aborted when the client goes away, the same at each call. Most requests are over before anybody asks for it. */
  readonly signal?: (() => AbortSignal) | undefined;
}

/** Every operation and the roles that may run it. An operation without a row does not compile, and a matrix test walks it. */
export const permissions = {
  'principal.get': ['ADMIN', 'READ_WRITE', 'READ_ONLY', 'PULL'],
  'registry.list': ['ADMIN', 'READ_WRITE'],
  'registry.watch': ['ADMIN', 'READ_WRITE'],
  'registry.get': ['ADMIN', 'READ_WRITE'],
  'registry.create': ['ADMIN', 'READ_WRITE'],
  'registry.update': ['ADMIN', 'READ_WRITE'],
  'registry.delete': ['ADMIN', 'READ_WRITE'],
  'registry.validate': ['ADMIN', 'READ_WRITE'],
  'registry.check': ['ADMIN', 'READ_WRITE'],
  'account.list': ['ADMIN'],
  'account.create': ['ADMIN'],
  'account.disable': ['ADMIN'],
  'account.enable': ['ADMIN'],
  'token.list': ['ADMIN', 'READ_WRITE'],
  'token.create': ['ADMIN', 'READ_WRITE'],
  'token.revoke': ['ADMIN', 'READ_WRITE'],
  'audit.list': ['ADMIN', 'READ_WRITE'],
  'image.explain': ['ADMIN', 'READ_WRITE', 'PULL'],
  'pull.use': ['ADMIN', 'READ_WRITE', 'PULL'],
  'pull.config': ['ADMIN', 'READ_WRITE', 'PULL'],
} as const satisfies Record<string, readonly Role[]>;

export type Operation = keyof typeof permissions;

/**
 * Lets the caller through or throws, before anything is parsed or read: the answer is the same whether or not a thing exists.
 * @throws Problem `UNAUTHENTICATED` without a login, `FORBIDDEN` when the role may not.
 */
export function authorise(caller: Caller, operation: Operation): Principal {
  const { principal } = caller;
  if (principal === undefined) {
    throw new Problem('UNAUTHENTICATED', 'Log in first: send an API token as "Authorization: Bearer rgw_…".');
  }
  if (!mayRun(principal, operation)) {
    throw new Problem('FORBIDDEN', `The role ${principal.role} may not run ${operation}; it needs ${permissions[operation].join(' or ')}.`);
  }
  return principal;
}

/** Whether the principal's role may run the operation. */
export function mayRun({ role }: Principal, operation: Operation): boolean {
  return (permissions[operation] as readonly Role[]).includes(role);
}

/** Whether the principal sees things of this account: its own, or every one for an admin. */
export function mayActIn(principal: Principal, account: string): boolean {
  return principal.account === account || principal.role === 'ADMIN';
}
