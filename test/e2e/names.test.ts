// Names of a name server that answers for some and is silent for others: the silent ones delay no other. Needs root, for a name server of its own.

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeTemporaryDirectory } from '../support/temporary/directory.ts';
import { createApiToken } from './support/api-tokens.ts';
import { operationsOn, registryOf } from './support/operations.ts';
import { type RegwayServer, startServer } from './support/server.ts';

const nameServer = '127.0.0.78';
/** Only the search list makes them complete. */
const shortName = 'registry';
const searched = 'good.example';
const otherName = 'other.good.example';
const troubleMs = 20_000;
const pullIntervalMs = 60_000 / 200;

let silence: Socket;
let registry: Server;
let server: RegwayServer;
const asked = new Map<string, number>();

/** Reads the name of a question (RFC 1035 §4.1.2). */
function nameOf(question: Buffer): string {
  const labels: string[] = [];
  for (let at = 12; question[at] !== 0 && at < question.length; at += (question[at] ?? 0) + 1)
    labels.push(question.toString('latin1', at + 1, at + 1 + (question[at] ?? 0)));
  return labels.join('.');
}

/** An answer with 127.0.0.1 for an A question, or without any for another (RFC 1035 §4.1.3). */
function answerTo(question: Buffer): Buffer {
  const end = 12 + nameOf(question).length + 2 + 4;
  const isAddress = question.readUInt16BE(end - 4) === 1;
  const header = Buffer.from([...question.subarray(0, 2), 0x85, 0x80, 0, 1, 0, isAddress ? 1 : 0, 0, 0, 0, 0]);
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1]);
  return Buffer.concat([header, question.subarray(12, end), ...(isAddress ? [record] : [])]);
}

beforeAll(async () => {
  silence = createSocket('udp4');
  silence.on('message', (question, { address, port }) => {
    const name = nameOf(question);
    asked.set(name, (asked.get(name) ?? 0) + 1);
    if (name.endsWith('.good.example')) silence.send(answerTo(question), port, address);
  });
  silence.bind(53, nameServer);
  registry = createServer((request, response) => {
    if (request.headers.authorization === undefined)
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
    else response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  }).listen(0, '127.0.0.1');
  await Promise.all([once(silence, 'listening'), once(registry, 'listening')]);
  const port = String((registry.address() as AddressInfo).port);
  const settings = join(makeTemporaryDirectory('names'), 'resolv.conf');
  writeFileSync(settings, `nameserver ${nameServer}\nsearch ${searched}\n`);
  server = await startServer({
    settings: { REGWAY_PLAIN_HTTP_HOSTS: [shortName, otherName].map((name) => `${name}:${port}`).join(',') },
    launcher: ['unshare', '--mount', 'sh', '-c', `mount --bind ${settings} /etc/resolv.conf && exec "$0" "$@"`],
  });
});

afterAll(async () => {
  await server?.stop();
  registry?.close();
  silence?.close();
});

test('200 pulls a minute of names without an answer leave every check and pull of other names as they were', async () => {
  const { port } = registry.address() as AddressInfo;
  const operations = operationsOn(server);
  const create = async (name: string) =>
    registryOf(
      await operations.create(
        { registry: `${name}:${port}`, username: 'u', password: 'p' },
        { secureConnection: false, validate: true },
      ),
    );
  const good = await create(shortName);
  await create(otherName);
  // A login may name 20 new hosts a minute.
  const logins: string[] = [];
  for (let login = 0; login < 10; login += 1)
    logins.push(`Basic ${btoa(`puller:${await createApiToken(server.dataDirectory, { role: 'PULL' })}`)}`);
  const pull = async (host: string, login = 0) => {
    const url = `${server.url}/v2/${host}/team/app/manifests/latest`;
    const response = await fetch(url, { headers: { authorization: logins[login % logins.length] ?? '' } });
    await response.arrayBuffer();
    return response.status;
  };
  let number = 0;
  const refused: number[] = [];
  const trouble = setInterval(() => {
    const name = number++ % 2 === 0 ? 'always.never.test' : `n${number}.never.test`;
    void pull(name, number >> 1).then(
      (status) => refused.push(status),
      () => undefined,
    );
  }, pullIntervalMs);
  const seen: { readonly what: string; readonly ms: number }[] = [];
  try {
    await pause(2_000);
    const untilMs = performance.now() + troubleMs;
    while (performance.now() < untilMs) {
      const startedMs = performance.now();
      const { validation } = await operations.validate(good.id);
      const checkedMs = performance.now();
      const status = await pull(`${otherName}_${port}`);
      seen.push({ what: `${validation?.outcome}`, ms: checkedMs - startedMs });
      seen.push({ what: `${status}`, ms: performance.now() - checkedMs });
      await pause(250);
    }
  } finally {
    clearInterval(trouble);
  }
  const slowest = Math.max(...seen.map(({ ms }) => ms));
  console.info(`${seen.length / 2} checks and as many pulls during the trouble, the slowest ${Math.round(slowest)} ms`);
  expect(new Set(seen.map(({ what }) => what))).toEqual(new Set(['VALID', '200']));
  expect(slowest).toBeLessThan(4_000);
  expect(refused.length).toBeGreaterThan(20);
  expect(new Set(refused)).toEqual(new Set([503]));
  // One call at a time: two attempts of the system in ten seconds, for each of two record types.
  expect(asked.get('always.never.test') ?? 0).toBeLessThanOrEqual(16);
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  expect(metrics).toMatch(/^regway_dns_lookups\{state="running"\} 1$/m);
});
