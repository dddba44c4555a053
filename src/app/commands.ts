// Runs the commands that work on the data directory: serving, and maintenance next to a server or without one.
// Modules that load both database drivers are imported only by the commands that need them, because a driver adds 100 ms to the start of a server.

import { once } from 'node:events';
import { resolve } from 'node:path';
import type { StoredToken } from '../core/accounts/store.ts';
import type { AuditVerdict } from '../core/audit/verdict.ts';
import type { Registry } from '../core/registry/registry.ts';
import { faultFields } from '../core/shared/fault.ts';
import { Problem } from '../core/shared/problem.ts';
import { noProgress, type Progress } from '../core/shared/progress.ts';
import { DatabaseAwayError, StoreError } from '../database/errors.ts';
import type { MovedTable } from '../database/postgres/copy-from-sqlite.ts';
import type { KeyStatus } from '../encryption/key-status.ts';
import { KeyringError } from '../encryption/keyring.ts';
import type { DataRotation, RootRotation } from '../encryption/rotation.ts';
import { type Config, ConfigError, readConfig } from './config.ts';
import { archiveAudit, type ArchiveRequest, type ArchiveResult } from './maintenance/archive.ts';
import type { Backup, Restoration } from './maintenance/backup.ts';
import { keyStatus, rotateDataKeyOf, rotateRootKeyOf } from './maintenance/keys.ts';
import {
  createToken,
  listTokens,
  revokeStoredToken,
  type TokenRequest,
  type TokenSelection,
} from './maintenance/tokens.ts';
import { type Check, type TrailRequest, verify, verifyAuditTrail } from './maintenance/verify.ts';
import { type RunningServer, serve } from './server.ts';

/**
 * The exit codes of the commands. 78 is EX_CONFIG of sysexits.h: settings, keys, or data must be fixed, and a restart does not help.
 * 75 is EX_TEMPFAIL: the database cannot be used at the moment, and a later start may succeed.
 */
const exitCodes = { done: 0, failed: 1, later: 75, configuration: 78 } as const;

/**
 * Serves until SIGTERM or SIGINT, then finishes the requests in flight. SIGINT and a second signal skip the delay before that.
 * Returns the exit code.
 */
export function runServe(): Promise<number> {
  return reporting(async () => {
    // Registered before the start, so that a signal during it leads to a clean stop too.
    const interrupted = once(process, 'SIGINT');
    const stopped = Promise.race([once(process, 'SIGTERM'), interrupted]);
    const config = readConfig();
    const server = await serve(config, stopped);
    // Stopped while it waited for the database.
    if (server === undefined) return;
    announce(server, config);
    await stopped;
    // Each handler took one signal, so that one more after these two ends the process at once.
    await server.close(Promise.race([interrupted, once(process, 'SIGTERM')]));
  });
}

/** Creates a token and passes its value to `print`. Returns the exit code. */
export function runCreateToken(request: TokenRequest, print: (token: string) => void): Promise<number> {
  return reporting(async () => {
    const token = await createToken(readConfig(), request);
    print(token.reveal());
  });
}

/** Passes the selected tokens to `print`. Returns the exit code. */
export function runListTokens(
  selection: TokenSelection,
  print: (tokens: readonly StoredToken[]) => void,
): Promise<number> {
  return reporting(async () => {
    print(await listTokens(readConfig(), selection));
  });
}

/** Revokes a token and passes the revoked token to `print`. Returns the exit code. */
export function runRevokeToken(id: string, print: (token: StoredToken) => void): Promise<number> {
  return reporting(async () => {
    print(await revokeStoredToken(readConfig(), id));
  });
}

/** Backs up the database and passes a summary to `print`. Returns the exit code. */
export function runBackup(
  file: string,
  force: boolean,
  print: (backup: Backup) => void,
  progress: Progress,
): Promise<number> {
  return reporting(async () => {
    const { backUpData } = await import('./maintenance/backup.ts');
    print(await backUpData(readConfig(), file, force, progress));
  }, progress);
}

/** Restores a backup and passes the result to `print`. Returns the exit code, which is 1 if nothing was restored. */
export function runRestore(
  file: string,
  force: boolean,
  print: (restoration: Restoration) => void,
  progress: Progress,
): Promise<number> {
  return reporting(async () => {
    const { restoreData } = await import('./maintenance/backup.ts');
    const restoration = await restoreData(readConfig(), file, force, progress);
    print(restoration);
    return restoration.restored ? exitCodes.done : exitCodes.failed;
  }, progress);
}

/** Verifies the stored data, or a backup, and passes the checks to `print`. Returns the exit code, which is 1 if a check failed. */
export function runVerify(
  file: string | undefined,
  print: (checks: readonly Check[]) => void,
  progress: Progress,
): Promise<number> {
  return reporting(async () => {
    const checks = await verify(readConfig(), file === undefined ? undefined : resolve(file), progress);
    print(checks);
    return checks.some(({ state }) => state === 'FAILED') ? exitCodes.failed : exitCodes.done;
  }, progress);
}

/** Verifies the audit trail and passes the verdict to `print`. Returns the exit code, which is 1 if the trail was modified. */
export function runVerifyAudit(
  request: TrailRequest,
  print: (verdict: AuditVerdict) => void,
  progress: Progress,
): Promise<number> {
  return reporting(async () => {
    const verdict = await verifyAuditTrail(readConfig(), request, progress);
    print(verdict);
    return verdict.intact ? exitCodes.done : exitCodes.failed;
  }, progress);
}

/** Moves old audit events to an archive and passes a summary to `print`. Returns the exit code. */
export function runArchiveAudit(
  request: ArchiveRequest,
  print: (result: ArchiveResult) => void,
  progress: Progress,
): Promise<number> {
  return reporting(async () => {
    print(await archiveAudit(readConfig(), request, progress));
  }, progress);
}

/** Passes the status of the keys to `print`. Returns the exit code. */
export function runKeyStatus(print: (status: KeyStatus) => void): Promise<number> {
  return reporting(async () => {
    print(await keyStatus(readConfig()));
  });
}

/** Re-encrypts every password with a new data key and passes a summary to `print`. Returns the exit code. */
export function runRotateDataKey(print: (rotation: DataRotation) => void, progress: Progress): Promise<number> {
  return reporting(async () => {
    print(await rotateDataKeyOf(readConfig(), progress));
  }, progress);
}

/** Rewraps every data key with a new root key and passes a summary to `print`. Returns the exit code. */
export function runRotateRootKey(print: (rotation: RootRotation) => void): Promise<number> {
  return reporting(async () => {
    print(await rotateRootKeyOf(readConfig()));
  });
}

/** Copies the data to PostgreSQL and passes the tables to `print`. Returns the exit code. */
export function runMigrate(
  url: string,
  print: (tables: readonly MovedTable[]) => void,
  progress: Progress,
): Promise<number> {
  return reporting(async () => {
    const { moveToPostgres } = await import('./maintenance/migrate.ts');
    print(await moveToPostgres(readConfig(), url, progress));
  }, progress);
}

/** Passes the registries of one account, or of all accounts, to `print` page by page, without passwords. Returns the exit code. */
export function runExport(
  account: string | undefined,
  print: (registries: readonly Registry[]) => Promise<void>,
): Promise<number> {
  return reporting(async () => {
    const { exportRegistries } = await import('./maintenance/migrate.ts');
    await exportRegistries(readConfig(), account, print);
  });
}

function announce({ url, firstToken }: RunningServer, { onlyTrustedDocuments }: Config): void {
  const graphiql = onlyTrustedDocuments ? [] : [`${url}/graphql`];
  const lines = [
    `Regway is listening on ${url}`,
    `Console: ${url}/`,
    ...graphiql.map((address) => `GraphiQL: ${address}`),
  ];
  if (firstToken !== undefined) {
    const token = firstToken.reveal();
    lines.push(
      `First start. The admin token is shown only once; ${onlyTrustedDocuments ? 'this link opens the console' : 'these links open the console and GraphiQL'} signed in with it:`,
      `  ${url}/#token=${token}`,
      ...graphiql.map((address) => `  ${address}#token=${token}`),
    );
  }
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** Runs a command, prints a failure in place of its progress, and returns the exit code. @param run may return an exit code; defaults to 0. */
async function reporting(run: () => Promise<number | undefined>, progress: Progress = noProgress): Promise<number> {
  try {
    return (await run()) ?? exitCodes.done;
  } catch (fault) {
    progress('');
    process.stderr.write(`${describeFault(fault)}\n`);
    if (isDatabaseAway(fault)) return exitCodes.later;
    return isConfigurationFault(fault) ? exitCodes.configuration : exitCodes.failed;
  }
}

/** Returns whether a start failed for a reason that passes by itself, or after it had waited for the database. */
function isDatabaseAway(fault: unknown): boolean {
  return fault instanceof DatabaseAwayError && fault.passes;
}

/** Returns the message of an expected failure, or the log fields of an internal error. */
function describeFault(fault: unknown): string {
  if (isFaultOf(fault, 'getaddrinfo')) return `REGWAY_LISTEN names a host that does not resolve: ${fault.message}.`;
  const isExpected = fault instanceof Problem || isConfigurationFault(fault) || isFaultOf(fault, 'listen');
  return isExpected ? fault.message : JSON.stringify(faultFields(fault));
}

function isConfigurationFault(fault: unknown): fault is Error {
  return (
    fault instanceof ConfigError ||
    fault instanceof KeyringError ||
    fault instanceof StoreError ||
    isFaultOf(fault, 'getaddrinfo')
  );
}

/** Returns whether a system call failed, such as `listen` with EADDRINUSE, or `getaddrinfo` for an unknown host. */
function isFaultOf(fault: unknown, systemCall: string): fault is Error {
  return fault instanceof Error && 'syscall' in fault && fault.syscall === systemCall;
}
