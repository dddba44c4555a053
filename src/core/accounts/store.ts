// The port: accounts and tokens at rest.

import type { AuditEvent } from '../audit/event.ts';
import type { AccountLookup } from '../authz/permissions.ts';
import type { Role } from '../authz/principal.ts';

/** An API token at rest. */
export interface StoredToken {
  readonly id: string;
  readonly account: string;
  readonly role: Role;
  /** A label for people. */
  readonly name: string;
  /** SHA-256 of the secret part. */
  readonly secretHash: Uint8Array;
  readonly images: readonly string[] | null;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  /** Noted now and then, so it may lag some time behind. */
  readonly lastUsedAt: Date | null;
}

export interface AccessStore extends AccountStore, AccountLookup {
  tokenById(id: string): Promise<StoredToken | undefined>;
  /** The same, unless its account is disabled: what a login asks. */
  usableTokenById(id: string): Promise<StoredToken | undefined>;
  insertToken(token: StoredToken, event: AuditEvent): Promise<void>;
  /** True when no token was ever made: the first start. */
  hasNoTokens(): Promise<boolean>;
  /** Inserts the token only if there is none yet, atomically; true for the one caller that did. */
  insertFirstToken(token: StoredToken, event: AuditEvent): Promise<boolean>;
  /** Of one account, or of all when it is undefined; the oldest first, the revoked and expired ones too. */
  listTokens(account: string | undefined): Promise<StoredToken[]>;
  /** True when the token was in force and is revoked now. */
  revokeToken(id: string, at: Date, event: AuditEvent): Promise<boolean>;
  /** Notes when tokens were last used, by id. No event: nothing of a token changes. */
  noteTokenUses(uses: ReadonlyMap<string, Date>): Promise<void>;
}

export interface Account {
  readonly name: string;
  readonly createdAt: Date;
  /** Since when nobody logs in to it; null while it is in use. */
  readonly disabledAt: Date | null;
}

/** Accounts at rest. Every change writes its audit event in the same transaction, or neither is written. */
export interface AccountStore {
  accountByName(name: string): Promise<Account | undefined>;
  /** All of them, by name. */
  listAccounts(): Promise<Account[]>;
  /** @throws Problem `ALREADY_EXISTS`. */
  insertAccount(account: Account, event: AuditEvent): Promise<void>;
  /** True when it was enabled and is disabled now. */
  disableAccount(name: string, at: Date, event: AuditEvent): Promise<boolean>;
  /** True when it was disabled and is enabled now. */
  enableAccount(name: string, event: AuditEvent): Promise<boolean>;
}
