// Maps the claims of a token to one account and one role, as the setting says.

import { adminAccount, type Role } from '../../../core/authz/principal.ts';
import { isRecord } from '../../../core/shared/json.ts';
import type { ClaimPath, IssuerSettings } from './settings.ts';

export type Claims = Readonly<Record<string, unknown>>;

export interface Grantee {
  readonly account: string;
  readonly role: Role;
}

/** Of several roles a person gets the widest. */
const widestFirst: readonly Role[] = ['ADMIN', 'READ_WRITE', 'PULL', 'READ_ONLY'];

/** Returns the account and role that the claims grant, or undefined if they name no account or no role. */
export function granteeOf(
  { account, roles: { claim, map, otherwise }, mayGiveAdmin }: IssuerSettings,
  claims: Claims,
): Grantee | undefined {
  const name = 'value' in account ? account.value : claimAt(claims, account.claim);
  if (typeof name !== 'string' || name === '') return undefined;
  const given = textsAt(claims, claim).flatMap((text) => (Object.hasOwn(map, text) ? (map[text] ?? []) : []));
  const role = widestFirst.find((candidate) => given.includes(candidate)) ?? otherwise;
  if (role === undefined) return undefined;
  // Narrowing it in silence would hide the mistake in the issuer's groups.
  const isAllowed = role !== 'ADMIN' || (mayGiveAdmin && name === adminAccount);
  return isAllowed ? { account: name, role } : undefined;
}

/** The value of a claim, nested or not; undefined when it is not there. */
function claimAt(claims: Claims, path: ClaimPath): unknown {
  return [path]
    .flat()
    .reduce<unknown>(
      (value, name) => (isRecord(value) && Object.hasOwn(value, name) ? value[name] : undefined),
      claims,
    );
}

/** The texts that a claim holds: one or a list. `scope` holds words in one text (RFC 8693 §4.2). */
function textsAt(claims: Claims, path: ClaimPath): string[] {
  const value = claimAt(claims, path);
  if (typeof value === 'string') return path === 'scope' ? value.split(' ') : [value];
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
