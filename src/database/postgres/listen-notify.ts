// Sends short texts to every process on the same store, by PostgreSQL's LISTEN and NOTIFY.
// https://www.postgresql.org/docs/15/sql-notify.html

import { setTimeout as pause } from 'node:timers/promises';
import { localNotifications, type NotificationChannel } from '../database.ts';
import type { Connection, Pool } from './pool.ts';

/** The channel of every notification. */
export const channel = 'regway';
/** Milliseconds. A connection that breaks is noticed at once; one whose host disappears, by its silence. */
const usualHeartbeatMs = 30_000;
/** Milliseconds between two attempts to listen again. */
const retryMs = 500;

/**
 * Creates the notifications of a store that several processes share. A text that is sent while the database is unavailable is lost.
 * Behind PgBouncer in transaction mode no notifications arrive, because LISTEN belongs to a session: see `unheardNotifications`.
 * @param listener A pool of one connection, which listens.
 * @param notify Sends one text on the `channel`, through any connection.
 */
export function postgresNotifications(
  listener: Pool,
  notify: (text: string) => Promise<unknown>,
  heartbeatMs = usualHeartbeatMs,
): NotificationChannel {
  const local = localNotifications();
  let listening: Connection | undefined;
  let heart: NodeJS.Timeout | undefined;
  let isAlive = true;
  const state = { isClosed: false };
  const hear = ({ payload = '' }: { payload?: string | undefined }): void => {
    isAlive = true;
    local.send(payload);
  };
  const listenOn = async (connection: Connection): Promise<void> => {
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    listening = connection;
    connection.client.on('notification', hear).once('end', end);
    try {
      await connection.run(() => connection.client.query(`listen ${channel}`));
      isAlive = true;
      await ended;
    } finally {
      // The pool may lend it again, if only the statement failed.
      connection.client.removeListener('notification', hear).removeListener('end', end);
      if (listening === connection) connection.release();
      listening = undefined;
    }
  };
  const start = async (): Promise<void> => {
    while (!state.isClosed) {
      const startedAt = performance.now();
      try {
        const connection = await listener.connect();
        if (state.isClosed) return connection.release();
        await listenOn(connection);
      } catch {
        // A later attempt may succeed.
      }
      // At once only after a connection that lasted: a pooler may end each.
      if (performance.now() - startedAt < retryMs) await pause(retryMs, undefined, { ref: false });
    }
  };
  const send = (text: string): void => void notify(text).catch(() => undefined);
  const beat = (): void => {
    // Its connection ends, and `start` opens another.
    if (!isAlive) listener.closeSilent(heartbeatMs);
    isAlive = false;
    send('');
  };
  return {
    send,
    listen(heard) {
      local.listen(heard);
      if (heart !== undefined) return;
      heart = setInterval(beat, heartbeatMs).unref();
      void start();
    },
    async close() {
      state.isClosed = true;
      clearInterval(heart);
      const last = listening;
      listening = undefined;
      last?.client.removeListener('notification', hear);
      last?.release();
      await listener.end();
    },
  };
}

/**
 * Creates the notifications of a process that cannot listen: it hears what it sends itself, and others that can listen hear that too.
 * @param notify Sends one text on the `channel`, through any connection.
 */
export function unheardNotifications(notify: (text: string) => Promise<unknown>): NotificationChannel {
  const local = localNotifications();
  return {
    ...local,
    send(text) {
      local.send(text);
      void notify(text).catch(() => undefined);
    },
  };
}
