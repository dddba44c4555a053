// Only the address decides how a client connects: nothing that pg would read from the environment or from ~/.pgpass does.

import { Socket } from 'node:net';
import { writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { StoreError } from '../../../src/database/errors.ts';
import { parseAddress } from '../../../src/database/postgres/address.ts';
import { clientSettings, HostClient } from '../../../src/database/postgres/client.ts';
import { openPostgres } from '../../../src/database/postgres/open.ts';
import { temporaryDirectory } from '../harness.ts';
import { startStandIn } from './stand-in.ts';

let home: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  home = temporaryDirectory();
  const passwordFile = join(home.path, '.pgpass');
  writeFileSync(passwordFile, '*:*:*:*:MARKER\n', { mode: 0o600 });
  const environment = {
    HOME: home.path,
    PGAPPNAME: 'MARKER',
    PGBINARY: 'true',
    PGCLIENT_ENCODING: 'LATIN1',
    PGCONNECT_TIMEOUT: '1',
    PGDATABASE: 'MARKER',
    PGHOST: '127.0.0.2',
    PGOPTIONS: '-c search_path=MARKER',
    PGPASSFILE: passwordFile,
    PGPASSWORD: 'MARKER',
    PGPORT: '1',
    PGREPLICATION: 'database',
    PGSSLMODE: 'require',
    PGSSLNEGOTIATION: 'direct',
    PGUSER: 'MARKER',
    USER: 'MARKER',
  };
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
});
afterEach(() => {
  vi.unstubAllEnvs();
  home[Symbol.dispose]();
});

const settingsOf = (url: string) => {
  const address = parseAddress(url);
  return clientSettings(address, address.hosts[0]!, () => new Socket());
};

async function readOn(url: string): Promise<unknown> {
  const database = openPostgres(url);
  try {
    return await database.read((queries) => queries.execute('SELECT 1'));
  } finally {
    await database.close();
  }
}

describe('a client', () => {
  it.each(['postgres://', 'postgres://u:p@h:1/d?sslmode=require'])('of %s leaves no setting to pg', (url) => {
    for (const value of Object.values(settingsOf(url))) expect([undefined, null, '', 0]).not.toContain(value);
  });

  it('of an address without parts uses localhost, 5432, and the user of the process', () => {
    const user = userInfo().username;
    expect(new HostClient(settingsOf('postgres://'))).toMatchObject({
      host: 'localhost',
      port: 5_432,
      user,
      database: user,
      ssl: { rejectUnauthorized: false },
      sslNegotiation: 'postgres',
    });
  });

  it.each([
    ['u@', '/d', { user: 'u', database: 'd' }],
    ['', '', { user: userInfo().username, database: userInfo().username }],
  ])('of postgres://%s…%s sends the server only what the address says', async (user, path, names) => {
    await using standIn = await startStandIn();
    await readOn(`postgres://${user}${standIn.host}${path}`);
    expect(standIn.startups).toEqual([{ ...names, application_name: 'regway', client_encoding: 'UTF8' }]);
  });

  it('sends its time-outs by SET, not as parameters, which PgBouncer rejects', async () => {
    await using standIn = await startStandIn();
    await readOn(`postgres://u@${standIn.host}/d`);
    expect(standIn.statements[0]).toMatch(
      /^SET statement_timeout = \d+; SET lock_timeout = \d+; SET idle_in_transaction_session_timeout = \d+$/,
    );
  });
});

describe('a server that requires a password', () => {
  it('gets none when the address has none, and its connection is closed', async () => {
    await using standIn = await startStandIn({ asksPassword: true });
    await expect(readOn(`postgres://u@${standIn.host}/d`)).rejects.toThrow(
      new StoreError('The PostgreSQL server requires a password, and the address of the database has none.'),
    );
    expect(standIn.passwords).toEqual([]);
    await expect.poll(standIn.openConnections).toBe(0);
  });

  it('gets that of the address', async () => {
    await using standIn = await startStandIn({ asksPassword: true });
    await readOn(`postgres://u:a%20b@${standIn.host}/d`);
    expect(standIn.passwords).toEqual(['a b']);
  });

  it('that is the first of several hosts is the only one that is tried without a password', async () => {
    await using first = await startStandIn({ asksPassword: true });
    await using second = await startStandIn();
    await expect(readOn(`postgres://u@${first.host},${second.host}/d`)).rejects.toBeInstanceOf(StoreError);
    expect(second.startups).toEqual([]);
  });
});
