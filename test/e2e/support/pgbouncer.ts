// PgBouncer before a PostgreSQL server. In transaction mode, each transaction of a client may run on another connection of the server.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startProgram } from './child-process.ts';
import { freePort } from './free-port.ts';
import { serverUser } from './postgres.ts';
import { makeTemporaryDirectory } from '../../support/temporary/directory.ts';

export interface Pgbouncer {
  /** The database's url, through PgBouncer. */
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * @param poolSize number of connections to the server, which all clients share.
 * @param more further lines of its settings.
 */
export async function startPgbouncer(
  databaseUrl: string,
  poolSize: number,
  mode: 'session' | 'transaction' | 'statement' = 'transaction',
  more = '',
): Promise<Pgbouncer> {
  const { hostname, port, username, pathname } = new URL(databaseUrl);
  const directory = makeTemporaryDirectory('pgbouncer');
  const ownPort = await freePort('127.0.0.1');
  const database = pathname.slice(1);
  const settings = `
[databases]
${database} = host=${hostname} port=${port} user=${username} dbname=${database}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${ownPort}
unix_socket_dir =
auth_type = any
pool_mode = ${mode}
default_pool_size = ${poolSize}
${more}
`;
  writeFileSync(join(directory, 'pgbouncer.ini'), settings);
  const [command, ...args] = [...serverUser(directory), '/usr/sbin/pgbouncer', 'pgbouncer.ini'];
  const program = await startProgram({ command, args, cwd: directory, ready: [/process up/] });
  return {
    url: databaseUrl.replace(`:${port}/`, `:${ownPort}/`),
    async stop() {
      await program.end('SIGTERM');
    },
  };
}
