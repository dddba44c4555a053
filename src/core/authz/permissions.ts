// Who may do what: the one permission table, and the rule for acting in an account.

import { Problem } from '../shared/problem.ts';
import type { Caller, Principal, Role } from './principal.ts';

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

/** Which accounts exist. */
export interface AccountLookup {
  /** Whether an account has this name, a disabled one too. */
  accountExists(name: string): Promise<boolean>;
}

/**
 * Lets the caller through or throws, before anything is parsed or read: the answer is the same whether or not a thing exists.
 * @throws Problem `UNAUTHENTICATED` without a login, `FORBIDDEN` when the role may not.
 */
export function authorize(caller: Caller, operation: Operation): Principal {
  const { principal } = caller;
  if (principal === undefined) {
    throw new Problem('UNAUTHENTICATED', 'Log in first: send an API token as "Authorization: Bearer rgw_…".');
  }
  if (!mayRun(principal, operation)) {
    throw new Problem(
      'FORBIDDEN',
      `The role ${principal.role} may not run ${operation}; it needs ${permissions[operation].join(' or ')}.`,
    );
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

/**
 * The account that a call acts in: the caller's own, or the one named.
 * @throws Problem `NOT_FOUND` when there is no such account or it is not the caller's to see.
 */
export async function actingAccount(
  { access }: { readonly access: AccountLookup },
  principal: Principal,
  named: string | null | undefined,
): Promise<string> {
  if (named === null || named === undefined || named === principal.account) return principal.account;
  if (mayActIn(principal, named) && (await access.accountExists(named))) return named;
  throw noSuchAccount();
}

/** One answer for "not there", "not yours" and "disabled". */
export function noSuchAccount(): Problem {
  return new Problem('NOT_FOUND', 'There is no such account.', { field: ['account'] });
}
