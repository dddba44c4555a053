// The store on a real PostgreSQL server: what only a server can show. The laws that hold everywhere are in postgres-laws.test.ts.

import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import journal from '../../drizzle/postgres/meta/_journal.json' with { type: 'json' };
import { verifyAudit } from '../../src/core/audit/verification.ts';
import { registryOrderFields } from '../../src/core/registry/store.ts';
import { StoreError } from '../../src/database/errors.ts';
import { parseAddress } from '../../src/database/postgres/address.ts';
import { postgresNotifications } from '../../src/database/postgres/listen-notify.ts';
import { createPool } from '../../src/database/postgres/pool.ts';
import { openStore } from '../../src/database/store.ts';
import { isReady, migrationsDir, openStarted } from '../database/harness.ts';
import { openInProcesses, writeUntilKilled } from '../database/processes.ts';
import { pageQuery, sampleEvent, sampleMac, sampleRegistry, sampleSealed } from '../database/samples.ts';
import { type PostgresServer, startPostgres } from './support/postgres.ts';
import { startRelay } from './support/relay.ts';
import { emptyDatabase } from './support/store.ts';
import { connectSql, type Sql } from '../support/sql.ts';

let server: PostgresServer;
let behind: Sql;
beforeAll(async () => {
  server = await startPostgres();
  behind = connectSql(server.url);
});
afterAll(async () => {
  await behind.end();
  await server.stop();
});

/** A probe waits two seconds, a call twelve; the rest is for a busy machine. */
const maxReadinessMs = 8_000;
const maxSilenceMs = 25_000;

const runningStatements = async () =>
  (
    await behind`SELECT count(*)::int AS count FROM pg_stat_activity WHERE application_name = 'regway' AND state <> 'idle'`
  )[0]?.['count'] as number;

const open = () => openStarted(server.url);
const empty = () => emptyDatabase(behind);

describe('a server', () => {
  beforeEach(empty);

  it('is set up once by three processes at once', async () => {
    const opened = await openInProcesses(server.url, 3);
    expect(opened.filter(({ key }) => key)).toHaveLength(1);
    expect(opened.filter(({ token }) => token)).toHaveLength(1);
    const applied = await behind`SELECT tag FROM schema_migration ORDER BY position`;
    expect(applied.map((row) => String(row['tag']))).toEqual(journal.entries.map(({ tag }) => tag));
  });

  it('keeps every acknowledged write of killed writers', async () => {
    const acknowledged = (
      await Promise.all([1, 2, 3].map((writer) => writeUntilKilled(server.url, writer * 1_000, 20)))
    ).flat();
    const store = await open();
    const texts = acknowledged.map((number) => sampleRegistry(number).registry);
    expect(await store.registries.byPatterns('admin', texts)).toHaveLength(acknowledged.length);
    const [events] = await behind`SELECT count(*)::int AS count FROM audit_event`;
    expect(await store.registries.count('admin', {})).toBe(events?.['count']);
    await store.close();
  });

  it('that is down makes calls STORAGE_UNAVAILABLE; the store recovers once it is back, with every acknowledged write', async () => {
    const store = await open();
    await store.registries.insert(sampleRegistry(1), sampleSealed(), sampleEvent());
    await server.crash();
    await expect(store.registries.byId(sampleRegistry(1).id)).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    await expect(store.registries.insert(sampleRegistry(2), sampleSealed(), sampleEvent())).rejects.toMatchObject({
      code: 'STORAGE_UNAVAILABLE',
    });
    expect(await isReady(store)).toBe(false);
    await expect(open()).rejects.toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
    await server.start();
    await expect.poll(() => isReady(store), { timeout: 30_000 }).toBe(true);
    expect(await store.registries.byId(sampleRegistry(1).id)).toStrictEqual(sampleRegistry(1));
    await store.registries.insert(sampleRegistry(2), sampleSealed(), sampleEvent());
    await store.close();
  });

  it('that is killed in the midst of transactions ends them as STORAGE_UNAVAILABLE, keeps what it acknowledged, and ends nothing else', async () => {
    const store = await open();
    let acknowledged = 0;
    for (let round = 0; round < 5; round++) {
      const writes = Array.from({ length: 100 }, (_, number) =>
        store.registries.insert(sampleRegistry(round * 100 + number), sampleSealed(), sampleEvent()),
      );
      const outcomes = Promise.allSettled(writes);
      await writes[20];
      await server.kill();
      acknowledged += (await outcomes).filter(({ status }) => status === 'fulfilled').length;
      const reasons = (await outcomes).flatMap((outcome) =>
        outcome.status === 'rejected' ? [outcome.reason as unknown] : [],
      );
      expect(reasons.length).toBeGreaterThan(0);
      for (const reason of reasons) expect(reason).toMatchObject({ code: 'STORAGE_UNAVAILABLE' });
      await server.start();
      await expect.poll(() => isReady(store), { timeout: 30_000 }).toBe(true);
      expect(await store.registries.count('admin', {})).toBeGreaterThanOrEqual(acknowledged);
    }
    await store.close();
  });

  it('that hangs makes calls STORAGE_UNAVAILABLE in time, and none of them takes effect when it continues', async () => {
    const store = await open();
    await store.registries.insert(sampleRegistry(1), sampleSealed(), sampleEvent());
    server.hang();
    try {
      const startedAt = performance.now();
      const calls = [2, 3, 4].map((number) =>
        store.registries.insert(sampleRegistry(number), sampleSealed(), sampleEvent()),
      );
      const reads = Array.from({ length: 40 }, () => store.registries.byId(sampleRegistry(1).id));
      const outcomes = Promise.allSettled([...calls, ...reads]);
      expect(await isReady(store)).toBe(false);
      expect(performance.now() - startedAt).toBeLessThan(maxReadinessMs);
      for (const outcome of await outcomes)
        expect(outcome).toMatchObject({ status: 'rejected', reason: { code: 'STORAGE_UNAVAILABLE' } });
      expect(performance.now() - startedAt).toBeLessThan(maxSilenceMs);
    } finally {
      server.resume();
    }
    await expect.poll(() => isReady(store), { timeout: 30_000 }).toBe(true);
    expect(await store.registries.byId(sampleRegistry(1).id)).toStrictEqual(sampleRegistry(1));
    await expect.poll(runningStatements, { timeout: 10_000 }).toBe(0);
    expect(await store.registries.count('admin', {})).toBe(1);
    await store.registries.insert(sampleRegistry(2), sampleSealed(), sampleEvent());
    await store.close();
  });

  it('whose host is lost silently is connected to again, while the lost connections stay silent', async () => {
    await using relay = await startRelay(server.url);
    const store = await openStarted(relay.url);
    await store.registries.insert(sampleRegistry(1), sampleSealed(), sampleEvent());
    await Promise.all(Array.from({ length: 50 }, () => store.registries.byId(sampleRegistry(1).id)));
    relay.loseConnections();
    const reads = await Promise.allSettled(
      Array.from({ length: 50 }, () => store.registries.byId(sampleRegistry(1).id)),
    );
    for (const read of reads)
      expect(read).toMatchObject({ status: 'rejected', reason: { code: 'STORAGE_UNAVAILABLE' } });
    await expect.poll(() => isReady(store), { timeout: 10_000 }).toBe(true);
    expect(
      await Promise.all(Array.from({ length: 50 }, () => store.registries.byId(sampleRegistry(1).id))),
    ).toHaveLength(50);
    await store.close();
  });

  it.each([
    ['has no such database', (url: string) => url.replace('/postgres', '/nowhere')],
    ['does not know the user', (url: string) => url.replace('regway@', 'stranger:MARKER@')],
  ])('that %s is for the operator', async (_, change) => {
    const refusal: unknown = await openStore({
      url: change(server.url).replace('postgres://', 'postgresql://'),
      migrationsDir,
    }).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(StoreError);
    expect(inspect(refusal, { depth: 9, showHidden: true })).not.toContain('MARKER');
  });

  it('with two replicas keeps updates apart: one wins each version', async () => {
    const replicas = [await open(), await open()];
    await replicas[0]!.registries.insert(sampleRegistry(1), sampleSealed(), sampleEvent());
    for (let version = 1; version <= 10; version++) {
      const updates = replicas.map(({ registries }, number) =>
        registries.update(
          sampleRegistry(1, { version: version + 1, name: `replica ${number}` }),
          sampleSealed(),
          version,
          sampleEvent(),
        ),
      );
      const outcomes = await Promise.allSettled(updates);
      expect(outcomes.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
      expect(outcomes.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'CONFLICT' } });
    }
    await Promise.all(replicas.map((store) => store.close()));
  });

  it('with two replicas that write at once keeps one audit chain', async () => {
    const replicas = await Promise.all([open(), open()]);
    const writes = replicas.flatMap(({ registries }, replica) =>
      Array.from({ length: 200 }, (_, number) =>
        registries.insert(
          sampleRegistry(replica * 150 + number),
          sampleSealed(),
          sampleEvent({ target: `${replica}/${number}` }),
        ),
      ),
    );
    const written = (await Promise.allSettled(writes)).filter(({ status }) => status === 'fulfilled');
    expect(written).toHaveLength(350);
    for (const { audit } of replicas) {
      expect(await verifyAudit({ trail: audit, mac: sampleMac })).toMatchObject({
        intact: true,
        checked: 350,
        head: { seq: 350 },
      });
    }
    // More than one group commit of each, in turns.
    const events = await replicas[0].audit.eventsAfter(0, 1_000);
    const order = events.map(({ target }) => target.split('/')[0]).join('');
    expect(order).toMatch(/01+0|10+1/);
    await Promise.all(replicas.map((store) => store.close()));
  });

  it('with replicas that start at once after an update chains the old events once', async () => {
    const store = await open();
    for (let number = 1; number <= 5; number++) await store.registries.appendAudit(sampleEvent());
    await behind.unsafe('UPDATE audit_event SET hash = NULL; DELETE FROM audit_head');
    const replicas = await Promise.all(Array.from({ length: 5 }, open));
    expect(await verifyAudit({ trail: store.audit, mac: sampleMac })).toMatchObject({
      intact: true,
      checked: 6,
      adopted: { lastSeq: 5 },
    });
    await Promise.all([store, ...replicas].map((each) => each.close()));
  });

  it('delivers the notifications of one replica to all of them, also after it was down', async () => {
    const replicas = [1, 2].map(() => {
      const pool = createPool(parseAddress(server.url), 1);
      const notify = (text: string) => pool.use(({ client }) => client.query("SELECT pg_notify('regway', $1)", [text]));
      const channel = postgresNotifications(createPool(parseAddress(server.url), 1), notify, 300);
      return { ...channel, close: () => channel.close().then(() => pool.end()) };
    });
    const heard = replicas.map((channel) => {
      const texts: string[] = [];
      channel.listen((text) => text !== '' && texts.push(text));
      return texts;
    });
    const arrives = async (text: string): Promise<void> => {
      const reached = () => {
        replicas[0]?.send(text);
        return heard.map((texts) => texts.includes(text));
      };
      await expect.poll(reached, { timeout: 20_000, interval: 200 }).toEqual([true, true]);
    };
    await arrives('before');
    await server.crash();
    replicas[1]?.send('without listeners');
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    await server.start();
    await arrives('after');
    expect(heard.flat()).not.toContain('without listeners');
    await Promise.all(replicas.map((channel) => channel.close()));
  });

  it('answers lookups and pages from indexes, not by scanning the table', async () => {
    const store = await open();
    await behind`
      INSERT INTO registry (id, account, registry, host, name, type, username, secure_connection, version, secret_version, sealed, created_at, updated_at)
      SELECT 'reg_' || n, 'admin', 'host' || n % 100 || '.example/a/' || n, 'host' || n % 100 || '.example', 'name ' || n % 50, 'DOCKER_V2', 'u', true, 1, 1,
        '\\x00', n, n FROM generate_series(1, 20000) AS n`;
    // What is derived from rows is added to those of others when the store is opened.
    await (await open()).close();
    await behind`VACUUM ANALYZE registry`;
    const scans = async () => {
      await behind`SELECT pg_stat_clear_snapshot()`;
      const [row] = await behind`SELECT seq_scan::int AS count FROM pg_stat_user_tables WHERE relname = 'registry'`;
      return row?.['count'] as number;
    };
    await behind`SELECT count(*) FROM registry WHERE username = 'nobody'`;
    // A session reports its statistics when it ends.
    await store.close();
    await expect.poll(scans).toBeGreaterThan(0);
    const before = await scans();
    const again = await open();
    // More than five runs: from the sixth on the server may settle for a plan that fits any parameter.
    for (let run = 0; run < 8; run++) {
      expect(
        await again.registries.byPatterns('admin', ['host1.example/a/1', 'host2.example/a/2', 'host1.example']),
      ).toHaveLength(2);
      expect(await again.registries.byHosts('admin', ['host1.example'], 10)).toHaveLength(10);
      for (const field of registryOrderFields) {
        const page = pageQuery({ field, limit: 51 });
        expect(await again.registries.page(page)).toHaveLength(51);
        const value = field === 'REGISTRY' ? 'host50' : field === 'NAME' ? 'name 20' : 9_000;
        expect(await again.registries.page({ ...page, after: { value, id: 'reg_1' } })).toHaveLength(51);
        expect(await again.registries.page({ ...page, before: { value, id: 'reg_1' }, forward: false })).toHaveLength(
          51,
        );
      }
    }
    await again.close();
    await new Promise((resolve) => setTimeout(resolve, 500));
    // Opening a store counts its rows once, in the table or in an index.
    expect(await scans()).toBeLessThanOrEqual(before + 1);
  });
});
