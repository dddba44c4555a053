// The commands that work on the data directory: serving, and what is done beside a server or without one.
// What loads both databases' drivers is loaded by its own commands alone: a driver is a tenth of a second of a server's start.

import { once } from 'node:events';
import { resolve } from 'node:path';
import type { StoredToken } from '../core/accounts/store.ts';
import type { AuditAnchor, AuditVerdict } from '../core/audit/verification.ts';
import type { Registry } from '../core/registry/registry.ts';
import { faultFields } from '../core/shared/fault.ts';
import { Problem } from '../core/shared/problem.ts';
import { StoreError } from '../database/errors.ts';
import type { MovedTable } from '../database/postgres/copy-from-sqlite.ts';
import type { KeyStatus } from '../encryption/key-status.ts';
import { KeyringError } from '../encryption/keyring.ts';
import type { DataRotation, RootRotation } from '../encryption/rotation.ts';
import { type Config, ConfigError, readConfig } from './config.ts';
import type { Backup, Restoration } from './maintenance/backup.ts';
import { keyStatus, rotateDataKeyOf, rotateRootKeyOf } from './maintenance/keys.ts';
import { createToken, listTokens, revokeStoredToken, type TokenRequest } from './maintenance/tokens.ts';
import { type Check, verify, verifyAuditTrail } from './maintenance/verify.ts';
import { type RunningServer, serve } from './server.ts';

/** Exit codes of the command line; 78 is EX_CONFIG of sysexits.h: settings, keys or data need a person, a restart will not help. */
const exitCodes = { done: 0, refused: 1, configuration: 78 } as const;

/** Serves until SIGTERM or SIGINT, then finishes the requests in flight. Gives the exit code. */
export function runServe(): Promise<number> {
  return reporting(async () => {
    // Heard from the start, so that a signal during it ends in a clean stop too.
    const stopped = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
    const config = readConfig();
    const server = await serve(config);
    announce(server, config);
    await stopped;
    await server.close();
  });
}

/** Prints a new token through `print`. Gives the exit code. */
export function runCreateToken(request: TokenRequest, print: (token: string) => void): Promise<number> {
  return reporting(async () => {
    const token = await createToken(readConfig(), request);
    print(token.reveal());
  });
}

/** Gives the tokens of one account, or of all, to `print`. Gives the exit code. */
export function runListTokens(
  account: string | undefined,
  print: (tokens: readonly StoredToken[]) => void,
): Promise<number> {
  return reporting(async () => {
    print(await listTokens(readConfig(), account));
  });
}

/** Revokes a token and gives it to `print` as it is now. Gives the exit code. */
export function runRevokeToken(id: string, print: (token: StoredToken) => void): Promise<number> {
  return reporting(async () => {
    print(await revokeStoredToken(readConfig(), id));
  });
}

/** Backs the database up and gives what was written to `print`. Gives the exit code. */
export function runBackup(file: string, force: boolean, print: (backup: Backup) => void): Promise<number> {
  return reporting(async () => {
    const { backUpData } = await import('./maintenance/backup.ts');
    print(await backUpData(readConfig(), file, force));
  });
}

/** Restores a backup and gives what was found in it to `print`. Gives the exit code: refused when it was not restored. */
export function runRestore(file: string, force: boolean, print: (restoration: Restoration) => void): Promise<number> {
  return reporting(async () => {
    const { restoreData } = await import('./maintenance/backup.ts');
    const restoration = await restoreData(readConfig(), file, force);
    print(restoration);
    return restoration.restored ? exitCodes.done : exitCodes.refused;
  });
}

/** Verifies what is stored, or a backup, and gives the findings to `print`. Gives the exit code: refused when something is wrong. */
export function runVerify(file: string | undefined, print: (checks: readonly Check[]) => void): Promise<number> {
  return reporting(async () => {
    const checks = await verify(readConfig(), file === undefined ? undefined : resolve(file));
    print(checks);
    return checks.some(({ state }) => state === 'FAILED') ? exitCodes.refused : exitCodes.done;
  });
}

/** Verifies the audit trail and gives the verdict to `print`. Gives the exit code: refused when the trail is broken. */
export function runVerifyAudit(
  anchor: AuditAnchor | undefined,
  print: (verdict: AuditVerdict) => void,
): Promise<number> {
  return reporting(async () => {
    const verdict = await verifyAuditTrail(readConfig(), anchor);
    print(verdict);
    return verdict.intact ? exitCodes.done : exitCodes.refused;
  });
}

/** Gives the keys of the data directory to `print`. Gives the exit code. */
export function runKeyStatus(print: (status: KeyStatus) => void): Promise<number> {
  return reporting(async () => {
    print(await keyStatus(readConfig()));
  });
}

/** Seals every password with a new data key, and gives what was done to `print`. Gives the exit code. */
export function runRotateDataKey(print: (rotation: DataRotation) => void): Promise<number> {
  return reporting(async () => {
    print(await rotateDataKeyOf(readConfig()));
  });
}

/** Wraps every data key with a new root key, and gives what was done to `print`. Gives the exit code. */
export function runRotateRootKey(print: (rotation: RootRotation) => void): Promise<number> {
  return reporting(async () => {
    print(await rotateRootKeyOf(readConfig()));
  });
}

/** Moves the data to PostgreSQL and gives the tables to `print`. Gives the exit code. */
export function runMigrate(url: string, print: (tables: readonly MovedTable[]) => void): Promise<number> {
  return reporting(async () => {
    const { moveToPostgres } = await import('./maintenance/migrate.ts');
    print(await moveToPostgres(readConfig(), url));
  });
}

/** Gives the registries of one account, or of all, to `print`; they hold no passwords. Gives the exit code. */
export function runExport(
  account: string | undefined,
  print: (registries: readonly Registry[]) => void,
): Promise<number> {
  return reporting(async () => {
    const { exportRegistries } = await import('./maintenance/migrate.ts');
    print(await exportRegistries(readConfig(), account));
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
      `This is the first start. The admin token is shown this once; ${onlyTrustedDocuments ? 'the link opens the console' : 'the links open the console and GraphiQL'} signed in with it:`,
      `  ${url}/#token=${token}`,
      ...graphiql.map((address) => `  ${address}#token=${token}`),
    );
  }
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** @param run may give another exit code than done. */
async function reporting(run: () => Promise<number | undefined>): Promise<number> {
  try {
    return (await run()) ?? exitCodes.done;
  } catch (fault) {
    process.stderr.write(`${sentenceOf(fault)}\n`);
    return isConfigurationFault(fault) ? exitCodes.configuration : exitCodes.refused;
  }
}

/** What a person needs to know; of a fault of ours, what the log would hold. */
function sentenceOf(fault: unknown): string {
  if (isFaultOf(fault, 'getaddrinfo'))
    return `REGWAY_LISTEN names a host that this machine does not know: ${fault.message}.`;
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

/** Whether a system call failed: `listen` with EADDRINUSE and its like, `getaddrinfo` for an unknown host. */
function isFaultOf(fault: unknown, systemCall: string): fault is Error {
  return fault instanceof Error && 'syscall' in fault && fault.syscall === systemCall;
}
