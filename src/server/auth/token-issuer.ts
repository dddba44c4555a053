// Issues and revokes API tokens.

import type { StoredToken } from '../../core/accounts/store.ts';
import type { IssuedToken, NewToken, Requester } from '../../core/accounts/tokens.ts';
import type { AuditEvent } from '../../core/audit/event.ts';
import { adminAccount } from '../../core/authz/principal.ts';
import { parseRegistryPattern } from '../../core/registry/reference.ts';
import { Problem } from '../../core/shared/problem.ts';
import type { Secret } from '../../core/shared/secret.ts';
import type { Access } from './authenticator.ts';
import { hashTokenSecret, newTokenParts, printToken } from './token-text.ts';

/** A label fits on a line of a list; no control, format or line-breaking characters, which could forge one. */
const namePattern = /^[^\p{C}\p{Zl}\p{Zp}]{0,100}$/u;

/** Bounds the work of one pull; a token for more images than this is better unlimited. */
const maxImages = 100;

/**
 * Issues a token and stores its hash with the audit event.
 * @throws Problem `INVALID_INPUT` or `INVALID_REGISTRY` naming the field, `NOT_FOUND` when there is no such account.
 */
export async function issueToken(request: Access & NewToken): Promise<IssuedToken> {
  checkRequest(request, request.now());
  const images = request.images?.map(canonicalImage) ?? null;
  if (!(await request.access.accountExists(request.account))) {
    throw new Problem('NOT_FOUND', 'There is no account of that name. Check its spelling.', { field: ['account'] });
  }
  const { token, text, event } = newToken({ ...request, images });
  await request.access.insertToken(token, event);
  return { token, text };
}

/** Issues the admin token of the first start. Returns undefined if a token exists already: of several processes, one gets it. */
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
 * Revokes a token: it is rejected from the next request on. Returns the token as it is now; one that was revoked before is unchanged.
 * @throws Problem `NOT_FOUND`.
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
      'There is no token with this id. Give the id that the list of tokens shows, not the token itself.',
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
    throw new Problem('INVALID_INPUT', `The role ADMIN is for tokens of the account ${adminAccount} only.`, {
      field: ['role'],
    });
  }
  if (!namePattern.test(name)) {
    throw new Problem('INVALID_INPUT', 'The name of a token has at most 100 characters, all printable.', {
      field: ['name'],
    });
  }
  if (images !== null && (role !== 'PULL' || images.length === 0 || images.length > maxImages)) {
    throw new Problem('INVALID_INPUT', `A limit to images is 1 to ${maxImages} patterns, and for the role PULL only.`, {
      field: ['images'],
    });
  }
  // Written so that an invalid date fails too.
  if (expiresAt !== null && !(expiresAt > now)) {
    throw new Problem('INVALID_INPUT', 'The expiry of a token lies in the future.', { field: ['expiresAt'] });
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
