// The GraphQL operations of the command line on accounts, tokens, and the audit trail. A test validates them against the schema.

import type { Role } from '../../core/authz/principal.ts';
import { refused } from '../errors.ts';
import { printable } from '../terminal/terminal.ts';
import type { Operation, PayloadError } from './operations.ts';

export interface Account {
  readonly name: string;
  readonly createdAt: string;
  readonly disabledAt: string | null;
}

export interface Token {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly account: string;
  readonly images: readonly string[] | null;
  readonly createdAt: string;
  readonly expiresAt: string | null;
  readonly revokedAt: string | null;
  readonly lastUsedAt: string | null;
}

export interface AuditEntry {
  readonly seq: number;
  readonly at: string;
  readonly actor: string;
  readonly action: string;
  readonly account: string;
  readonly target: string;
  readonly targetText: string;
  readonly outcome: string;
  readonly requestId: string;
}

interface Payload {
  readonly errors: readonly PayloadError[];
}

const errors = 'errors { code reason message field retryAfter }';
const account = 'name createdAt disabledAt';
const token = 'id name role account images createdAt expiresAt revokedAt lastUsedAt';

/** One page of a list. */
export interface ListPage<Node> {
  readonly nodes: readonly Node[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
}

/** Page size: the maximum that the server returns. */
const pageSize = 100;
const pageInfo = 'pageInfo { hasNextPage endCursor }';

export const accountsOperation: Operation<{ accounts: ListPage<Account> }, { after: string | null }> = {
  document: `query Accounts($after: String) { accounts(first: ${pageSize}, after: $after) { nodes { ${account} } ${pageInfo} } }`,
};

type AccountOperation = Operation<{ result: Payload & { account: Account | null } }, { name: string }>;
const accountChange = (field: string): AccountOperation => ({
  document: `mutation Change($name: String!) { result: ${field}(name: $name) { account { ${account} } ${errors} } }`,
});
export const createAccountOperation = accountChange('createAccount');
export const disableAccountOperation = accountChange('disableAccount');
export const enableAccountOperation = accountChange('enableAccount');

export const tokensOperation: Operation<
  { tokens: ListPage<Token> },
  { account: string | undefined; includeInactive: boolean; after: string | null }
> = {
  document: `query Tokens($account: String, $includeInactive: Boolean!, $after: String) {
    tokens(account: $account, includeInactive: $includeInactive, first: ${pageSize}, after: $after) { nodes { ${token} } ${pageInfo} } }`,
};

interface TokenInput {
  readonly role: Role;
  readonly account: string | undefined;
  readonly name: string;
  readonly images: readonly string[] | null;
  readonly expiresAt: string | null;
}

export const createTokenOperation: Operation<
  { createToken: Payload & { token: Token | null; text: string | null } },
  { input: TokenInput }
> = {
  document: `mutation CreateToken($input: CreateTokenInput!) { createToken(input: $input) { token { ${token} } text ${errors} } }`,
};

export const revokeTokenOperation: Operation<{ revokeToken: Payload & { token: Token | null } }, { id: string }> = {
  document: `mutation RevokeToken($id: ID!) { revokeToken(id: $id) { token { ${token} } ${errors} } }`,
};

/** One screen of the trail, and the most that the server gives at once. */
export const auditOperation: Operation<
  { auditEvents: { nodes: readonly AuditEntry[] } },
  { first: number; filter: object }
> = {
  document: `query AuditEvents($first: Int, $filter: RegwayAuditFilter) {
    auditEvents(first: $first, filter: $filter) { nodes { seq at actor action account target targetText outcome requestId } } }`,
};

/** Reads a list page by page, from its start to its end. */
export async function readAllPages<Node>(
  readPage: (after: string | null) => Promise<ListPage<Node>>,
): Promise<readonly Node[]> {
  const all: Node[] = [];
  let after: string | null = null;
  do {
    const { nodes, pageInfo: next }: ListPage<Node> = await readPage(after);
    all.push(...nodes);
    after = next.hasNextPage ? next.endCursor : null;
  } while (after !== null);
  return all;
}

/** Returns the result in a payload. @throws CommandFailure with the first error, if the payload contains one. */
export function requireResult<Result>(result: Result | null, { errors: [error, ...more] }: Payload): Result {
  if (error !== undefined) throw refused(printable(error.message), { errors: [error, ...more] });
  if (result === null) throw refused('The server gave no result.');
  return result;
}
