// Runs the reads of the hot path as plain prepared statements of better-sqlite3, because Drizzle fills in statements and maps rows several times
// slower. Drizzle still writes the SQL, so that both dialects have one; rows are mapped by hand, by one typed function for each table.

import { is, Placeholder } from 'drizzle-orm';
import type { PreparedReads, Queries, Select } from '../database.ts';
import { translateFailure } from '../errors.ts';
import type { RegistryRow, TokenRow } from '../schema/rows.ts';
import type { Connection } from './connection.ts';

/** A registry as SQLite stores it: booleans are 0 or 1. */
interface StoredRegistry {
  readonly id: string;
  readonly account: string;
  readonly registry: string;
  readonly host: string;
  readonly repository: string | null;
  readonly name: string;
  readonly type: string;
  readonly username: string;
  readonly secure_connection: number;
  readonly trusted_realm: string | null;
  readonly probe_repository: string | null;
  readonly last_validation: string | null;
  readonly version: number;
  readonly secret_version: number;
  readonly pending_since: number | null;
  readonly previous_usable_until: number | null;
  readonly created_at: number;
  readonly updated_at: number;
}

/** An API token as SQLite stores it. */
interface StoredToken {
  readonly id: string;
  readonly account: string;
  readonly role: string;
  readonly name: string;
  readonly secret_hash: Uint8Array;
  readonly images: string | null;
  readonly created_at: number;
  readonly expires_at: number | null;
  readonly revoked_at: number | null;
  readonly last_used_at: number | null;
}

/** Prepares reads on a connection. @param queries Drizzle on the same connection, to build the statements with. */
export function preparedReads(connection: Connection, queries: Queries): PreparedReads {
  return {
    registries(build) {
      const read = lazyRead<StoredRegistry>(connection, () => build(queries));
      return async (values) => read(values).map(toRegistryRow);
    },
    tokens(build) {
      const read = lazyRead<StoredToken>(connection, () => build(queries));
      return async (values) => read(values).map(toTokenRow);
    },
  };
}

type Read<Stored> = (values: Record<string, unknown>) => Stored[];

/** Prepares at the first call: the tables are created after the database is opened. Every error leaves translated. */
function lazyRead<Stored>(connection: Connection, build: () => Select<unknown>): Read<Stored> {
  let read: Read<Stored> | undefined;
  return (values) => {
    try {
      read ??= prepareRead<Stored>(connection, build());
      return read(values);
    } catch (error) {
      throw translateFailure(error);
    }
  };
}

function prepareRead<Stored>(connection: Connection, select: Select<unknown>): Read<Stored> {
  const { sql, params } = select.toSQL();
  const statement = connection.prepare<unknown[], Stored>(sql);
  const names = params.map((parameter) => {
    if (is(parameter, Placeholder)) return parameter.name;
    throw new Error('A prepared read takes placeholders only.');
  });
  return (values) => statement.all(...names.map((name) => values[name]));
}

function toRegistryRow(stored: StoredRegistry): RegistryRow {
  return {
    id: stored.id,
    account: stored.account,
    registry: stored.registry,
    host: stored.host,
    repository: stored.repository,
    name: stored.name,
    type: stored.type,
    username: stored.username,
    secureConnection: stored.secure_connection !== 0,
    trustedRealm: stored.trusted_realm,
    probeRepository: stored.probe_repository,
    lastValidation: stored.last_validation,
    version: stored.version,
    secretVersion: stored.secret_version,
    pendingSince: stored.pending_since,
    previousUsableUntil: stored.previous_usable_until,
    createdAt: stored.created_at,
    updatedAt: stored.updated_at,
  };
}

function toTokenRow(stored: StoredToken): TokenRow {
  return {
    id: stored.id,
    account: stored.account,
    role: stored.role,
    name: stored.name,
    secretHash: stored.secret_hash,
    images: stored.images,
    createdAt: stored.created_at,
    expiresAt: stored.expires_at,
    revokedAt: stored.revoked_at,
    lastUsedAt: stored.last_used_at,
  };
}
