// The PostgreSQL server is killed and started again while two replicas write: nothing acknowledged is lost, and the replicas recover by themselves.

import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runProgram } from '../e2e/support/child-process.ts';
import { startPostgres, type PostgresServer } from '../e2e/support/postgres.ts';
import { startReplicas, type Replicas } from '../e2e/support/replicas.ts';
import { executableArguments } from '../support/built.ts';
import { projectRoot, serverEnvironment } from '../e2e/support/server.ts';
import { ensureBuilt } from '../support/built.ts';
import { contradictions, createKnowledge } from './support/knowledge.ts';
import { rounds } from './support/rounds.ts';
import { startWorkload, type Answer } from './support/workload.ts';
import { connectSql } from '../support/sql.ts';

const outages = rounds('REGWAY_CRASH_OUTAGES', 20);

/** A caller hears within this time that the database is down; most of it is for a busy machine. */
const maxRefusalMs = 5_000;
/** And a replica is ready within this time once it is back, replay of the log included. */
const maxRecoveryMs = 15_000;

let database: PostgresServer;
let replicas: Replicas;
beforeAll(async () => {
  await ensureBuilt();
  database = await startPostgres();
  replicas = await startReplicas(database.url);
});
afterAll(async () => {
  await replicas?.stop();
  await database?.stop();
});

test(`${outages} times the database server is killed under load: no acknowledged write is lost, callers get an error, both replicas recover, and the audit chain is whole`, async () => {
  const knowledge = createKnowledge();
  const codes = new Map<string, number>();
  const note = (answer: Answer): void => {
    const code = answer.kind === 'done' ? answer.kind : (answer.code ?? answer.kind);
    codes.set(code, (codes.get(code) ?? 0) + 1);
  };
  const workload = startWorkload(replicas, replicas.firstToken(), knowledge, {
    onAnswer: note,
    unavailableIsOpen: true,
  });
  const recoveriesMs: number[] = [];
  const refusalsMs: number[] = [];
  for (let outage = 0; outage < outages; outage++) {
    await pause(500 + Math.random() * 1_000);
    await (outage % 2 === 0 ? database.kill() : database.crash());
    await expect.poll(readiness, { timeout: maxRefusalMs }).toEqual([503, 503]);
    refusalsMs.push(await refusedReadMs());
    // Long enough for the waits between attempts to grow, if they do.
    await pause(outage === 0 ? 10_000 : Math.random() * 1_500);
    refusalsMs.push(await refusedReadMs());
    await database.start();
    const startedAt = performance.now();
    await expect.poll(readiness, { timeout: maxRecoveryMs, interval: 50 }).toEqual([200, 200]);
    recoveriesMs.push(performance.now() - startedAt);
  }
  await pause(500);
  await workload.stop();

  const { acknowledged, inDoubt } = knowledge.counts();
  console.log(
    `${outages} outages: ${acknowledged} acknowledged writes, ${inDoubt} in doubt; answers ${JSON.stringify(Object.fromEntries(codes))}; slowest refusal ${Math.max(...refusalsMs).toFixed(0)} ms; ready again after ${recoveriesMs.map((ms) => ms.toFixed(0)).join(', ')} ms`,
  );
  const { stored, changes } = await readDatabase();
  expect(contradictions(knowledge.possibilities(), stored)).toEqual([]);
  expect(changes).toBeGreaterThanOrEqual(acknowledged);
  expect(changes).toBeLessThanOrEqual(acknowledged + inDoubt);
  expect([...codes.keys()].filter((code) => !['done', 'STORAGE_UNAVAILABLE'].includes(code))).toEqual([]);
  expect(codes.get('STORAGE_UNAVAILABLE')).toBeGreaterThan(outages);
  expect(Math.max(...refusalsMs)).toBeLessThan(maxRefusalMs);
  const verified = await runProgram({
    command: process.execPath,
    args: executableArguments('audit', 'verify'),
    env: serverEnvironment(replicas.dataDirectory, replicas.settings),
    cwd: projectRoot,
  });
  expect(verified).toMatchObject({ code: 0, stdout: expect.stringContaining('The audit trail is intact') });
});

async function readiness(): Promise<number[]> {
  return await Promise.all(replicas.servers.map(async ({ url }) => (await fetch(`${url}/readyz`)).status));
}

/** How long a caller waits for the answer that the database is down. */
async function refusedReadMs(): Promise<number> {
  const startedAt = performance.now();
  const { body } = await replicas.graphql('{ registries(first: 1) { nodes { id } } }');
  expect(body.errors).toMatchObject([{ extensions: { code: 'STORAGE_UNAVAILABLE' } }]);
  return performance.now() - startedAt;
}

async function readDatabase() {
  const client = connectSql(database.url);
  try {
    const rows = await client`SELECT registry, name FROM registry`;
    const [events] =
      await client`SELECT count(*)::int AS count FROM audit_event WHERE action IN ('registry.create', 'registry.update', 'registry.delete')`;
    return {
      stored: new Map(rows.map(({ registry, name }) => [String(registry), String(name)])),
      changes: Number(events?.['count'] ?? 0),
    };
  } finally {
    await client.end();
  }
}
