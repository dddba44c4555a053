// The whole server in this process: its settings, its database, its tokens, listening on loopback. Where replicas share the database, all of them,
// behind a balancer.

import { readConfig } from '../../../src/app/config.ts';
import { createToken } from '../../../src/app/maintenance/tokens.ts';
import { type RunningServer, serve } from '../../../src/app/server.ts';
import { type Role, roles } from '../../../src/core/authz/principal.ts';
import { frontOf } from '../../support/balancer.ts';
import { createDatabase } from '../../support/database.ts';
import { makeTemporaryDirectory } from '../../support/temporary/directory.ts';

export interface Regway {
  /** Of the GraphQL endpoint. */
  readonly url: string;
  readonly tokens: Readonly<Record<Role, string>>;
  /** Runs an operation without a gateway between. */
  send(token: string, query: string, variables?: object): Promise<unknown>;
  /** GraphQL requests that were answered, by the count of the servers. */
  requests(): Promise<number>;
  close(): Promise<void>;
}

export async function serveRegway(): Promise<Regway> {
  const dataDir = makeTemporaryDirectory('federation');
  const database = await createDatabase();
  const config = readConfig({
    REGWAY_DATA_DIR: dataDir,
    REGWAY_DATABASE_URL: database.url,
    REGWAY_LISTEN: '127.0.0.1:0',
    REGWAY_LOG_LEVEL: 'silent',
  });
  const servers: RunningServer[] = [];
  while (servers.length < database.replicas) servers.push(await serve(config));
  const front = await frontOf(servers);
  const issued: [Role, string][] = [];
  for (const role of roles)
    issued.push([
      role,
      (await createToken(config, { role, account: 'admin', name: role, images: null, expiresAt: null })).reveal(),
    ]);
  const url = `${front.url}/graphql`;
  return {
    url,
    tokens: Object.fromEntries(issued) as Record<Role, string>,
    async send(token, query, variables = {}) {
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
      return (await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query, variables }) })).json();
    },
    async requests() {
      const metrics = await Promise.all(servers.map(async (server) => (await fetch(`${server.url}/metrics`)).text()));
      return [...metrics.join('').matchAll(/^regway_http_requests_total\{route="graphql".*\} (\d+)$/gm)].reduce(
        (sum, [, count]) => sum + Number(count),
        0,
      );
    },
    async close() {
      await front.stop();
      await Promise.all(servers.map((server) => server.close()));
      await database.close();
    },
  };
}
