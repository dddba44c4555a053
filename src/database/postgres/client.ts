// Configures pg's client for one host. Sets everything that pg would otherwise take from PGHOST, PGPASSWORD, ~/.pgpass, and the like, so that only the address decides.

import type { Socket } from 'node:net';
import pg from 'pg';
import { StoreError } from '../errors.ts';
import type { Address, Host } from './address.ts';

/**
 * Returns the settings of a client. pg reads the environment for each that is undefined or empty, so none is.
 * @param stream makes the socket of one connection, which the client connects.
 */
export function clientSettings(address: Address, { host, port }: Host, stream: () => Socket): pg.ClientConfig {
  return {
    host,
    port,
    user: address.user,
    database: address.database,
    // A function, because pg replaces an absent password by that of PGPASSWORD or ~/.pgpass.
    password: () => requirePassword(address),
    ssl: address.tls,
    sslnegotiation: 'postgres',
    client_encoding: 'UTF8',
    application_name: address.applicationName,
    connectionTimeoutMillis: address.connectTimeoutMs,
    keepAlive: true,
    stream,
  };
}

/** A class, because pg's pool creates its clients itself. */
export class HostClient extends pg.Client {
  constructor(config?: pg.ClientConfig) {
    super(config);
    // Of PGOPTIONS and PGREPLICATION. No setting means "none" to pg, and PgBouncer rejects both.
    const { connectionParameters } = this as unknown as { readonly connectionParameters: object };
    Object.assign(connectionParameters, { options: undefined, replication: undefined });
    // Without a listener, an error would end the process.
    this.on('error', () => undefined);
    // pg keeps the socket of a login that failed on the client's side, for example because the password is missing.
    this.connection.on('error', () => this.connection.stream.destroy());
  }
}

/** @throws StoreError if the server requires a password and the address has none. */
function requirePassword({ password }: Address): string {
  if (password === undefined)
    throw new StoreError('The PostgreSQL server requires a password, and the address of the database has none.');
  return password;
}
