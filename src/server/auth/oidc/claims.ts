// Maps the claims of a token to one account and one role by the settings of its issuer.

import { adminAccount, type Role } from '../../../core/authz/principal.ts';
import { isRecord } from '../../../core/shared/json.ts';
import type { ClaimPath, IssuerSettings } from './settings.ts';

/** The verified claims of a token (RFC 7519 §4). */
export type Claims = Readonly<Record<string, unknown>>;

/** The account and role that claims grant. */
export interface Grantee {
  readonly account: string;
  readonly role: Role;
}

/** If several roles match, the widest applies. */
const widestFirst: readonly Role[] = ['ADMIN', 'READ_WRITE', 'PULL', 'READ_ONLY'];

/** Returns the account and role that the claims grant, or undefined if they name no account or no role, or a role that the issuer may not grant. */
export function granteeOf(
  { account, roles: { claim, map, otherwise }, mayGiveAdmin }: IssuerSettings,
  claims: Claims,
): Grantee | undefined {
  const name = 'value' in account ? account.value : claimAt(claims, account.claim);
  if (typeof name !== 'string' || name === '') return undefined;
  const granted = textsAt(claims, claim).flatMap((text) => (Object.hasOwn(map, text) ? (map[text] ?? []) : []));
  const role = widestFirst.find((candidate) => granted.includes(candidate)) ?? otherwise;
  if (role === undefined) return undefined;
  // A silent change to a narrower role would hide the mistake in the issuer's groups.
  const isAllowed = role !== 'ADMIN' || (mayGiveAdmin && name === adminAccount);
  return isAllowed ? { account: name, role } : undefined;
}

/** Returns the value of a claim, nested or not; undefined if absent. */
function claimAt(claims: Claims, path: ClaimPath): unknown {
  return [path]
    .flat()
    .reduce<unknown>(
      (value, name) => (isRecord(value) && Object.hasOwn(value, name) ? value[name] : undefined),
      claims,
    );
}

/** Returns the texts of a claim: one or a list. `scope` is one text of words (RFC 8693 §4.2). */
function textsAt(claims: Claims, path: ClaimPath): string[] {
  const value = claimAt(claims, path);
  if (typeof value === 'string') return path === 'scope' ? value.split(' ') : [value];
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
