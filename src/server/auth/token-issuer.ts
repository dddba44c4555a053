// Issues and revokes API tokens.

import type { StoredToken } from '../../core/accounts/store.ts';
import {
  type IssuedToken,
  maxActiveTokens,
  maxTokenImages,
  type NewToken,
  type Requester,
} from '../../core/accounts/tokens.ts';
import type { AuditEvent } from '../../core/audit/event.ts';
import { adminAccount } from '../../core/authz/principal.ts';
import { parseRegistryPattern } from '../../core/registry/reference.ts';
import { Problem } from '../../core/shared/problem.ts';
import type { Secret } from '../../core/shared/secret.ts';
import type { Access } from './authenticator.ts';
import { hashTokenSecret, newTokenParts, printToken } from './token-text.ts';

/** At most 100 characters, so that a name fits on a line of a list. No control, format, or line-breaking character could forge another line. */
const namePattern = /^[^\p{C}\p{Zl}\p{Zp}]{0,100}$/u;

/**
 * Issues a token and stores its hash with the audit event.
 * @throws Problem `INVALID_INPUT` or `INVALID_REGISTRY` with the field; `NOT_FOUND` if the account does not exist; `LIMIT_EXCEEDED` if it has 1000 active tokens.
 */
export async function issueToken(request: Access & NewToken): Promise<IssuedToken> {
  checkRequest(request, request.now());
  const images = request.images?.map(canonicalImage) ?? null;
  if (!(await request.access.accountExists(request.account))) {
    throw new Problem('NOT_FOUND', 'The account does not exist. Check the spelling of its name.', {
      field: ['account'],
    });
  }
  const { token, text, event } = newToken({ ...request, images });
  await request.access.insertToken(token, event, maxActiveTokens);
  return { token, text };
}

/** Issues the admin token of the first start. Returns undefined if a token already exists, so of several processes only one receives it. */
export async function issueFirstToken(request: Access & Requester): Promise<Secret | undefined> {
  if (!(await request.access.hasNoTokens())) {
    return undefined;
  }
  const { token, text, event } = newToken({
    ...request,
    account: adminAccount,
    role: 'ADMIN',
    name: 'first start',
    images: null,
    expiresAt: null,
  });
  return (await request.access.insertFirstToken(token, event)) ? text : undefined;
}

/**
 * Revokes a token: it is rejected from the next request on. Returns the revoked token; one that was already revoked is unchanged.
 * @throws Problem `NOT_FOUND` if the token does not exist.
 */
export async function revokeToken({
  access,
  now,
  actor,
  requestId,
  id,
}: Access & Requester & { readonly id: string }): Promise<StoredToken> {
  const token = await access.tokenById(id);
  if (token === undefined) {
    throw new Problem(
      'NOT_FOUND',
      'There is no token with this ID. Pass the ID that the list of tokens shows, not the token itself.',
      { field: ['id'] },
    );
  }
  const at = now();
  const event = {
    at,
    actor,
    account: token.account,
    action: 'token.revoke',
    target: id,
    targetText: token.name,
    outcome: 'DONE',
    requestId,
  } as const;
  await access.revokeToken(id, at, event);
  return (await access.tokenById(id)) ?? token;
}

function checkRequest({ account, role, name, images, expiresAt }: NewToken, now: Date): void {
  if (role === 'ADMIN' && account !== adminAccount) {
    throw new Problem('INVALID_INPUT', `role can be ADMIN only for tokens of the account ${adminAccount}.`, {
      field: ['role'],
    });
  }
  if (!namePattern.test(name)) {
    throw new Problem('INVALID_INPUT', 'name must be at most 100 printable characters.', {
      field: ['name'],
    });
  }
  if (images !== null && (role !== 'PULL' || images.length === 0 || images.length > maxTokenImages)) {
    throw new Problem(
      'INVALID_INPUT',
      `images must be 1 to ${maxTokenImages} patterns, and only the role PULL can have them.`,
      {
        field: ['images'],
      },
    );
  }
  // Written so that an invalid date fails too.
  if (expiresAt !== null && !(expiresAt > now)) {
    throw new Problem('INVALID_INPUT', 'expiresAt must be in the future.', { field: ['expiresAt'] });
  }
}

function canonicalImage(text: string, index: number): string {
  try {
    return parseRegistryPattern(text).registry;
  } catch (error) {
    if (!(error instanceof Problem)) {
      throw error;
    }
    throw new Problem(error.code, error.message, { reason: error.reason, field: ['images', String(index)] });
  }
}

function newToken(request: Omit<Access, 'access'> & NewToken): IssuedToken & { readonly event: AuditEvent } {
  const parts = newTokenParts();
  const { account, role, name, images, expiresAt, actor, requestId } = request;
  const at = request.now();
  const token = {
    id: parts.id,
    account,
    role,
    name,
    secretHash: hashTokenSecret(parts.secret),
    images,
    createdAt: at,
    expiresAt,
    revokedAt: null,
    lastUsedAt: null,
  };
  const event = {
    at,
    actor,
    account,
    action: 'token.create',
    target: parts.id,
    targetText: name,
    outcome: 'DONE',
    requestId,
  } as const;
  return { token, text: printToken(parts), event };
}
