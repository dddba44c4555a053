// The one table from what a database throws to what leaves the store: no parameter and no row value is in any of it.

import { Problem } from '../core/shared/problem.ts';

/** Failures that pass or that an operator ends: full or failing disk, locks, read-only files. https://sqlite.org/rescode.html */
const sqliteUnavailable = /^SQLITE_(FULL|BUSY|LOCKED|IOERR|READONLY|CANTOPEN|PROTOCOL|NOMEM)/;

/**
 * Connection (08), no resources (53), shut down (57P), cancelled by a timeout (57014, 25P03, 25P04), locks (55P03, 40001, 40P01),
 * a read-only standby (25006), system errors (58). https://www.postgresql.org/docs/15/errcodes-appendix.html
 */
const postgresUnavailable = /^(08...|53...|57P..|57014|25P0[34]|55P03|40001|40P01|25006|58...)$/;

/** What the client says when it has no server to talk to. */
const connectionLost =
  /^(CONNECTION_(CLOSED|ENDED|DESTROYED)|CONNECT_TIMEOUT|ECONN\w+|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ENOENT)$/;

/** The login or the database is not there, or not ours: a person must change something. */
const postgresRefused = /^(28...|3D000|42501)$/;

/** Both dialects' names of the rule that an account has a registry text once. */
const registryTextRule = /registry_account_registry|registry\.account, registry\.registry/;

/** Both dialects' names of the rule that an account's name is its own. */
const accountNameRule = /^account_pkey$|: account\.name$/;

/** A driver's error, or what Drizzle wrapped it in. */
interface DriverError {
  readonly code: string;
  readonly message: string;
  readonly constraint?: unknown;
  readonly constraint_name?: unknown;
}

/** Gives the error that may leave the store for one that a driver, Drizzle or our own code threw. */
export function translateFailure(thrown: unknown): Error {
  if (thrown instanceof Problem || thrown instanceof StoreError) {
    return thrown;
  }
  const driverError = findDriverError(thrown);
  if (driverError === undefined) {
    return fault(thrown);
  }
  const { code } = driverError;
  if (isTakenRegistryText(driverError)) {
    return new Problem('ALREADY_EXISTS', 'The account already has a registry with this text.', { field: ['registry'] });
  }
  if (isTakenAccountName(driverError)) {
    return new Problem('ALREADY_EXISTS', 'There is an account of this name already.', { field: ['name'] });
  }
  if (sqliteUnavailable.test(code) || postgresUnavailable.test(code) || connectionLost.test(code)) {
    const message = 'The storage cannot be used at the moment; try again shortly.';
    return new Problem('STORAGE_UNAVAILABLE', message, { cause: new Error(code) });
  }
  if (postgresRefused.test(code)) {
    return new StoreError(`PostgreSQL refuses this login or has no such database (${code}).`);
  }
  return new Error(`The database refused a statement: ${code}.`);
}

/** Whether the driver threw it because its connection to the server broke or could not be made. */
export function isConnectionLost(thrown: unknown): boolean {
  return connectionLost.test(findDriverError(thrown)?.code ?? '');
}

/** Runs `work`; what it throws leaves translated. */
export async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw translateFailure(error);
  }
}

function findDriverError(thrown: unknown): DriverError | undefined {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if ('code' in error && typeof error.code === 'string') {
      return error as DriverError;
    }
  }
  return undefined;
}

function isTakenRegistryText(error: DriverError): boolean {
  if (error.code === '23505') {
    return registryTextRule.test(String(error.constraint ?? error.constraint_name));
  }
  return error.code === 'SQLITE_CONSTRAINT_UNIQUE' && registryTextRule.test(error.message);
}

function isTakenAccountName(error: DriverError): boolean {
  if (error.code === '23505') {
    return accountNameRule.test(String(error.constraint ?? error.constraint_name));
  }
  return error.code === 'SQLITE_CONSTRAINT_PRIMARYKEY' && accountNameRule.test(error.message);
}

/** A bug. Only the kind and the place are kept: a message may quote the value that it is about. */
function fault(thrown: unknown): Error {
  const { name, message, stack = '' } = thrown instanceof Error ? thrown : new Error();
  const safe = new Error(`The store failed (${name}).`);
  const header = `${name}: ${message}`;
  if (stack.startsWith(header)) {
    safe.stack = `Error: ${safe.message}${stack.slice(header.length)}`;
  }
  return safe;
}

/** The database cannot be used with this program as it is. Start-up ends with its message. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
}
