// Declares the port that stores accounts and API tokens.

import type { AuditEvent } from '../audit/event.ts';
import type { AccountLookup } from '../authz/permissions.ts';
import type { Role } from '../authz/principal.ts';

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

/** Stores accounts and API tokens. Every change writes its audit event in the same transaction, or neither is written. */
export interface AccessStore extends AccountStore, AccountLookup {
  tokenById(id: string): Promise<StoredToken | undefined>;
  /** Returns the token, unless its account is disabled. Used to authenticate. */
  usableTokenById(id: string): Promise<StoredToken | undefined>;
  insertToken(token: StoredToken, event: AuditEvent): Promise<void>;
  /** Returns whether no token was ever created: the first start. */
  hasNoTokens(): Promise<boolean>;
  /** Inserts the token only if there is none yet, atomically. Returns true to the one caller that did. */
  insertFirstToken(token: StoredToken, event: AuditEvent): Promise<boolean>;
  /** Lists the tokens of one account, or of all accounts if undefined. Oldest first, including revoked and expired tokens. */
  listTokens(account: string | undefined): Promise<StoredToken[]>;
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
  /** Returns all accounts, by name. */
  listAccounts(): Promise<Account[]>;
  /** @throws Problem `ALREADY_EXISTS`. */
  insertAccount(account: Account, event: AuditEvent): Promise<void>;
  /** Disables an account. Returns whether this call did. */
  disableAccount(name: string, at: Date, event: AuditEvent): Promise<boolean>;
  /** Re-enables an account. Returns whether this call did. */
  enableAccount(name: string, event: AuditEvent): Promise<boolean>;
}
