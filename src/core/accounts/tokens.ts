// Lists, creates, and revokes API tokens. A token can never do more than its creator.

import { z } from 'zod';
import { actingAccount, authorize, mayActIn } from '../authz/permissions.ts';
import { type Caller, type Principal, type Role, roles } from '../authz/principal.ts';
import { accountName, parseInput } from '../shared/input.ts';
import {
  hasOneEnd,
  onlyOneEnd,
  type Page,
  pageArguments,
  type PagedList,
  placeText,
  readPage,
} from '../shared/page.ts';
import { Problem } from '../shared/problem.ts';
import type { Secret } from '../shared/secret.ts';
import { parseDurationMs } from '../shared/time.ts';
import type { AccessStore, StoredToken, TokenPlace, TokenQuery } from './store.ts';

/** Maximum number of image patterns of a token. Bounds the work of one pull. */
export const maxTokenImages = 100;

/** Maximum number of active tokens of an account. Bounds lists; a team needs some dozens, and one for each of many machines is better a shared one or a JWT. */
export const maxActiveTokens = 1_000;

/** The actor and the request behind a change of a token, for the audit trail. */
export interface Requester {
  /** The subject of the principal who acts. */
  readonly actor: string;
  readonly requestId: string;
}

/** A token to create, and the actor who creates it. */
export interface NewToken extends Requester {
  /** The account that the token acts in; it must exist. */
  readonly account: string;
  /** `ADMIN` only in the account `admin`. */
  readonly role: Role;
  /** The display name, at most 100 printable characters; may be empty. */
  readonly name: string;
  /** The image patterns that a `PULL` token is limited to; null for no limit and for every other role. */
  readonly images: readonly string[] | null;
  /** When the token expires; null if it never does. */
  readonly expiresAt: Date | null;
}

/** A token that was just created. */
export interface IssuedToken {
  readonly token: StoredToken;
  /** The token value. Shown once; only its SHA-256 is stored. */
  readonly text: Secret;
}

/** The port that creates and revokes tokens, each with its audit event. */
export interface TokenIssuer {
  /**
   * Creates a token.
   * @throws Problem `INVALID_INPUT` or `INVALID_REGISTRY` with the field; `NOT_FOUND` if the account does not exist; `LIMIT_EXCEEDED` if it has
   * 1000 active tokens.
   */
  issue(request: NewToken): Promise<IssuedToken>;
  /** Revokes a token and returns it. @throws Problem `NOT_FOUND`. */
  revoke(request: Requester & { readonly id: string }): Promise<StoredToken>;
}

/** The use cases on API tokens. Every method throws Problem `UNAUTHENTICATED` and `FORBIDDEN`. */
export interface Tokens {
  /**
   * Lists the tokens of the account named, or by default the caller's own. Oldest first, one page at a time.
   * @param args `{ account, includeInactive, first, after, last, before }`. Revoked and expired tokens are left out by default. Defaults to 50
   * tokens; at most 100.
   * @throws Problem `INVALID_INPUT`, `NOT_FOUND` (the account).
   */
  list(caller: Caller, args: unknown): Promise<Page<StoredToken>>;
  /** Creates a token. @throws Problem as `TokenIssuer.issue`; `FORBIDDEN` with the reason `MORE_THAN_YOURS`. */
  create(caller: Caller, input: unknown): Promise<IssuedToken>;
  /** Revokes a token: it is rejected from the next request on. @throws Problem `NOT_FOUND`. */
  revoke(caller: Caller, args: unknown): Promise<StoredToken>;
}

/** The ports of the use cases on API tokens. */
export interface TokenPorts {
  readonly access: AccessStore;
  readonly issuer: TokenIssuer;
  readonly now: () => Date;
}

/** Creates the use cases on API tokens. */
export function createTokens({ access, issuer, now }: TokenPorts): Tokens {
  return {
    async list(caller, args) {
      const principal = authorize(caller, 'token.list');
      const { account: named, includeInactive, ...page } = parseInput(tokenListArguments, args);
      const account = await actingAccount({ access }, principal, named);
      return readPage(tokenList(access, { account, activeAt: includeInactive === true ? undefined : now() }), page);
    },
    async create(caller, input) {
      const principal = authorize(caller, 'token.create');
      const { account: named, ...requested } = parseInput(tokenInput, input);
      const account = await actingAccount({ access }, principal, named);
      const request = {
        account,
        role: requested.role,
        name: requested.name ?? '',
        images: requested.images ?? null,
        expiresAt: expiryOf(requested, now()),
      };
      rejectExcess(principal, request);
      return issuer.issue({ ...request, actor: principal.subject, requestId: caller.requestId });
    },
    async revoke(caller, args) {
      const principal = authorize(caller, 'token.revoke');
      const { id } = parseInput(revokeTokenArguments, args);
      const token = await access.tokenById(id);
      if (token === undefined || !mayActIn(principal, token.account))
        throw new Problem('NOT_FOUND', 'There is no such token.', { field: ['id'] });
      if (token.role === 'ADMIN' && principal.role !== 'ADMIN')
        throw exceedsOwn('Only an admin can revoke a token with the role ADMIN.', 'id');
      return issuer.revoke({ id, actor: principal.subject, requestId: caller.requestId });
    },
  };
}

/** Returns the list of tokens, oldest first. */
export function tokenList(
  access: Pick<AccessStore, 'listTokens'>,
  filter: Pick<TokenQuery, 'account' | 'activeAt'>,
): PagedList<StoredToken, TokenPlace> {
  return {
    name: 'TOKENS',
    placeOf: ({ createdAt, id }) => [createdAt.getTime(), id],
    place: z.tuple([z.int(), placeText]),
    read: (range) => access.listTokens({ ...range, ...filter }),
  };
}

/** @throws Problem `FORBIDDEN` if the token could do more than its creator, or outlive the creator's own token. */
function rejectExcess(
  { role, images, expiresAt, subject }: Principal,
  requested: Pick<NewToken, 'role' | 'images' | 'expiresAt'>,
): void {
  if (requested.role === 'ADMIN' && role !== 'ADMIN')
    throw exceedsOwn('Only an admin can create a token with the role ADMIN.', 'role');
  // Defense in depth: only tokens with the role PULL are limited to images, and they cannot create tokens.
  const isWider = images !== null && !(requested.images?.every((image) => images.includes(image)) ?? false);
  if (isWider)
    throw exceedsOwn(
      'Your token is limited to images; the new token must be limited to the same images or fewer.',
      'images',
    );
  // A JWT expires within a day in any case. A stolen token must not extend its own lifetime.
  const isLonger =
    subject.startsWith('token:') &&
    expiresAt !== null &&
    (requested.expiresAt === null || requested.expiresAt > expiresAt);
  if (isLonger) throw exceedsOwn('The new token must not outlive your own.', 'expiresAt');
}

function exceedsOwn(message: string, field: string): Problem {
  return new Problem('FORBIDDEN', message, { reason: 'MORE_THAN_YOURS', field: [field] });
}

function expiryOf({ expiresAt, expiresIn }: Pick<TokenInput, 'expiresAt' | 'expiresIn'>, now: Date): Date | null {
  return expiresIn === null || expiresIn === undefined ? (expiresAt ?? null) : new Date(now.getTime() + expiresIn);
}

const tokenListArguments = z
  .strictObject({ ...pageArguments, account: accountName.nullish(), includeInactive: z.boolean().nullish() })
  .refine(hasOneEnd, onlyOneEnd);

/** The name and the image patterns are checked by the issuer. */
const tokenInput = z
  .strictObject({
    role: z.enum(roles, `must be one of ${roles.join(', ')}`),
    account: accountName.nullish(),
    name: z.string().nullish(),
    images: z.array(z.string()).nullish(),
    expiresAt: z.date().nullish(),
    /** In milliseconds once parsed. */
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
