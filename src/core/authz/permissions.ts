// Defines the permission table, and the rule for acting in an account.

import { Problem } from '../shared/problem.ts';
import type { Caller, Principal, Role } from './principal.ts';

/** Maps each operation to the roles that may run it. An operation without a row does not compile, and a matrix test walks the table. */
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

/** The name of an operation, as in the permission table. */
export type Operation = keyof typeof permissions;

/** The port that knows which accounts exist. */
export interface AccountLookup {
  /** Returns whether an account has this name, a disabled one included. */
  accountExists(name: string): Promise<boolean>;
}

/**
 * Returns the principal if its role allows the operation. Call it before anything is parsed or read, so that the result does not
 * depend on whether a resource exists.
 * @throws Problem `UNAUTHENTICATED` for an unauthenticated caller, `FORBIDDEN` if the role does not allow the operation.
 */
export function authorize(caller: Caller, operation: Operation): Principal {
  const { principal } = caller;
  if (principal === undefined) {
    throw new Problem('UNAUTHENTICATED', 'Authentication required. Send an API token: "Authorization: Bearer rgw_…".');
  }
  if (!mayRun(principal, operation)) {
    throw new Problem(
      'FORBIDDEN',
      `The role ${principal.role} does not allow ${operation}. Allowed roles: ${permissions[operation].join(', ')}.`,
    );
  }
  return principal;
}

/** Returns whether the principal's role allows the operation. */
export function mayRun({ role }: Principal, operation: Operation): boolean {
  return (permissions[operation] as readonly Role[]).includes(role);
}

/** Returns whether the principal has access to the resources of this account: its own, or every account for an admin. */
export function mayActIn(principal: Principal, account: string): boolean {
  return principal.account === account || principal.role === 'ADMIN';
}

/**
 * Returns the account that a call acts in: the one named, or by default the principal's own.
 * @throws Problem `NOT_FOUND` if the account does not exist or the principal has no access to it.
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

/** Returns the one problem for an account that does not exist, is disabled, or that the caller has no access to. */
export function noSuchAccount(): Problem {
  return new Problem('NOT_FOUND', 'There is no such account.', { field: ['account'] });
}
