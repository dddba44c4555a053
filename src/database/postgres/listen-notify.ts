// Short texts to every process on the same store: PostgreSQL's LISTEN and NOTIFY, or a call within the one process of a SQLite file.
// https://www.postgresql.org/docs/15/sql-notify.html

import type postgres from 'postgres';
import { localNotices, type OpenNotices } from '../database.ts';

const channel = 'regway';
/** The driver listens again after a broken connection, but only once: a server that was down for longer is noticed by its silence. */
const usualHeartbeatMs = 30_000;

/** For a store that many share. What is sent while the database is away is lost. */
export function postgresNotices(client: postgres.Sql, heartbeatMs = usualHeartbeatMs): OpenNotices {
  const local = localNotices();
  let listening: Promise<postgres.ListenMeta | undefined> | undefined;
  let heart: NodeJS.Timeout | undefined;
  let isAlive = true;
  const start = () =>
    client
      .listen(channel, (text) => {
        isAlive = true;
        local.send(text);
      })
      .catch(() => undefined);
  const send = (text: string): void => void client.notify(channel, text).catch(() => undefined);
  const beat = async (): Promise<void> => {
    if (!isAlive) {
      await (await listening)?.unlisten().catch(() => undefined);
      listening = start();
      await listening;
    }
    isAlive = false;
    send('');
  };
  return {
    send,
    listen(hear) {
      local.listen(hear);
      listening ??= start();
      heart ??= setInterval(() => void beat(), heartbeatMs).unref();
    },
    close: async () => clearInterval(heart),
  };
}
