// Starts several built servers on one PostgreSQL database and one keyring, behind a balancer that forwards each request to the next of them.

import { join } from 'node:path';
import { startBalancer, type Balancer } from '../../support/balancer.ts';
import { newDataDirectory, postGraphql, startServer, type GraphqlAnswer, type RegwayServer } from './server.ts';

export interface Replicas {
  /** Of the balancer. */
  readonly url: string;
  readonly servers: readonly RegwayServer[];
  readonly balancer: Balancer;
  /** Where they share their keyring. */
  readonly dataDirectory: string;
  /** The environment of commands on the same database and keyring. */
  readonly settings: Readonly<Record<string, string>>;
  /** The one that was printed, by whichever came first. */
  firstToken(): string;
  /** Through the balancer; otherwise as of a server. */
  graphql(query: string, variables?: object, token?: string | null): Promise<GraphqlAnswer>;
  /** All that they printed. */
  output(): string;
  /** Rejects if one does not exit with status 0. */
  stop(): Promise<void>;
}

/** Starts them. @param databaseUrl `postgres://…` of an empty database. @param more settings. */
export async function startReplicas(
  databaseUrl: string,
  more: Readonly<Record<string, string>> = {},
  count = 2,
): Promise<Replicas> {
  const dataDirectory = newDataDirectory();
  const settings = { REGWAY_DATABASE_URL: databaseUrl, REGWAY_KEYRING_FILE: join(dataDirectory, 'keyring'), ...more };
  // The first creates the keyring, which an operator would then copy to all.
  const first = await startServer({ settings });
  const others = await Promise.all(Array.from({ length: count - 1 }, () => startServer({ settings })));
  const servers = [first, ...others];
  const balancer = await startBalancer(servers.map(({ url }) => url));
  const output = () => servers.map((server) => server.output()).join('');
  return {
    url: balancer.url,
    servers,
    balancer,
    dataDirectory,
    settings,
    firstToken: () => first.firstToken(),
    graphql: (query, variables = {}, token = first.firstToken()) =>
      postGraphql(balancer.url, { query, variables }, token),
    output,
    async stop() {
      await balancer.stop();
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}
