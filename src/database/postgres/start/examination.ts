// Examines a PostgreSQL server before a start uses it: by one round trip of each kind that Regway needs and that a pooler may not pass on.

import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { DatabaseAwayError, StoreError } from '../../errors.ts';
import { type Address, type Host, parseAddress } from '../address.ts';
import { connectWithFallback } from '../address/tls-fallback.ts';
import { clientSettings, HostClient } from '../client.ts';
import { poolSockets } from '../pool/sockets.ts';
import { type Attempt, describeFailure, type Failure, final, nameOf, passing, readOnlySentence } from './failure.ts';

/** What the start learned about a server that it can use. */
export interface Findings {
  /** Whether a connection that listens gets what another one sends. Behind a pooler in transaction mode it does not. */
  readonly hears: boolean;
  /** Options of the address that change nothing. */
  readonly withoutEffect: readonly string[];
}

/** Milliseconds that a notification may take. On one server it takes less than one. */
const notificationTimeoutMs = 5_000;

/** A connection that only the examination uses. */
interface Session extends AsyncDisposable {
  readonly client: pg.Client;
  readonly attempt: Attempt;
}

/**
 * Connects to the server that the store will use, and tries what Regway needs: parameters, transactions, time-outs, and notifications.
 * @param listenUrl the address that listens, if it is another one.
 * @throws StoreError with the reason and what to do; DatabaseAwayError if waiting may help.
 */
export async function examineServer(url: string, listenUrl: string | undefined): Promise<Findings> {
  const address = parseAddress(url);
  await using sender = await connectFirst(address, 'REGWAY_DATABASE_URL');
  await step(sender, () => tryStatements(sender));
  if (listenUrl === undefined) {
    await using listener = await connectSecond(address, sender);
    return { hears: await hears(sender, listener), withoutEffect: address.withoutEffect };
  }
  const listenAddress = parseAddress(listenUrl);
  await using listener = await connectFirst(listenAddress, 'REGWAY_DATABASE_LISTEN_URL');
  if (!(await hears(sender, listener)))
    throw new StoreError(
      `What REGWAY_DATABASE_URL sends by NOTIFY does not arrive at REGWAY_DATABASE_LISTEN_URL (${nameOf(listener.attempt)}). Name the same database there, without a pooler or through one in session mode.`,
    );
  return { hears: true, withoutEffect: [...address.withoutEffect, ...listenAddress.withoutEffect] };
}

/** Connects to the first host that can be used, in their order, as the pool will. */
async function connectFirst(address: Address, setting: string): Promise<Session> {
  const failures: Failure[] = [];
  for (const host of address.hosts) {
    const found = await connectTo(address, host, setting);
    if (!('sentence' in found)) return found;
    failures.push(found);
    if (found.isDenied === true) break;
  }
  throw errorOf(failures);
}

/** Returns the one error for all hosts. It passes if that of one host does, unless the login is wrong. */
function errorOf(failures: readonly Failure[]): StoreError {
  const message = failures.map(({ sentence }) => sentence).join(' ');
  const of = (kind: Failure['persistence']) => failures.some(({ persistence }) => persistence === kind);
  if (failures.at(-1)?.isDenied === true) return new StoreError(message);
  const codes = [...new Set(failures.flatMap(({ code }) => code ?? []))].join(', ') || undefined;
  if (of('PASSING')) return new DatabaseAwayError(message, true, codes);
  return of('AWAY') ? new DatabaseAwayError(message, false, codes) : new StoreError(message);
}

async function connectTo(address: Address, host: Host, setting: string): Promise<Session | Failure> {
  const sockets = poolSockets();
  const settings = clientSettings(address, host, sockets.open);
  const attempt = (): Attempt => ({
    ...host,
    setting,
    isEncrypted: settings.ssl !== false,
    limitMs: address.connectTimeoutMs,
  });
  const end = (client?: pg.Client): void => {
    void client?.end().catch(() => undefined);
    sockets.close();
  };
  let client: pg.Client | undefined;
  try {
    const opened = await connectWithFallback(
      { options: settings, connect: async () => await connected(new HostClient(settings)) },
      address.tlsFallback,
    );
    client = opened;
    const session = { client: opened, attempt: attempt(), [Symbol.asyncDispose]: async () => end(opened) };
    const unsuitable = await inTime(session, () => findUnsuitable(session, address));
    if (unsuitable === undefined) return session;
    end(client);
    return unsuitable;
  } catch (error) {
    end(client);
    return describeFailure(error, attempt());
  }
}

async function connected(client: pg.Client): Promise<pg.Client> {
  await client.connect();
  return client;
}

/** A pooler that has one connection to the server lends it to one session only. */
async function connectSecond(address: Address, { attempt }: Session): Promise<Session> {
  const found = await connectTo(address, attempt, attempt.setting);
  if (!('sentence' in found)) return found;
  throw errorOf([
    { ...found, sentence: `${found.sentence} A first connection was possible; Regway needs several at a time.` },
  ]);
}

/** Runs work, and ends the connection if it is not done in time. */
async function inTime<T>({ client, attempt }: Session, work: () => Promise<T>): Promise<T> {
  const timer = setTimeout(() => client.connection.stream.destroy(new Error('timeout')), attempt.limitMs);
  try {
    return await work();
  } finally {
    clearTimeout(timer);
  }
}

/** Runs a step in time. @throws StoreError that says why it failed. */
async function step<T>(session: Session, work: () => Promise<T>): Promise<T> {
  try {
    return await inTime(session, work);
  } catch (error) {
    throw error instanceof StoreError ? error : errorOf([describeFailure(error, session.attempt)]);
  }
}

async function findUnsuitable({ client, attempt }: Session, address: Address): Promise<Failure | undefined> {
  const required = address.sessionAttributes;
  const { rows } = await client.query<{ standby: boolean; readOnly: string }>(
    `SELECT pg_is_in_recovery() AS standby, current_setting('transaction_read_only') AS "readOnly"`,
  );
  const [{ standby, readOnly } = { standby: false, readOnly: 'off' }] = rows;
  const isFit = { 'read-write': readOnly === 'off', primary: !standby }[required as string] ?? true;
  if (!isFit)
    return passing(
      `The PostgreSQL server at ${nameOf(attempt)} is not what target_session_attrs=${required} requires. Wait until a failover is done, or name the primary in ${attempt.setting} too.`,
    );
  return readOnly === 'off' ? undefined : final(readOnlySentence(attempt));
}

/** A statement with parameters, and a transaction whose time-outs are its own. */
async function tryStatements({ client, attempt }: Session): Promise<void> {
  const text = randomUUID();
  const echo = await client.query<{ text: string }>('SELECT $1::text AS text', [text]);
  if (echo.rows[0]?.text !== text)
    throw new StoreError(
      `The server at ${nameOf(attempt)} does not answer as PostgreSQL does. Check the port in ${attempt.setting}.`,
    );
  await client.query('BEGIN');
  await client.query('SET LOCAL statement_timeout = 4321');
  const { rows } = await client.query<{ limit: string }>(`SELECT current_setting('statement_timeout') AS "limit"`);
  await client.query('COMMIT');
  if (rows[0]?.limit !== '4321ms')
    throw new StoreError(
      `The pooler at ${nameOf(attempt)} keeps no time-outs within a transaction, so a stuck statement would keep its locks. Set its pool_mode to session or transaction, or name PostgreSQL itself in ${attempt.setting}.`,
    );
}

/** Returns whether what one connection sends arrives at the other. */
async function hears(sender: Session, listener: Session): Promise<boolean> {
  const channel = `regway_start_${randomUUID().replaceAll('-', '')}`;
  const heard = Promise.withResolvers<boolean>();
  listener.client.on('notification', (message) => message.channel === channel && heard.resolve(true));
  await step(listener, () => listener.client.query(`LISTEN ${channel}`));
  // Of a pooler that gave both the same connection to the server, one after the other: LISTEN belongs to neither.
  if ((await serverProcess(sender)) === (await serverProcess(listener))) {
    await step(listener, () => listener.client.query(`UNLISTEN ${channel}`));
    return false;
  }
  await step(sender, () => sender.client.query('SELECT pg_notify($1, $2)', [channel, '']));
  const timer = setTimeout(() => heard.resolve(false), notificationTimeoutMs);
  try {
    return await heard.promise;
  } finally {
    clearTimeout(timer);
  }
}

async function serverProcess(session: Session): Promise<number | undefined> {
  const { rows } = await step(session, () => session.client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid'));
  return rows[0]?.pid;
}
