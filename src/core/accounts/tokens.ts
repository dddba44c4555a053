// The use cases on API tokens: whoever may make them gives nobody more than they have.

import { z } from 'zod';
import { actingAccount, authorize, mayActIn } from '../authz/permissions.ts';
import { type Caller, type Principal, type Role, roles } from '../authz/principal.ts';
import { accountName, parseInput } from '../shared/input.ts';
import { Problem } from '../shared/problem.ts';
import type { Secret } from '../shared/secret.ts';
import { parseDurationMs } from '../shared/time.ts';
import type { AccessStore, StoredToken } from './store.ts';

/** On whose word something is done to a token, for the audit trail. */
export interface Requester {
  /** Subject of the one who asks. */
  readonly actor: string;
  readonly requestId: string;
}

/** A token to be made, and on whose word. */
export interface NewToken extends Requester {
  /** The account that the token acts in; it must exist. */
  readonly account: string;
  /** `ADMIN` is for the account `admin`. */
  readonly role: Role;
  /** A label for people, 100 printable characters at most; may be empty. */
  readonly name: string;
  /** Registry texts that a `PULL` token is limited to; null for no limit and for every other role. */
  readonly images: readonly string[] | null;
  /** Null for a token that does not expire. */
  readonly expiresAt: Date | null;
}

export interface IssuedToken {
  readonly token: StoredToken;
  /** What logs in. It is not to be had again. */
  readonly text: Secret;
}

/** Makes and ends tokens, each with its audit event. */
export interface TokenIssuer {
  /** @throws Problem `INVALID_INPUT` or `INVALID_REGISTRY` naming the field, `NOT_FOUND` when there is no such account. */
  issue(request: NewToken): Promise<IssuedToken>;
  /** @throws Problem `NOT_FOUND`. */
  revoke(request: Requester & { readonly id: string }): Promise<StoredToken>;
}

/** Each throws Problem `UNAUTHENTICATED` and `FORBIDDEN`. */
export interface Tokens {
  /** The tokens of the caller's account, or of the one named; the oldest first, the revoked and expired ones too. */
  list(caller: Caller, args: unknown): Promise<readonly StoredToken[]>;
  /** @throws Problem as `TokenIssuer.issue`. */
  create(caller: Caller, input: unknown): Promise<IssuedToken>;
  /** The next request with it is refused. @throws Problem `NOT_FOUND`. */
  revoke(caller: Caller, args: unknown): Promise<StoredToken>;
}

export interface TokenPorts {
  readonly access: AccessStore;
  readonly issuer: TokenIssuer;
  readonly now: () => Date;
}

export function createTokens({ access, issuer, now }: TokenPorts): Tokens {
  return {
    async list(caller, args) {
      const principal = authorize(caller, 'token.list');
      const account = await actingAccount({ access }, principal, parseInput(tokenListArguments, args).account);
      return access.listTokens(account);
    },
    async create(caller, input) {
      const principal = authorize(caller, 'token.create');
      const { account: named, ...wanted } = parseInput(tokenInput, input);
      const account = await actingAccount({ access }, principal, named);
      const request = {
        account,
        role: wanted.role,
        name: wanted.name ?? '',
        images: wanted.images ?? null,
        expiresAt: expiryOf(wanted, now()),
      };
      refuseMore(principal, request);
      return issuer.issue({ ...request, actor: principal.subject, requestId: caller.requestId });
    },
    async revoke(caller, args) {
      const principal = authorize(caller, 'token.revoke');
      const { id } = parseInput(revokeTokenArguments, args);
      const token = await access.tokenById(id);
      if (token === undefined || !mayActIn(principal, token.account))
        throw new Problem('NOT_FOUND', 'There is no such token.', { field: ['id'] });
      if (token.role === 'ADMIN' && principal.role !== 'ADMIN')
        throw moreThanYours('A token of the role ADMIN is revoked by an admin only.', 'id');
      return issuer.revoke({ id, actor: principal.subject, requestId: caller.requestId });
    },
  };
}

/** @throws Problem `FORBIDDEN` when the token could do more than the one who makes it, or longer. */
function refuseMore(
  { role, images, expiresAt, subject }: Principal,
  wanted: Pick<NewToken, 'role' | 'images' | 'expiresAt'>,
): void {
  if (wanted.role === 'ADMIN' && role !== 'ADMIN')
    throw moreThanYours('Only an admin makes a token of the role ADMIN.', 'role');
  // A second lock: today only tokens of the role PULL are limited, and they make none.
  const isWider = images !== null && !(wanted.images?.every((image) => images.includes(image)) ?? false);
  if (isWider)
    throw moreThanYours('Your own token is limited to images, and this one would not be limited to them.', 'images');
  // A login at an issuer ends within the day whatever it is for; a token that somebody found must not make itself last.
  const isLonger =
    subject.startsWith('token:') && expiresAt !== null && (wanted.expiresAt === null || wanted.expiresAt > expiresAt);
  if (isLonger) throw moreThanYours('Your own token expires before this one would.', 'expiresAt');
}

function moreThanYours(message: string, field: string): Problem {
  return new Problem('FORBIDDEN', message, { reason: 'MORE_THAN_YOURS', field: [field] });
}

function expiryOf({ expiresAt, expiresIn }: Pick<TokenInput, 'expiresAt' | 'expiresIn'>, now: Date): Date | null {
  return expiresIn === null || expiresIn === undefined ? (expiresAt ?? null) : new Date(now.getTime() + expiresIn);
}

const tokenListArguments = z.strictObject({ account: accountName.nullish() });

/** What a token may be called and limited to is judged where it is made. */
const tokenInput = z
  .strictObject({
    role: z.enum(roles, `must be one of ${roles.join(', ')}`),
    account: accountName.nullish(),
    name: z.string().nullish(),
    images: z.array(z.string()).nullish(),
    expiresAt: z.date().nullish(),
    /** Milliseconds, once parsed. */
    expiresIn: z
      .string()
      .transform(parseDurationMs)
      .refine((durationMs) => durationMs !== undefined, 'must be hours or days, such as 12h or 90d')
      .nullish(),
  })
  .refine(({ expiresAt, expiresIn }) => (expiresAt ?? null) === null || (expiresIn ?? null) === null, {
    path: ['expiresIn'],
    message: 'cannot be combined with expiresAt',
  });
export type TokenInput = z.infer<typeof tokenInput>;

const revokeTokenArguments = z.strictObject({ id: z.string() });
