// Pools connections to one PostgreSQL database on several hosts: tried in order, each checked against target_session_attrs.
// Written by hand around pg's pool of one host, because pg knows neither several hosts nor target_session_attrs.

import { drizzle } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import { Problem } from '../../core/shared/problem.ts';
import type { Queries } from '../database.ts';
import { isConnectionLost, StoreError } from '../errors.ts';
import type { Address, SessionAttributes } from './address.ts';
import { clientSettings, HostClient } from './client.ts';
import { addPool } from './pool/counts.ts';
import { createPlaces, type Places } from './pool/places.ts';
import { poolSockets, type PoolSockets } from './pool/sockets.ts';
import { connectWithFallback, isWithoutTls } from './address/tls-fallback.ts';

/** Milliseconds. Far longer than any statement of Regway takes; a stuck one returns its connection. */
export const statementTimeoutMs = 10_000;
/** Milliseconds. A transaction waits only for other transactions of Regway, which last milliseconds. */
export const lockTimeoutMs = 5_000;
/** Milliseconds. A server that dies inside a transaction must not keep its locks. */
const idleInTransactionTimeoutMs = 15_000;
/** Seconds after which a connection is replaced, so that a pooler or balancer in between can spread them again. */
const maxLifetimeSeconds = 1_800;
/** Milliseconds that `end` waits for connections in use. */
const endTimeoutMs = 5_000;

/** By `SET`, because PgBouncer refuses them as startup parameters. */
const setTimeouts = `SET statement_timeout = ${statementTimeoutMs}; SET lock_timeout = ${lockTimeoutMs}; SET idle_in_transaction_session_timeout = ${idleInTransactionTimeoutMs}`;
/** Begins a transaction with the time-outs in the same round trip, because a pooler may run it on a connection that never got them. */
export const beginTransaction = `BEGIN; ${setTimeouts.replaceAll('SET ', 'SET LOCAL ')}`;

/** A connection that no other caller uses. */
export interface Connection {
  readonly client: pg.ClientBase;
  /** Drizzle on this connection. Statements built on it are kept for as long as it lives. */
  readonly queries: Queries;
  /** Runs work on it; an error that a broken connection caused has the code CONNECTION_LOST. */
  run<T>(work: () => Promise<T>): Promise<T>;
  /** Returns it to the pool, or closes it if it is broken or inside a transaction. */
  release(): void;
}

export interface Pool {
  /** Returns a connection for this caller: waits for a free one, or opens one. */
  connect(): Promise<Connection>;
  /** Runs work on one connection, and returns the connection to the pool. */
  use<T>(work: (connection: Connection) => Promise<T>): Promise<T>;
  /** As `use`, for work that only reads: runs it once more, on a new connection, if the server or the network ended the first one. */
  read<T>(work: (connection: Connection) => Promise<T>): Promise<T>;
  /** Closes connections that received nothing for this many milliseconds. */
  closeSilent(silentMs: number): void;
  end(): Promise<void>;
}

export interface PoolOptions {
  /** In one word, for the metrics. Defaults to `statements`. */
  readonly purpose?: string;
  /** Whether a connection sends statements without waiting for the answers to earlier ones. Defaults to false. */
  readonly pipeline?: boolean;
}

/** Creates a pool, which connects when it is first used. @param max maximum number of connections at a time. */
export function createPool(
  address: Address,
  max: number,
  { purpose = 'statements', pipeline = false }: PoolOptions = {},
): Pool {
  const sockets = address.hosts.map(() => poolSockets());
  const pools = address.hosts.map((host, index) => {
    const open = () => (sockets[index] as PoolSockets).open();
    return createHostPool(address, { ...clientSettings(address, host, open), pipeline, max });
  });
  const places = createPlaces(max);
  const dial = createDial(pools, address);
  const connect = connectTo(pools, dial, places);
  const closeSilent = (silentMs: number): void =>
    sockets.forEach((ofHost, index) => ofHost.closeSilent(silentMs) && dial.leave(index));
  const remove = addPool(purpose, () => {
    const [total, idle] = [sum(pools, 'totalCount'), sum(pools, 'idleCount')];
    return { inUse: total - idle, idle, waiting: places.waiting() };
  });
  return {
    connect: () => connect(anyAge),
    use: (work) => useOne(connect, anyAge, work),
    read: (work) => readOrRepeat(connect, work),
    closeSilent,
    async end() {
      remove();
      const ended = Promise.all(pools.map((pool) => pool.end()));
      const timer = setTimeout(() => closeSilent(0), endTimeoutMs);
      await ended;
      clearTimeout(timer);
      for (const ofHost of sockets) ofHost.close();
    },
  };
}

/** Returns a connection that was opened at this time (`performance.now`) or later. */
type Connect = (earliest: number) => Promise<Connection>;

const anyAge = 0;

function connectTo(pools: readonly HostPool[], dial: Dial, places: Places): Connect {
  const broken = new WeakSet<pg.ClientBase>();
  const opened = new WeakMap<pg.ClientBase, { readonly at: number; readonly queries: Queries }>();
  for (const pool of pools) {
    // An idle connection broke: the pool has removed it already.
    pool.on('error', () => undefined);
    pool.on('connect', (client) => {
      client.on('error', () => broken.add(client));
      client.on('end', () => broken.add(client));
      opened.set(client, { at: performance.now(), queries: drizzle(client) });
    });
  }
  const dialSince = async (earliest: number): Promise<pg.PoolClient> => {
    for (;;) {
      const client = await dial.connect();
      if ((opened.get(client)?.at ?? 0) >= earliest) return client;
      client.release(true);
    }
  };
  return async (earliest) => {
    await places.take();
    try {
      const client = await dialSince(earliest);
      let isUnfit = false;
      const run = async <T>(work: () => Promise<T>): Promise<T> => {
        try {
          return await work();
        } catch (error) {
          isUnfit ||= isNoLongerSuitable(error);
          throw broken.has(client) && !(error instanceof Problem) ? connectionLost(error) : error;
        }
      };
      const release = (): void => {
        client.release(isUnfit || broken.has(client) || client.getTransactionStatus() !== 'I');
        places.free();
      };
      return { client, queries: opened.get(client)?.queries as Queries, run, release };
    } catch (error) {
      places.free();
      throw error;
    }
  };
}

async function useOne<T>(connect: Connect, earliest: number, work: (connection: Connection) => Promise<T>): Promise<T> {
  const connection = await connect(earliest);
  try {
    return await connection.run(() => work(connection));
  } finally {
    connection.release();
  }
}

/** A proxy or a failover ends all connections together, so that another idle one would fail too. */
async function readOrRepeat<T>(connect: Connect, work: (connection: Connection) => Promise<T>): Promise<T> {
  let hasConnection = false;
  try {
    return await useOne(connect, anyAge, (connection) => {
      hasConnection = true;
      return work(connection);
    });
  } catch (error) {
    if (!hasConnection || !isNoLongerSuitable(error)) throw error;
    return await useOne(connect, performance.now(), work);
  }
}

type HostPool = pg.Pool;

function createHostPool(address: Address, settings: pg.PoolConfig): HostPool {
  return new pg.Pool({
    ...settings,
    Client: HostClient,
    idleTimeoutMillis: 0,
    maxLifetimeSeconds,
    // The pool waits for it, although its types do not say so.
    // oxlint-disable-next-line typescript/no-misused-promises
    onConnect: async (client) => {
      // A host that logs in and then answers nothing must be left for the next one too.
      const timer = setTimeout(() => (client as pg.Client).connection.stream.destroy(), address.connectTimeoutMs);
      try {
        await client.query(setTimeouts);
        await requireAttributes(client, address.sessionAttributes);
      } finally {
        clearTimeout(timer);
      }
    },
  });
}

interface Dial {
  /** Connects to the first host that is reachable and suitable, and tries the host that it used last first. */
  connect(): Promise<pg.PoolClient>;
  /** Tries the hosts after this one first, because it accepts connections and answers nothing. */
  leave(index: number): void;
}

function createDial(
  pools: readonly HostPool[],
  { sessionAttributes: attributes, tlsFallback: fallback }: Address,
): Dial {
  let last = 0;
  const tryAll = async (isFit: (client: pg.PoolClient) => Promise<boolean>): Promise<pg.PoolClient> => {
    let failure: unknown;
    const order = [last, ...pools.keys()].filter((index, place, all) => all.indexOf(index) === place);
    for (const index of order) {
      try {
        const client = await connectWithFallback<pg.PoolClient>(pools[index] as HostPool, fallback);
        // A connection that is not returned takes its place in the pool for ever.
        const isKept = await isFit(client).catch((error: unknown) => {
          client.release(true);
          throw error;
        });
        if (isKept) {
          last = index;
          return client;
        }
        client.release(true);
      } catch (error) {
        failure = error;
        if (isDenied(error)) break;
      }
    }
    throw withCode(failure);
  };
  const any = () => tryAll(() => Promise.resolve(true));
  return {
    connect: attributes === 'prefer-standby' ? () => tryAll(isStandby).catch(any) : any,
    leave(index) {
      if (last === index) last = (index + 1) % pools.length;
    },
  };
}

/** Returns whether the server rejected the login. The same login is wrong on every host, and trying it on each could lock the account. */
function isDenied(error: unknown): boolean {
  return (
    error instanceof StoreError || (error instanceof Error && 'code' in error && /^28...$/.test(String(error.code)))
  );
}

async function isStandby(client: pg.ClientBase): Promise<boolean> {
  return (await ask(client, 'SELECT pg_is_in_recovery() AS answer')) === true;
}

/** @throws Error with the code CONNECTION_LOST if the server does not have the attributes. Another server may have or get them. */
async function requireAttributes(client: pg.ClientBase, attributes: SessionAttributes): Promise<void> {
  if (attributes === 'any' || attributes === 'prefer-standby') return;
  const isSuitable =
    attributes === 'primary' || attributes === 'standby'
      ? (await isStandby(client)) === (attributes === 'standby')
      : (await ask(client, "SELECT current_setting('transaction_read_only') AS answer")) ===
        (attributes === 'read-only' ? 'on' : 'off');
  if (!isSuitable) throw connectionLost();
}

async function ask(client: pg.ClientBase, text: string): Promise<unknown> {
  const { rows } = await client.query<{ answer: unknown }>(text);
  return rows[0]?.answer;
}

/** Returns whether a connection must be closed after this error: the server ends it, or became a standby (25006) and must be checked again. */
export function isNoLongerSuitable(error: unknown): boolean {
  if (isConnectionLost(error)) return true;
  for (let at = error; at instanceof Error; at = at.cause)
    if ('code' in at && /^(08...|57P..|25006)$/.test(String(at.code))) return true;
  return false;
}

/** Adds a code to the driver's own errors of connecting, such as time-outs, which have none. */
function withCode(error: unknown): unknown {
  if (error instanceof StoreError) return error;
  if (error instanceof Error && isWithoutTls(error))
    return new StoreError('The PostgreSQL server does not offer TLS, which the sslmode of its address requires.');
  return error instanceof Error && 'code' in error ? error : connectionLost(error);
}

function connectionLost(cause?: unknown): Error {
  if (isConnectionLost(cause)) return cause as Error;
  return Object.assign(new Error('The connection to PostgreSQL was lost.'), { code: 'CONNECTION_LOST' });
}

function sum(pools: readonly HostPool[], count: 'totalCount' | 'idleCount'): number {
  return pools.reduce((all, pool) => all + pool[count], 0);
}
