// Declares the port that stores accounts and API tokens.

import type { AuditEvent } from '../audit/event.ts';
import type { AccountLookup } from '../authz/permissions.ts';
import type { Role } from '../authz/principal.ts';
import type { ListRange } from '../shared/page.ts';

/** An API token as stored, without its value. */
export interface StoredToken {
  readonly id: string;
  readonly account: string;
  readonly role: Role;
  /** The display name. */
  readonly name: string;
  /** The SHA-256 hash of the secret part. */
  readonly secretHash: Uint8Array;
  readonly images: readonly string[] | null;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  /** Written in batches, so it may be about a minute behind; null if the token was never used. */
  readonly lastUsedAt: Date | null;
}

/** A place in the list of tokens: when a token was created, in epoch milliseconds, and its ID. */
export type TokenPlace = readonly [createdAt: number, id: string];

/** A part of the list of tokens. */
export interface TokenQuery extends ListRange<TokenPlace> {
  /** The account that the tokens act in; undefined for all accounts. */
  readonly account: string | undefined;
  /** Only tokens that are neither revoked nor expired at this time; undefined for all tokens. */
  readonly activeAt: Date | undefined;
}

/** Stores accounts and API tokens. Every change writes its audit event in the same transaction, or neither is written. */
export interface AccessStore extends AccountStore, AccountLookup {
  tokenById(id: string): Promise<StoredToken | undefined>;
  /** Returns the token, unless its account is disabled. Used to authenticate. */
  usableTokenById(id: string): Promise<StoredToken | undefined>;
  /** Inserts a token, unless its account has `maxActive` tokens already that are active when it is created. @throws Problem `LIMIT_EXCEEDED`. */
  insertToken(token: StoredToken, event: AuditEvent, maxActive: number): Promise<void>;
  /** Returns whether no token was ever created: the first start. */
  hasNoTokens(): Promise<boolean>;
  /** Inserts the token only if there is none yet, atomically. Returns true to the one caller that did. */
  insertFirstToken(token: StoredToken, event: AuditEvent): Promise<boolean>;
  /** Returns a part of the tokens, oldest first. */
  listTokens(query: TokenQuery): Promise<StoredToken[]>;
  /** Revokes a token. Returns whether this call did. */
  revokeToken(id: string, at: Date, event: AuditEvent): Promise<boolean>;
  /** Stores when tokens were last used, by ID. Writes no event, because no permission changes. */
  noteTokenUses(uses: ReadonlyMap<string, Date>): Promise<void>;
}

/** An account, which owns registries and tokens. */
export interface Account {
  readonly name: string;
  readonly createdAt: Date;
  /** When the account was disabled; null if it is enabled. */
  readonly disabledAt: Date | null;
}

/** Stores accounts. Every change writes its audit event in the same transaction, or neither is written. */
export interface AccountStore {
  accountByName(name: string): Promise<Account | undefined>;
  /** Returns a part of the accounts, by name. */
  listAccounts(range: ListRange<string>): Promise<Account[]>;
  /** @throws Problem `ALREADY_EXISTS`. */
  insertAccount(account: Account, event: AuditEvent): Promise<void>;
  /** Disables an account. Returns whether this call did. */
  disableAccount(name: string, at: Date, event: AuditEvent): Promise<boolean>;
  /** Re-enables an account. Returns whether this call did. */
  enableAccount(name: string, event: AuditEvent): Promise<boolean>;
}
