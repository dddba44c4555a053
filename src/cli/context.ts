// The context of a command: the settings, and the commands that work on the data directory.

import type { Archiving } from '../core/audit/archiving.ts';
import type { AuditAnchor, AuditVerdict } from '../core/audit/verdict.ts';
import type { Role } from '../core/authz/principal.ts';
import type { Registry } from '../core/registry/registry.ts';
import type { Progress } from '../core/shared/progress.ts';
import type { Secret } from '../core/shared/secret.ts';

/** The commands on the data directory, each returning its exit code. Loaded only when one of them runs, because the server's modules load far slower than the command line. */
export interface DataCommands {
  runServe(): Promise<number>;
  runCreateToken(request: TokenRequest, print: (token: string) => void): Promise<number>;
  runListTokens(selection: TokenSelection, print: (tokens: readonly TokenSummary[]) => void): Promise<number>;
  runRevokeToken(id: string, print: (token: TokenSummary) => void): Promise<number>;
  runKeyStatus(print: (status: KeyStatusSummary) => void): Promise<number>;
  runRotateDataKey(print: (rotation: DataRotationSummary) => void, progress: Progress): Promise<number>;
  runRotateRootKey(print: (rotation: RootRotationSummary) => void): Promise<number>;
  runBackup(file: string, force: boolean, print: (backup: BackupSummary) => void, progress: Progress): Promise<number>;
  runRestore(
    file: string,
    force: boolean,
    print: (restoration: RestorationSummary) => void,
    progress: Progress,
  ): Promise<number>;
  /** Verifies the database of the data directory if `file` is undefined. */
  runVerify(
    file: string | undefined,
    print: (checks: readonly CheckSummary[]) => void,
    progress: Progress,
  ): Promise<number>;
  /** Returns 1 if the trail is broken. */
  runVerifyAudit(
    request: AuditVerifyRequest,
    print: (verdict: AuditVerdict) => void,
    progress: Progress,
  ): Promise<number>;
  runArchiveAudit(
    request: AuditArchiveRequest,
    print: (archive: AuditArchiveSummary) => void,
    progress: Progress,
  ): Promise<number>;
  runMigrate(url: string, print: (tables: readonly MovedTableSummary[]) => void, progress: Progress): Promise<number>;
  /** Exports the registries of all accounts if `account` is undefined. Waits for `print` before it reads the next page. */
  runExport(
    account: string | undefined,
    print: (registries: readonly ExportedRegistry[]) => Promise<void>,
  ): Promise<number>;
}

/** What `audit verify` compares the trail with. */
export interface AuditVerifyRequest {
  readonly anchor?: AuditAnchor | undefined;
  /** Paths of archives, the oldest first. */
  readonly archives: readonly string[];
}

export interface AuditArchiveRequest {
  /** Milliseconds. */
  readonly olderThanMs: number;
  readonly file: string;
  /** Whether to change nothing. */
  readonly dryRun: boolean;
}

export interface AuditArchiveSummary extends Archiving {
  /** Absolute path of the archive. */
  readonly file: string;
  readonly dryRun: boolean;
}

export interface MovedTableSummary {
  readonly table: string;
  readonly rows: number;
}

/** A stored registry without its password. */
export type ExportedRegistry = Pick<
  Registry,
  | 'account'
  | 'registry'
  | 'name'
  | 'type'
  | 'username'
  | 'secureConnection'
  | 'trustedRealm'
  | 'probeRepository'
  | 'createdAt'
  | 'updatedAt'
>;

export interface BackupSummary {
  readonly file: string;
  readonly bytes: number;
  readonly registries: number;
  /** IDs of the root keys that the keyring must contain to decrypt the passwords. */
  readonly rootKeyIds: readonly string[];
  readonly keyringFile: string;
}

export interface CheckSummary {
  readonly name: string;
  readonly state: 'PASSED' | 'FAILED' | 'SKIPPED';
  readonly message: string;
}

export interface RestorationSummary {
  readonly restored: boolean;
  readonly checks: readonly CheckSummary[];
  /** Path of the database that was replaced; undefined if there was none. */
  readonly aside: string | undefined;
}

/** The keys, and how many keys or passwords each of them decrypts. */
export interface KeyStatusSummary {
  readonly keyringFile: string;
  readonly rootKeys: readonly { readonly id: string; readonly dataKeys: number }[];
  readonly dataKeys: readonly {
    readonly id: number;
    readonly state: string;
    readonly rootKeyId: string;
    readonly createdAt: Date;
    readonly passwords: number;
  }[];
}

export interface DataRotationSummary {
  readonly activeId: number;
  readonly wasInterrupted: boolean;
  readonly resealed: number;
  /** IDs of registries whose password cannot be decrypted. */
  readonly unreadable: readonly string[];
  readonly leftInLog: boolean;
}

export interface RootRotationSummary {
  readonly rootKeyId: string;
  /** IDs of keys that the operator must remove from the file. */
  readonly leftInFile: readonly string[];
  /** Whether the write-ahead log still contains data that the old key decrypts. */
  readonly leftInLog: boolean;
}

export interface TokenRequest {
  readonly account: string;
  readonly role: Role;
  readonly name: string;
  readonly images: readonly string[] | null;
  readonly expiresAt: Date | null;
}

/** The tokens that a list contains: of one account, or of all if undefined; revoked and expired ones only if `includeInactive`. */
export interface TokenSelection {
  readonly account: string | undefined;
  readonly includeInactive: boolean;
}

/** A stored token without its hash. */
export interface TokenSummary {
  readonly id: string;
  readonly name: string;
  readonly role: Role;
  readonly account: string;
  readonly images: readonly string[] | null;
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
  readonly lastUsedAt: Date | null;
}

export interface CommandContext {
  readonly settings: CommandLineSettings;
  readonly loadDataCommands: () => Promise<DataCommands>;
  /** Sets the exit code of a command that works on the data directory. */
  readonly endWith: (exitCode: number) => void;
}

export interface CommandLineSettings {
  /** REGWAY_URL. */
  readonly url: string | undefined;
  /** REGWAY_TOKEN. */
  readonly token: Secret | undefined;
  /** REGWAY_REGISTRY_PASSWORD. */
  readonly registryPassword: Secret | undefined;
  /** Directory of this user's settings: XDG_CONFIG_HOME or ~/.config; undefined if the user has no home. */
  readonly configDir: string | undefined;
}
