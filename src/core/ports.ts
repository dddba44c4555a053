// What the domain needs from outside: storage, sealing, validation, time and ids. Adapters implement these and nothing more.

import type { Role } from './authz/permissions.ts';
import type { AccountStore } from './accounts/accounts.ts';
import type { AuditEvent } from './audit/event.ts';
import type { AuditMac } from './audit/chain.ts';
import type { AuditListStore } from './audit/trail.ts';
import type { Registry, RegistryType, SecretBinding } from './registry/registry.ts';
import type { Secret } from './shared/secret.ts';
import type { ValidationOutcome, ValidationReport, ValidationStep } from './registry/report.ts';

export const registryOrderFields = ['REGISTRY', 'NAME', 'CREATED_AT', 'UPDATED_AT'] as const;
export type RegistryOrderField = (typeof registryOrderFields)[number];
export type OrderDirection = 'ASC' | 'DESC';

export interface RegistryFilter {
  /** Case-insensitive substring of registry text, name or username. */
  readonly search?: string | undefined;
  /** Exact canonical `host[:port]`. */
  readonly host?: string | undefined;
  readonly type?: RegistryType | undefined;
  readonly outcome?: ValidationOutcome | undefined;
}

/** A place in an ordered list: the row's value of the order field (text, or epoch milliseconds) and its id. */
export interface Position {
  readonly value: string | number;
  readonly id: string;
}

export interface PageQuery {
  readonly account: string;
  readonly filter: RegistryFilter;
  readonly field: RegistryOrderField;
  readonly direction: OrderDirection;
  /** Rows strictly after (or before) this place in the given order; none means from the start (or the end). */
  readonly after: Position | null;
  readonly before: Position | null;
  /** True: the first `limit` rows of the range. False: its last ones. Rows come back in the given order either way. */
  readonly forward: boolean;
  /** Rows wanted, 0 to 101 (one more than a page, to see whether there is another). */
  readonly limit: number;
}

/** The password of a registry as stored: opaque bytes from `Sealer.seal`. */
export type Sealed = Uint8Array;

/** The passwords that wait beside the current one. */
export interface SealedOthers {
  readonly pending: Sealed | null;
  readonly previous: Sealed | null;
}

/** Registries at rest. Every change writes its audit event in the same transaction, or neither is written. */
export interface RegistryStore {
  /** By id, in any account. */
  byId(id: string): Promise<Registry | undefined>;
  /** All of `ids` that exist, in any account, in no order, in one statement. */
  byIds(ids: readonly string[]): Promise<Registry[]>;
  /** By canonical text in one account. */
  byText(account: string, registry: string): Promise<Registry | undefined>;
  /** All of `texts` that exist in the account, in no order, in one statement. */
  byTexts(account: string, texts: readonly string[]): Promise<Registry[]>;
  /** The first of `texts` that exists in the account, in one statement. */
  firstByTexts(account: string, texts: readonly string[]): Promise<Registry | undefined>;
  /** Up to `limit` registries of each host, by text, in one statement. */
  byHosts(account: string, hosts: readonly string[], limit: number): Promise<Registry[]>;
  page(query: PageQuery): Promise<Registry[]>;
  count(account: string, filter: RegistryFilter): Promise<number>;
  /** The sealed password of a registry. */
  sealed(id: string): Promise<Sealed | undefined>;
  /** The passwords that wait beside it. */
  sealedOthers(id: string): Promise<SealedOthers | undefined>;
  /** @throws Problem `ALREADY_EXISTS` when the account has that text; `KeysChanged` when the data key of `sealed` is not the active one. */
  insert(registry: Registry, sealed: Sealed, event: AuditEvent): Promise<void>;
  /**
   * Writes the row if its stored version is still `expectedVersion`, and its sealed passwords with it.
   * @param others Without them none waits beside the current one.
   * @throws Problem `CONFLICT` when somebody changed or deleted it meanwhile; `KeysChanged` as `insert`.
   */
  update(registry: Registry, sealed: Sealed, expectedVersion: number, event: AuditEvent, others?: SealedOthers): Promise<void>;
  /** Records a report if the version is still the checked one; true when it was recorded. Touches neither version nor `updatedAt`. */
  recordValidation(id: string, expectedVersion: number, report: ValidationReport, event: AuditEvent | undefined): Promise<boolean>;
  /** Puts `next` in the place of `seen` if that is still what is stored, atomically; true when it did. */
  exchangeValidation(id: string, expectedVersion: number, seen: ValidationReport, next: ValidationReport): Promise<boolean>;
  /** Up to `limit` registries of all accounts whose id comes after this one, by id. */
  afterId(id: string, limit: number): Promise<Registry[]>;
  /** True when a row was deleted. */
  delete(id: string, event: AuditEvent): Promise<boolean>;
  /** Writes an event that belongs to no change. */
  appendAudit(event: AuditEvent): Promise<void>;
}

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

export interface AccessStore extends AccountStore {
  tokenById(id: string): Promise<StoredToken | undefined>;
  /** The same, unless its account is disabled: what a login asks. */
  usableTokenById(id: string): Promise<StoredToken | undefined>;
  insertToken(token: StoredToken, event: AuditEvent): Promise<void>;
  /** True when no token was ever made: the first start. */
  hasNoTokens(): Promise<boolean>;
  /** Inserts the token only if there is none yet, atomically; true for the one caller that did. */
  insertFirstToken(token: StoredToken, event: AuditEvent): Promise<boolean>;
  accountExists(name: string): Promise<boolean>;
  /** Of one account, or of all when it is undefined; the oldest first, the revoked and expired ones too. */
  listTokens(account: string | undefined): Promise<StoredToken[]>;
  /** True when the token was in force and is revoked now. */
  revokeToken(id: string, at: Date, event: AuditEvent): Promise<boolean>;
  /** Notes when tokens were last used, by id. No event: nothing of a token changes. */
  noteTokenUses(uses: ReadonlyMap<string, Date>): Promise<void>;
}

/** Audit events at rest. They are written by the stores of what they tell of, in the same transaction. */
export interface AuditStore extends AuditListStore {
  /**
   * Gives the stores the key of the chain, without which no change can be written. The first time on a database that has events from before
   * there was a chain, takes them into it.
   */
  start(mac: AuditMac): Promise<void>;
}

/** Turns passwords into bytes that only this installation, for this destination, can open. */
export interface Sealer {
  seal(secret: Secret, binding: SecretBinding): Sealed;
  /** @throws Problem `SECRET_UNREADABLE` when the bytes, the binding or the key do not belong together; it is a `KeysChanged` for a key not known here. */
  open(sealed: Sealed, binding: SecretBinding): Secret;
  /**
   * Reads the keys of the database again, since another process may have rotated them.
   * @throws Problem `STORAGE_UNAVAILABLE` when they do not open with the keyring of this process.
   */
  refresh(): Promise<void>;
}

/** What a validation looks at. */
export interface CheckTarget {
  readonly host: string;
  /** `anchore/*`, `a/b`, or null. */
  readonly repository: string | null;
  readonly type: RegistryType;
  readonly secureConnection: boolean;
  readonly trustedRealm: string | null;
  readonly probeRepository: string | null;
}

export interface Credential {
  readonly username: string;
  readonly password: Secret;
}

export interface CheckOptions {
  /** Called as each step ends. */
  readonly onStep?: ((step: ValidationStep) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Asks the registry itself whether a credential works. Never throws for what an upstream does: that is the report. */
export interface Validator {
  check(target: CheckTarget, credential: Credential, options?: CheckOptions): Promise<ValidationReport>;
}

/** A login that a cloud gave for a stored identity. */
export interface MintedCredential {
  readonly username: string;
  readonly secret: Secret;
  readonly expiresAt: Date;
}

/** Turns the identity that is stored for a cloud's registry into a login that the registry takes. `DOCKER_V2` passes through untouched. */
export interface CloudCredentials {
  /**
   * Mints anew, from no cache.
   * @throws Problem `UPSTREAM_FAILED` with the reason `NATIVE_CREDENTIAL_ERROR`; the signal's reason when it was aborted.
   */
  mint(target: Pick<CheckTarget, 'host' | 'type'>, credential: Credential, signal: AbortSignal | undefined): Promise<MintedCredential>;
  /**
   * The login for one use, from the cache while it lives.
   * @param open Opens the stored identity; called only when something has to be minted. What it throws is thrown on.
   * @throws as `mint`
   */
  resolveCredential(registry: Pick<Registry, 'id' | 'version' | 'host' | 'type'>, open: () => Promise<Credential>, signal?: AbortSignal): Promise<Credential>;
}

/** Carries short texts to every process on the same store, this one included. What is sent while one is cut off is lost to it. */
export interface Notices {
  /** Returns at once and never fails: what was changed stays changed, whether or not anybody hears of it. */
  send(text: string): void;
  /** Hears everything from about now on. */
  listen(hear: (text: string) => void): void;
}

/** How often each key may do something in a while. */
export interface Budget {
  /** Takes one from what the key has left. Gives 0 when there was one, and otherwise the milliseconds until there is. */
  take(key: string): Promise<number>;
}

/** Told of every finished validation, for metrics. */
export type ValidationObserver = (report: ValidationReport) => void;

/** Everything the use cases stand on. */
export interface Ports {
  readonly registries: RegistryStore;
  readonly access: AccessStore;
  readonly sealer: Sealer;
  readonly validator: Validator;
  /** Validations that each subject may ask for, whatever the face. */
  readonly validationBudget: Budget;
  readonly now: () => Date;
  /** A new registry id. */
  readonly newId: () => string;
  readonly observeValidation: ValidationObserver;
  /** Milliseconds for which a pending or a previous password may be used. */
  readonly rotationWindowMs: number;
}

/** Where a pull goes and with what. */
export interface PullSource {
  /** Canonical `host[:port]` and repository of the image. */
  readonly host: string;
  readonly repository: string;
  /** The registry whose credential is used; null for an anonymous pull, which verifies TLS. */
  readonly registry: Registry | null;
  /**
   * Opens the stored credential at the moment that something needs it, since a cached upstream token often makes that unnecessary.
   * Null for an anonymous pull. Throws Problem `SECRET_UNREADABLE`, or `CONFLICT` when the registry was changed meanwhile.
   */
  readonly credential: (() => Promise<Credential>) | null;
}

/** An upstream token for one repository and the action `pull`, to be handed to a client. */
export interface PullToken {
  readonly token: Secret;
  readonly expiresAt: Date;
}

/** Gets short-lived upstream tokens. */
export interface PullTokenMinter {
  /**
   * Undefined when the registry takes Basic alone and so has no tokens to give.
   * @throws Problem `UPSTREAM_FAILED` with the outcome as its reason when the registry refuses or cannot be asked.
   */
  mint(source: PullSource, signal: AbortSignal | undefined): Promise<PullToken | undefined>;
}

/** One use of a stored credential by a pull. */
export interface CredentialUse {
  readonly at: Date;
  readonly account: string;
  readonly registryId: string;
  readonly registryVersion: number;
  /** Subject of the principal who pulled. */
  readonly actor: string;
  /** `host/repository`, without tag or digest. */
  readonly image: string;
  /** `DONE`, or the validation outcome that the upstream's refusal stands for. */
  readonly outcome: string;
}

/** Uses counted by who, image, registry version and outcome. */
export interface CountedUse extends Omit<CredentialUse, 'at' | 'account'> {
  readonly count: number;
  readonly lastAt: Date;
}

/** Takes note of uses without keeping a pull waiting; they are written in batches. */
export interface UseLedger {
  record(use: CredentialUse): void;
}

/** Uses at rest. */
export interface UseStore {
  /** Adds a batch to the counts, in one transaction; no two of it count the same. Uses of registries that are gone are dropped. */
  addUses(uses: readonly CountedUse[]): Promise<void>;
  /** When each of these registries was last used; those never used are absent. One statement. */
  lastUsed(registryIds: readonly string[]): Promise<ReadonlyMap<string, Date>>;
  /** The latest counted uses of one registry, newest first. */
  usesOf(registryId: string, limit: number): Promise<CountedUse[]>;
}
