// The whole server in this process: its settings, its SQLite file, its tokens, listening on loopback.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serve } from '../../../src/app.ts';
import { readConfig } from '../../../src/config.ts';
import { roles, type Role } from '../../../src/core/access.ts';
import { createToken } from '../../../src/wiring/data.ts';

export interface Regway {
  /** Of the GraphQL endpoint. */
  readonly url: string;
  readonly tokens: Readonly<Record<Role, string>>;
  /** Runs an operation without a gateway between. */
  send(token: string, query: string, variables?: object): Promise<unknown>;
  /** GraphQL requests that it has answered, by its own count. */
  requests(): Promise<number>;
  close(): Promise<void>;
}

export async function serveRegway(): Promise<Regway> {
  const dataDir = mkdtempSync(join(tmpdir(), 'regway-federation-'));
  const config = readConfig({ REGWAY_DATA_DIR: dataDir, REGWAY_LISTEN: '127.0.0.1:0', REGWAY_LOG_LEVEL: 'silent' });
  const server = await serve(config);
  const issued: [Role, string][] = [];
  for (const role of roles) issued.push([role, (await createToken(config, { role, account: 'admin', name: role, images: null, expiresAt: null })).reveal()]);
  const url = `${server.url}/graphql`;
  return {
    url,
    tokens: Object.fromEntries(issued) as Record<Role, string>,
    async send(token, query, variables = {}) {
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
      return (await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query, variables }) })).json();
    },
    async requests() {
      const metrics = await (await fetch(`${server.url}/metrics`)).text();
      return [...metrics.matchAll(/^regway_http_requests_total\{route="graphql".*\} (\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
    },
    async close() {
      await server.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
