// Maps what a database throws to what leaves the store: the one table. No result contains a parameter or a row value.

import { Problem } from '../core/shared/problem.ts';

/** Failures that pass, or that an operator can fix: full or failing disk, locks, read-only files. https://sqlite.org/rescode.html */
const sqliteUnavailable = /^SQLITE_(FULL|BUSY|LOCKED|IOERR|READONLY|CANTOPEN|PROTOCOL|NOMEM)/;

/** Pages of the file that are not what SQLite wrote. */
const sqliteDamaged = /^SQLITE_(CORRUPT|NOTADB)/;

/**
 * Connection (08), no resources (53), shut down (57P), canceled by a timeout (57014, 25P03, 25P04), locks (55P03, 40001, 40P01),
 * a read-only standby (25006), system errors (58). https://www.postgresql.org/docs/15/errcodes-appendix.html
 */
const postgresUnavailable = /^(08...|53...|57P..|57014|25P0[34]|55P03|40001|40P01|25006|58...)$/;

/** Codes of the client when it has no connection to a server. */
const connectionLost =
  /^(CONNECTION_LOST|ECONN\w+|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ENOENT)$/;

/** The login or the database does not exist, or is not permitted: the operator must change something. */
const postgresRefused = /^(28...|3D000|42501)$/;

/** Node's code of a certificate for another host. */
const certificateMisnamed = 'ERR_TLS_CERT_ALTNAME_INVALID';

/** Node's codes of a certificate that does not verify. */
const certificateRefused = /^(ERR_TLS_CERT|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|CERT_|HOSTNAME_MISMATCH)/;

/** Both dialects' names of the constraint that a registry pattern is unique in its account. */
const registryTextRule = /registry_account_registry|registry\.account, registry\.registry/;

/** Both dialects' names of the constraint that the name of an account is unique. */
const accountNameRule = /^account_pkey$|: account\.name$/;

/** An error of a driver. */
interface DriverError {
  readonly code: string;
  readonly message: string;
  readonly constraint?: unknown;
}

/** Translates what a driver, Drizzle, or Regway's code threw into the error that may leave the store. */
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
    return takenPattern();
  }
  if (isTakenAccountName(driverError)) {
    return new Problem('ALREADY_EXISTS', 'An account with this name already exists.', { field: ['name'] });
  }
  if (sqliteUnavailable.test(code) || postgresUnavailable.test(code) || connectionLost.test(code)) {
    return storageUnavailable('The storage is unavailable.', code);
  }
  if (code === certificateMisnamed) {
    return new StoreError(
      `The certificate of the PostgreSQL server is for another host (${code}). Name the host in the address as the certificate does.`,
      { cause: failureWith(code) },
    );
  }
  if (certificateRefused.test(code)) {
    return new StoreError(`The certificate of the PostgreSQL server is not trusted (${code}). Check sslrootcert.`, {
      cause: failureWith(code),
    });
  }
  if (postgresRefused.test(code)) {
    return new StoreError(`PostgreSQL rejects this login or has no such database (${code}).`, {
      cause: failureWith(code),
    });
  }
  const sentence = sqliteDamaged.test(code)
    ? `The database file is damaged: ${code}. Run "regway verify", and restore a backup with "regway restore".`
    : `The database rejected a statement: ${code}.`;
  return Object.assign(new Error(sentence), { code });
}

/** Returns an error of which only the code is known. */
export function failureWith(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/**
 * Returns the code of the failure of the storage behind an error that left the store: that of a driver, such as `SQLITE_FULL`, `57P01`, or
 * `ECONNRESET`; or one of Regway's own for a call that the storage did not answer. Undefined for what a caller may do about.
 */
export function storageCodeOf(thrown: unknown): string | undefined {
  if (thrown instanceof Problem && thrown.code !== 'STORAGE_UNAVAILABLE') return undefined;
  return findDriverError(thrown instanceof Problem ? thrown.cause : thrown)?.code;
}

/** Returns the Problem `ALREADY_EXISTS` of a registry whose pattern its account has already. */
export function takenPattern(): Problem {
  return new Problem('ALREADY_EXISTS', 'The account already has a registry with this pattern.', {
    field: ['registry'],
  });
}

/** Milliseconds. A failover or a restart takes seconds; clients that all came back at once would make it longer. */
export const storageRetryMs = 3_000;

/**
 * Returns the Problem `STORAGE_UNAVAILABLE`, with the time at which another attempt makes sense.
 * @param sentence what is wrong, with its period.
 * @param code the driver's, or what else happened in one word, such as `NO_ANSWER`; for the log only.
 */
export function storageUnavailable(sentence: string, code: string): Problem {
  return new Problem('STORAGE_UNAVAILABLE', `${sentence} Try again in a few seconds.`, {
    retryAfter: Date.now() + storageRetryMs,
    cause: failureWith(code),
  });
}

/** Milliseconds. A full queue of 1,000 writes is short again by then. */
const writeRetryMs = 2_000;

/** Returns the Problem `RATE_LIMITED` of a write that found the queue full, and most of it taken by its own caller. */
export function tooManyWrites(): Problem {
  return new Problem(
    'RATE_LIMITED',
    `Too many changes of this caller wait for the storage. Nothing was stored. Try again in ${writeRetryMs / 1_000} seconds.`,
    { reason: 'WRITES', retryAfter: Date.now() + writeRetryMs },
  );
}

/**
 * Returns the Problem `STORAGE_UNAVAILABLE` of a write that ended without an answer, so that nobody knows whether it was stored.
 * @param code as of `storageUnavailable`.
 */
export function maybeStored(code: string): Problem {
  return new Problem(
    'STORAGE_UNAVAILABLE',
    'The storage stopped during this call, which may have been stored. Read before you repeat it.',
    { retryAfter: Date.now() + storageRetryMs, cause: failureWith(code) },
  );
}

/** Returns whether the driver threw it because its connection to the server broke or could not be opened. */
export function isConnectionLost(thrown: unknown): boolean {
  return connectionLost.test(findDriverError(thrown)?.code ?? '');
}

/** Runs work and translates what it throws. */
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
    return registryTextRule.test(String(error.constraint));
  }
  return error.code === 'SQLITE_CONSTRAINT_UNIQUE' && registryTextRule.test(error.message);
}

function isTakenAccountName(error: DriverError): boolean {
  if (error.code === '23505') {
    return accountNameRule.test(String(error.constraint));
  }
  return error.code === 'SQLITE_CONSTRAINT_PRIMARYKEY' && accountNameRule.test(error.message);
}

/** Describes a bug. Keeps only its kind and place, because a message may quote a value. */
function fault(thrown: unknown): Error {
  const { name, message, stack = '' } = thrown instanceof Error ? thrown : new Error();
  const safe = new Error(`The store failed (${name}).`);
  const header = `${name}: ${message}`;
  if (stack.startsWith(header)) {
    safe.stack = `Error: ${safe.message}${stack.slice(header.length)}`;
  }
  return safe;
}

/** The database cannot be used with this program. Prevents startup, with its message. */
export class StoreError extends Error {
  override readonly name = 'StoreError';
}

/** The database cannot be used now, and waiting for it may help. Prevents startup, with its message, unless the start waits. */
export class DatabaseAwayError extends StoreError {
  /** Whether it may pass without a change of the settings, such as too many connections. */
  readonly passes: boolean;
  /** The driver's codes, for readers that may not learn the names in the message. */
  readonly code: string | undefined;

  constructor(message: string, passes: boolean, code?: string) {
    super(message);
    this.passes = passes;
    this.code = code;
  }
}
