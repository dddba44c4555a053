// The metrics are those of the README, named as Prometheus wants it, and no caller and no upstream can make more series of them.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, test } from 'vitest';
import { validationOutcomes } from '../../../src/core/registry/report.ts';
import { createMetrics, type Metrics } from '../../../src/server/ops/metrics.ts';

const root = join(import.meta.dirname, '../../..');
const ops = join(root, 'src/server/ops');

interface Definition {
  readonly name: string;
  readonly type: string;
  readonly help: string;
}

function definitions(text: string): Definition[] {
  return [...text.matchAll(/^# HELP (\S+) (.*)\n# TYPE \S+ (\w+)$/gm)].map(([, name = '', help = '', type = '']) => ({
    name,
    help,
    type,
  }));
}

/** The samples of one metric of Regway, each as the text of its labels. */
function series(text: string): string[] {
  return [...text.matchAll(/^(regway_\S*?(?:\{[^}]*\})?) \S+$/gm)].map(([, sample = '']) => sample);
}

async function own(metrics: Metrics): Promise<Definition[]> {
  return definitions((await metrics.render()).body).filter(({ name }) => name.startsWith('regway_'));
}

it('are the ones in the README, each with its type', async () => {
  const metrics = createMetrics();
  metrics.watchUnwrittenUses(() => 0);
  metrics.watchStore(() => ({ pendingScans: 2, logBytes: 3 }));
  metrics.watchOpen(() => ({ sessions: 1, streams: 2, circuits: 3 }));
  metrics.watchPools(() => new Map([['statements', { inUse: 1, idle: 2, waiting: 3 }]]));
  metrics.watchStorage(async () => ({ auditSequence: 4, keyAgeSeconds: 5 }));
  metrics.watchLockWaits(async () => 6);
  const rows = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/^\| `(regway_\w+)` \| (\w+) \|/gm)];
  const documented = new Map(rows.map(([, name = '', type = '']) => [name, type]));
  const inSources = readdirSync(ops)
    .map((file) => readFileSync(join(ops, file), 'utf8'))
    .flatMap((text) => [...text.matchAll(/'(regway_[a-z_]+)'/g)].map(([, name = '']) => name));
  expect([...documented.keys()].toSorted()).toEqual([...new Set(inSources)].toSorted());
  for (const { name, type } of await own(metrics)) expect([name, documented.get(name)]).toEqual([name, type]);
});

it('are named after their unit and type, and have a sentence', async () => {
  const metrics = createMetrics();
  metrics.watchUnwrittenUses(() => 0);
  metrics.watchStore(() => ({ pendingScans: 2, logBytes: 3 }));
  metrics.watchOpen(() => ({ sessions: 1, streams: 2, circuits: 3 }));
  metrics.watchPools(() => new Map([['statements', { inUse: 1, idle: 2, waiting: 3 }]]));
  metrics.watchStorage(async () => ({ auditSequence: 4, keyAgeSeconds: 5 }));
  metrics.watchLockWaits(async () => 6);
  const all = await own(metrics);
  expect(all.length).toBeGreaterThan(11);
  for (const { name, type, help } of all) {
    expect(name).toMatch(/^regway_[a-z]+(_[a-z]+)*$/);
    expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
    if (type === 'histogram') expect(name).toMatch(/_(seconds|bytes)$/);
    expect(help).toMatch(/^[A-Z].*\.$/);
  }
});

const routes = ['graphql', 'rest', 'pull', 'livez'];

/** Everything that a hostile caller or upstream can choose. */
function chooseEverything(metrics: Metrics): void {
  for (let index = 0; index < 5_000; index++) {
    const route = routes[index % routes.length] ?? '';
    metrics.beginRequest(route);
    metrics.observeRequest(route, `METHOD-${index}`, 100 + (index % 900), 1);
    metrics.observeValidation(`OUTCOME-${index}`, 1, `r${index}.example`);
    metrics.observePull(validationOutcomes[index % validationOutcomes.length] ?? '', `r${index}.example`);
    metrics.observeUpstreamRequest(index % 2 === 0 ? 100 + (index % 900) : `FAILURE-${index}`, 1);
    metrics.observeTokenLookup(index % 2 === 0);
  }
}

test.each([
  [false, 1_500],
  [true, 5_000],
])('have a bounded number of series, hosts shown: %s', async (showsHosts, most) => {
  const metrics = createMetrics({ showsHosts });
  chooseEverything(metrics);
  const before = series((await metrics.render()).body);
  chooseEverything(metrics);
  expect(series((await metrics.render()).body).length).toBe(before.length);
  expect(before.length).toBeLessThan(most);
  const hosts = new Set(before.flatMap((sample) => /host="([^"]*)"/.exec(sample)?.[1] ?? []));
  expect(hosts.size).toBe(showsHosts ? 101 : 0);
});

it('contain no host unless it is asked for', async () => {
  const metrics = createMetrics();
  chooseEverything(metrics);
  expect((await metrics.render()).body).not.toContain('.example');
});

it('count what is in flight and pending, and end where they began', async () => {
  const metrics = createMetrics({ version: '1.2.3' });
  metrics.beginRequest('graphql');
  const end = metrics.beginWrite();
  let unwritten = 7;
  metrics.watchUnwrittenUses(() => unwritten);
  const values = async () => {
    const { body } = await metrics.render();
    const value = (name: string) => new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(body)?.[1];
    return ['regway_http_requests_in_flight', 'regway_store_writes_pending', 'regway_uses_unwritten'].map(value);
  };
  expect(await values()).toEqual(['1', '1', '7']);
  metrics.observeRequest('graphql', 'POST', 200, 3);
  end();
  unwritten = 0;
  expect(await values()).toEqual(['0', '0', '0']);
  expect((await metrics.render()).body).toContain('regway_build_info{version="1.2.3"} 1');
  expect((await metrics.render()).body).toContain('regway_store_write_duration_seconds_count 1');
});

it('show the threads and the log of the embedded database as they are at the moment', async () => {
  const metrics = createMetrics();
  const state = { pendingScans: 0, logBytes: 0 };
  metrics.watchStore(() => state);
  await metrics.render();
  Object.assign(state, { pendingScans: 4, logBytes: 4096 });
  const { body } = await metrics.render();
  expect(body).toMatch(/^regway_store_scans_pending 4$/m);
  expect(body).toMatch(/^regway_store_log_bytes 4096$/m);
});

test('the backlog of scheduled validations is shown, counted once for many scrapes, and NaN without a database', async () => {
  const backlogOf = async (metrics: Metrics) =>
    [...(await metrics.render()).body.matchAll(/^(regway_revalidation_\w+) (\S+)$/gm)].map(([, name, value]) => [
      name,
      value,
    ]);
  let reads = 0;
  const metrics = createMetrics();
  metrics.watchBacklog(async () => ({ count: (reads += 1), oldestSeconds: 90 }));
  await Promise.all([backlogOf(metrics), backlogOf(metrics)]);
  expect(await backlogOf(metrics)).toEqual([
    ['regway_revalidation_due_registries', '1'],
    ['regway_revalidation_oldest_due_seconds', '90'],
  ]);
  const broken = createMetrics();
  broken.watchBacklog(() => Promise.reject(new Error('no database')));
  expect((await backlogOf(broken)).map(([, value]) => value?.toLowerCase())).toEqual(['nan', 'nan']);
});

it('show the storage: pools by what they are for, and what only the database knows', async () => {
  const metrics = createMetrics();
  metrics.countStorageFailure('ECONNRESET');
  metrics.watchPools(() => new Map([['statements', { inUse: 1, idle: 2, waiting: 3 }]]));
  metrics.watchStorage(async () => ({ auditSequence: 40, keyAgeSeconds: 50 }));
  metrics.watchLockWaits(async () => 60);
  metrics.watchOpen(() => ({ sessions: 7, streams: 8, circuits: 9 }));
  const { body } = await metrics.render();
  expect(
    body
      .split('\n')
      .filter((line) => /^regway_(store_(failures|pool|lock)|audit|key|sessions|streams|circuits)/.test(line)),
  ).toEqual([
    'regway_store_failures_total{code="ECONNRESET"} 1',
    'regway_store_pool_connections{pool="statements",state="in_use"} 1',
    'regway_store_pool_connections{pool="statements",state="idle"} 2',
    'regway_store_pool_waiting{pool="statements"} 3',
    'regway_audit_sequence 40',
    'regway_key_age_seconds 50',
    'regway_store_lock_waits 60',
    'regway_sessions 7',
    'regway_streams 8',
    'regway_circuits_open 9',
  ]);
});

test('a database that hangs does not hold up the other metrics', async () => {
  const metrics = createMetrics();
  metrics.watchBacklog(() => new Promise(() => undefined));
  expect((await metrics.render()).body).toMatch(/^regway_revalidation_due_registries nan$/im);
}, 6_000);
