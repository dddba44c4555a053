// Configures pg's client for one host. Sets everything that pg would otherwise take from PGHOST, PGPASSWORD, ~/.pgpass, and the like, so that only the address decides.
// What libpq's variables of the environment say is in the address already (`address/environment.ts`).

import type { Socket } from 'node:net';
import pg from 'pg';
import { StoreError } from '../errors.ts';
import type { Address, Host } from './address.ts';

/** The settings of a client, with those that pg's do not have. */
export interface ClientSettings extends pg.ClientConfig {
  readonly serverOptions?: string | undefined;
  readonly requiresChannelBinding?: boolean;
}

/**
 * Returns the settings of a client. pg reads the environment for each that is undefined or empty, so none is.
 * @param stream makes the socket of one connection, which the client connects.
 */
export function clientSettings(address: Address, { host, port }: Host, stream: () => Socket): ClientSettings {
  const { keepAlive, keepAliveIdleMs, serverOptions, channelBinding } = address;
  return {
    host,
    port,
    user: address.user,
    database: address.database,
    // A function, because pg replaces an absent password by that of PGPASSWORD or ~/.pgpass.
    password: () => requirePassword(address),
    // As in libpq, a Unix socket has no TLS.
    ssl: isSocketDirectory(host) ? false : address.tls,
    sslnegotiation: isSocketDirectory(host) ? 'postgres' : address.tlsNegotiation,
    enableChannelBinding: channelBinding !== 'disable',
    requiresChannelBinding: channelBinding === 'require',
    client_encoding: 'UTF8',
    application_name: address.applicationName,
    connectionTimeoutMillis: address.connectTimeoutMs,
    keepAlive,
    ...(keepAliveIdleMs === 0 ? {} : { keepAliveInitialDelayMillis: keepAliveIdleMs }),
    ...(serverOptions === undefined ? {} : { serverOptions }),
    stream,
  };
}

/** Returns whether a host is the directory of a Unix socket. */
export function isSocketDirectory(host: string): boolean {
  return host.startsWith('/');
}

/** A class, because pg's pool creates its clients itself. */
export class HostClient extends pg.Client {
  constructor(config: ClientSettings = {}) {
    super(config);
    // Not those of PGOPTIONS and PGREPLICATION. No setting means "none" to pg, and PgBouncer rejects both.
    const { connectionParameters } = this as unknown as { readonly connectionParameters: object };
    Object.assign(connectionParameters, { options: config.serverOptions, replication: undefined });
    if (config.requiresChannelBinding === true) requireChannelBinding(this);
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

/** Ends a connection whose server authenticates in any way but one that proves that no other end of the TLS connection is in between. */
function requireChannelBinding({ connection }: pg.Client): void {
  const state = { isOffered: false, isProven: false };
  const refuse = (): void => {
    connection.stream.destroy(
      new StoreError(
        'The PostgreSQL server does not offer channel binding, which the channel_binding of its address requires. Connect to the server without a pooler or proxy that ends TLS, or use sslmode=verify-full instead.',
      ),
    );
  };
  // These run before the client's own listeners, which send the password only while the stream can be written to.
  connection.on('authenticationSASL', ({ mechanisms }: { readonly mechanisms: readonly string[] }) => {
    state.isOffered = mechanisms.includes('SCRAM-SHA-256-PLUS');
    if (!state.isOffered) refuse();
  });
  connection.on('authenticationSASLFinal', () => {
    state.isProven = state.isOffered;
  });
  connection.on('authenticationCleartextPassword', refuse);
  connection.on('authenticationMD5Password', refuse);
  connection.on('authenticationOk', () => {
    if (!state.isProven) refuse();
  });
}
