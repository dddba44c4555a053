// `npm run soak`: mixed load for some minutes, after which memory, files, log and delay must be what they were half-way.
// Every second minute upstreams that are down or slow are asked as well: lists and gets must not feel it.

import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../e2e/support/free-port.ts';
import { pushImage, writeImage } from '../e2e/support/images.ts';
import { startBasicRegistry } from '../e2e/support/registries.ts';
import { startServer } from '../e2e/support/server.ts';
import { ensureBuilt } from '../support/built.ts';
import { startSoakLoad } from './support/soak-load.ts';
import { judgeSoak, type SoakSample } from './support/soak-report.ts';
import { makeTemporaryDirectory } from '../support/temporary/directory.ts';

const minutes = Number(process.env['REGWAY_SOAK_MINUTES'] ?? 10);
const sampleMs = 5_000;
/** Ten turns, whatever the length. */
const turnMs = (minutes * 60_000) / 10;

await ensureBuilt();
const directory = makeTemporaryDirectory('soak');
// Runs the handlers of the exit: they stop the servers and remove the directory.
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)
  process.once(signal, () => process.exit(code));
const login = { username: 'alice', password: 'password-of-alice' };
const repository = 'team-a/app';
const registry = await startBasicRegistry([login]);
const { layout } = writeImage(join(directory, 'image'));
await pushImage({
  layout,
  reference: `${registry.host}/${repository}:latest`,
  credential: `${login.username}:${login.password}`,
});
const slow = await startSilentServer();
const probeFile = join(directory, 'probe');
const dataDirectory = join(directory, 'data');
const server = await startServer({
  dataDirectory,
  settings: {
    NODE_OPTIONS: `--import=${join(import.meta.dirname, 'support/soak-probe.mjs')}`,
    SOAK_PROBE_FILE: probeFile,
    SOAK_PROBE_MS: String(sampleMs),
    REGWAY_LOG_LEVEL: 'error',
  },
});
const load = await startSoakLoad(server, {
  good: { registry: registry.host, ...login },
  repository,
  down: `127.0.0.1:${await freePort('127.0.0.1')}`,
  slow: slow.host,
});

const samples: SoakSample[] = [];
const startedAt = performance.now();
while (performance.now() - startedAt < minutes * 60_000) {
  load.setBad(Math.floor((performance.now() - startedAt) / turnMs) % 2 === 1);
  await pause(sampleMs);
  const own = JSON.parse(readFileSync(probeFile, 'utf8').trimEnd().split('\n').at(-1) ?? '') as Omit<
    SoakSample,
    'files' | 'walBytes'
  >;
  const files = readdirSync(`/proc/${server.pid}/fd`).length;
  samples.push({ ...own, files, walBytes: statSync(join(dataDirectory, 'regway.db-wal')).size });
}
load.setBad(false);
await load.stop();
await server.stop();
await Promise.all([registry.stop(), slow.stop()]);

const { table, excesses } = judgeSoak(samples, load.latencies);
console.log(
  `${minutes} minutes: ${Object.entries(load.counts)
    .map(([name, count]) => `${count} × ${name}`)
    .join(', ')}; ${load.faults.length} faults\n\n${table}\n`,
);
for (const complaint of [...excesses, ...load.faults.slice(0, 10)]) console.log(complaint);
process.exitCode = excesses.length + load.faults.length === 0 ? 0 : 1;

/** Takes connections and says nothing. */
async function startSilentServer() {
  const sockets = new Set<Socket>();
  const silent = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
  });
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  return {
    host: `127.0.0.1:${(silent.address() as AddressInfo).port}`,
    async stop() {
      silent.close();
      for (const socket of sockets) socket.destroy();
      await once(silent, 'close');
    },
  };
}
