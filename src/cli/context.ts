// What a command gets from the program around it: the settings, and the commands on the data directory.

import type { AuditAnchor, AuditVerdict } from '../core/audit/verification.ts';
import type { Role } from '../core/authz/principal.ts';
import type { Registry } from '../core/registry/registry.ts';
import type { Secret } from '../core/shared/secret.ts';

/** The commands on the data directory, loaded when one of them runs: the server's modules take far longer to load than the command line. */
export interface DataCommands {
  runServe(): Promise<number>;
  runCreateToken(request: TokenRequest, print: (token: string) => void): Promise<number>;
  /** Every account's tokens when `account` is undefined. */
  runListTokens(account: string | undefined, print: (tokens: readonly TokenSummary[]) => void): Promise<number>;
  runRevokeToken(id: string, print: (token: TokenSummary) => void): Promise<number>;
  runKeyStatus(print: (status: KeyStatusSummary) => void): Promise<number>;
  runRotateDataKey(print: (rotation: DataRotationSummary) => void): Promise<number>;
  runRotateRootKey(print: (rotation: RootRotationSummary) => void): Promise<number>;
  runBackup(file: string, force: boolean, print: (backup: BackupSummary) => void): Promise<number>;
  runRestore(file: string, force: boolean, print: (restoration: RestorationSummary) => void): Promise<number>;
  /** Of the data directory's own database when `file` is undefined. */
  runVerify(file: string | undefined, print: (checks: readonly CheckSummary[]) => void): Promise<number>;
  /** Ends with 1 when the trail is broken. */
  runVerifyAudit(anchor: AuditAnchor | undefined, print: (verdict: AuditVerdict) => void): Promise<number>;
  runMigrate(url: string, print: (tables: readonly MovedTableSummary[]) => void): Promise<number>;
  /** Of every account when `account` is undefined. */
  runExport(account: string | undefined, print: (registries: readonly ExportedRegistry[]) => void): Promise<number>;
}

export interface MovedTableSummary {
  readonly table: string;
  readonly rows: number;
}

/** A registry as it is stored, with no password. */
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
  /** Of the keys in a keyring without which its passwords cannot be read. */
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
  /** Where the database that was there before is now. */
  readonly aside: string | undefined;
}

/** Which keys there are and what each of them opens. */
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
  /** Ids of registries whose password cannot be read. */
  readonly unreadable: readonly string[];
  readonly leftInLog: boolean;
}

export interface RootRotationSummary {
  readonly rootKeyId: string;
  /** Ids of keys that a person has to take out of the file. */
  readonly leftInFile: readonly string[];
  /** Whether the database's log still holds what the old key opens. */
  readonly leftInLog: boolean;
}

export interface TokenRequest {
  readonly account: string;
  readonly role: Role;
  readonly name: string;
  readonly images: readonly string[] | null;
  readonly expiresAt: Date | null;
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
  /** Where programs keep settings of this user: XDG_CONFIG_HOME or ~/.config. */
  readonly configDir: string;
}
