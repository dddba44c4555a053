// Three replicas behind a real balancer are replaced one after the other while clients work: no request fails, also when the new version migrates the database.

import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runProgram } from './support/child-process.ts';
import { pushImage, writeBigImage } from './support/images.ts';
import { startBasicRegistry, type PasswordRegistry } from './support/registries.ts';
import { startPostgres, type PostgresServer } from './support/postgres.ts';
import { type Fleet, nextVersion, present, startFleet } from './support/rolling/fleet.ts';
import { frontNames, startFront } from './support/rolling/front.ts';
import { startLoad } from './support/rolling/load.ts';
import { postGraphql, serverEnvironment } from './support/server.ts';
import { executableArguments } from '../support/built.ts';
import { makeTemporaryDirectory } from '../support/temporary/directory.ts';
import { connectSql } from '../support/sql.ts';

const alice = { username: 'alice', password: 'password-of-alice' };
const repository = 'team-a/app';
const layerBytes = 4 * 1024 * 1024;

let database: PostgresServer;
let registry: PasswordRegistry;
let layer: string;
const figures: string[] = [];
/** Milliseconds. Six starts under load, on a machine that may be busy with others. */
const rollTimeoutMs = 300_000;

beforeAll(async () => {
  database = await startPostgres();
  registry = await startBasicRegistry([alice]);
  const image = writeBigImage(join(makeTemporaryDirectory('image'), 'image'), layerBytes);
  await pushImage({
    layout: image.layout,
    reference: `${registry.host}/${repository}:latest`,
    credential: `${alice.username}:${alice.password}`,
  });
  layer = image.blobDigests.at(0) ?? '';
});

afterAll(async () => {
  console.log(figures.join('\n'));
  await registry?.stop();
  await database?.stop();
});

/** nginx learns of a stop only by a connection that is refused, so it gets no time before; HAProxy asks twice a second. */
const delays = { nginx: '0', HAProxy: '3' } as const;

/** What a later version may do while this one serves: new columns and indexes, and every row rewritten. */
const migration = [
  `ALTER TABLE registry ADD COLUMN of_next text DEFAULT '' NOT NULL;`,
  `ALTER TABLE api_token ADD COLUMN of_next bigint;`,
  `CREATE INDEX of_next ON registry USING btree (account, of_next);`,
  `UPDATE registry SET of_next = id;`,
  `SELECT pg_sleep(1);`,
];

describe.each(frontNames)('behind %s, clients see no failed request', (name) => {
  let fleet: Fleet;
  let front: Awaited<ReturnType<typeof startFront>>;
  let url: string;
  let id: string;

  beforeAll(async () => {
    const behind = connectSql(database.url);
    await behind.unsafe(`CREATE DATABASE ${name.toLowerCase()}`);
    await behind.end();
    url = database.url.replace(/postgres$/, name.toLowerCase());
    fleet = await startFleet({ REGWAY_DATABASE_URL: url, REGWAY_SHUTDOWN_DELAY: delays[name] });
    front = await startFront(name, fleet.hosts);
    const created = await postGraphql(
      front.url,
      {
        query: `mutation ($input: CreateRegistryInput!) { createRegistry(input: $input, secureConnection: false) { registry { id } } }`,
        variables: { input: { registry: registry.host, ...alice } },
      },
      fleet.token,
    );
    id = /reg_\w+/.exec(created.text)?.[0] ?? created.text;
  });

  afterAll(async () => {
    await fleet?.stop();
    await front?.stop();
  });

  const rollUnderLoad = async (version = present) => {
    const load = startLoad({
      url: front.url,
      token: fleet.token,
      id,
      upstream: registry.host,
      repository,
      blob: layer,
    });
    try {
      await fleet.roll(version);
    } finally {
      await load.stop();
    }
    figures.push(`${name}: ${JSON.stringify(load.counts())}, ${load.failures().length} failed`);
    return load;
  };

  test(
    'while three replicas restart one after the other',
    async () => {
      const load = await rollUnderLoad();
      expect(load.failures()).toEqual([]);
      for (const count of Object.values(load.counts())) expect(count).toBeGreaterThan(1);
    },
    rollTimeoutMs,
  );

  test(
    'while three replicas are replaced by a version that migrates the database, after which the old one is refused',
    async () => {
      const load = await rollUnderLoad(nextVersion(migration));
      expect(load.failures()).toEqual([]);
      for (const count of Object.values(load.counts())) expect(count).toBeGreaterThan(1);
      const refused = await runProgram({
        command: process.execPath,
        args: executableArguments('serve'),
        env: serverEnvironment(makeTemporaryDirectory('old'), fleet.settings),
      });
      expect(refused).toMatchObject({ code: 78, stderr: expect.stringContaining('9999_next') });
    },
    rollTimeoutMs,
  );
});
