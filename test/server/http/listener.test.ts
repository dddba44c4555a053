// The laws of the listener: ids, log lines, metrics, faults and stopping.

import { Agent, get as httpGet, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { type FailedCheck, healthRoutes } from '../../../src/server/http/health.ts';
import { createListener, type Listener } from '../../../src/server/http/listener.ts';
import { sendJson } from '../../../src/server/http/response.ts';
import type { Route } from '../../../src/server/http/route.ts';
import { createLog } from '../../../src/server/ops/log.ts';
import { createMetrics, type Metrics } from '../../../src/server/ops/metrics.ts';
import { createAuthority, createCertificate } from '../../upstream/fixtures.ts';

interface Running {
  readonly url: string;
  readonly lines: Record<string, unknown>[];
  readonly metrics: Metrics;
  readonly listener: Listener;
}

/** Longer than any request of these tests. */
const drainTimeoutMs = 20_000;

const opened: Listener[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((listener) => listener.close({ drainTimeoutMs })));
});

async function start(
  routes: readonly Route[],
  failedChecks: () => Promise<readonly FailedCheck[]> = async () => [],
  tls?: { readonly certificate: string; readonly key: string },
): Promise<Running> {
  const lines: Record<string, unknown>[] = [];
  const log = createLog('info', { write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) });
  const metrics = createMetrics();
  const listener = createListener({
    routes: [...healthRoutes(failedChecks, metrics), ...routes],
    tls,
    log,
    metrics,
  });
  opened.push(listener);
  const port = await listener.listen('127.0.0.1', 0);
  return { url: `http://127.0.0.1:${port}`, lines, metrics, listener };
}

function route(path: string, handle: Route['handle']): Route {
  return { name: path.slice(1), matches: (given) => given === path, handle };
}

interface Client {
  /** Sends a GET for each path at once. */
  send(...paths: string[]): void;
  /** Resolves when this many answers have begun. */
  answered(count: number): Promise<void>;
  /** All that came, once the server has closed the connection. */
  readonly closed: Promise<string>;
}

/** One connection, which sends what no client library would. */
function createClient(port: string): Client {
  const socket = connect(Number(port), '127.0.0.1');
  let text = '';
  socket.setEncoding('latin1').on('data', (piece: string) => (text += piece));
  return {
    send: (...paths) => void socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: it\r\n\r\n`).join('')),
    async answered(count) {
      await expect.poll(() => text.match(/HTTP\/1.1 \d/g)?.length ?? 0).toBe(count);
    },
    closed: new Promise((resolve, reject) => socket.once('end', () => resolve(text)).once('error', reject)),
  };
}

async function openClient(port: string): Promise<Client> {
  const client = createClient(port);
  await sleep(10);
  return client;
}

describe('a request', () => {
  it('that ends in a fault has its headers', async () => {
    const { url } = await start([route('/x', () => Promise.reject(new Error('at /secret/path hunter2')))]);
    const { status, headers } = await fetch(`${url}/x`);
    expect([status, headers.get('x-content-type-options')]).toEqual([500, 'nosniff']);
    expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('leaves one line of allow-listed fields, never its query, headers or body', async () => {
    const { url, lines } = await start([route('/x', (_, response) => sendJson(response, 200, {}))]);
    await fetch(`${url}/x?query=hunter2`, {
      method: 'POST',
      body: 'hunter2',
      headers: { Authorization: 'Bearer hunter2' },
    });
    await fetch(`${url}/hunter2`);
    await sleep(20);
    expect(lines.map((line) => Object.keys(line).toSorted())).toEqual(
      lines.map(() => ['durationMs', 'level', 'method', 'msg', 'requestId', 'route', 'status', 'time']),
    );
    expect(lines.map(({ route: name, status }) => [name, status])).toEqual([
      ['x', 200],
      ['unknown', 404],
    ]);
    expect(JSON.stringify(lines)).not.toContain('hunter2');
  });

  it.each([
    ['a-trace-id.42', true],
    ['short', false],
    ['x'.repeat(65), false],
    ['has space in it', false],
  ])('keeps its own id %j: %s', async (id, kept) => {
    const { url } = await start([]);
    const answer = await fetch(url, { headers: { 'X-Request-Id': id } });
    expect(answer.headers.get('x-request-id') === id).toBe(kept);
    expect(answer.headers.get('x-request-id')).toMatch(/^[A-Za-z0-9._-]{8,64}$/);
  });

  it('that ends in a fault is answered with its id and nothing of the fault', async () => {
    const { url, lines } = await start([
      route('/x', () => {
        throw new Error('at /secret/path hunter2');
      }),
    ]);
    const answer = await fetch(`${url}/x`);
    const body = (await answer.json()) as { requestId: string };
    expect([answer.status, body]).toEqual([
      500,
      { message: 'Internal error.', requestId: answer.headers.get('x-request-id') },
    ]);
    await sleep(20);
    expect(lines.find(({ level }) => level === 'error')).toMatchObject({
      requestId: body.requestId,
      errorName: 'Error',
      stack: expect.stringContaining('listener.test.ts'),
    });
    expect(JSON.stringify(lines)).not.toContain('hunter2');
  });
});

describe('a client that goes away', () => {
  it('is logged as gone, not as served', async () => {
    const { url, lines } = await start([route('/slow', () => sleep(300))]);
    await expect(fetch(`${url}/slow`, { signal: AbortSignal.timeout(50) })).rejects.toThrow('timeout');
    await sleep(50);
    expect(lines.map(({ status }) => status)).toEqual([499]);
  });
});

describe('operators', () => {
  it('see alive, ready, and not ready with the reason, its code, and since when', async () => {
    const failed: FailedCheck[] = [];
    const { url } = await start([], async () => failed);
    expect([(await fetch(`${url}/livez`)).status, (await fetch(`${url}/readyz`)).status]).toEqual([200, 200]);
    failed.push({ check: 'storage', code: 'ECONNREFUSED', since: new Date('2026-01-02T03:04:05Z') });
    const answer = await fetch(`${url}/readyz`);
    expect([answer.status, await answer.json()]).toEqual([
      503,
      {
        status: 'not ready',
        checks: [{ check: 'storage', code: 'ECONNREFUSED', since: '2026-01-02T03:04:05.000Z' }],
      },
    ]);
    expect((await fetch(`${url}/livez`)).status).toBe(200);
  });

  it('see requests, latency, validations by outcome and event-loop delay', async () => {
    const { url, metrics } = await start([]);
    metrics.observeValidation('VALID', 12, 'registry.example');
    await fetch(`${url}/livez`);
    await sleep(20);
    const text = await (await fetch(`${url}/metrics`)).text();
    for (const line of [
      'regway_http_requests_total{route="livez",method="GET",status="200"} 1',
      'regway_http_request_duration_seconds_count{route="livez"} 1',
      'regway_validations_total{outcome="VALID"} 1',
      'nodejs_eventloop_lag_p99_seconds',
    ]) {
      expect(text).toContain(line);
    }
  });

  it('see a stream among the requests, and not in the latency, which its client decides', async () => {
    const { url } = await start([
      route('/stream', (_, response) => void response.writeHead(200, { 'Content-Type': 'text/event-stream' }).end()),
    ]);
    await (await fetch(`${url}/stream`)).text();
    await sleep(20);
    const text = await (await fetch(`${url}/metrics`)).text();
    expect(text).toContain('regway_http_requests_total{route="stream",method="GET",status="200"} 1');
    expect(text).toContain('regway_http_requests_in_flight{route="stream"} 0');
    expect(text).not.toContain('regway_http_request_duration_seconds_count{route="stream"}');
  });

  it('get no new series from what strangers send', async () => {
    const { url } = await start([]);
    await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        fetch(`${url}/path-${index}`, { method: index % 2 === 0 ? 'GET' : 'PROPFIND' }),
      ),
    );
    await sleep(20);
    const text = await (await fetch(`${url}/metrics`)).text();
    expect(text.split('\n').filter((line) => line.startsWith('regway_http_requests_total'))).toEqual([
      'regway_http_requests_total{route="unknown",method="GET",status="404"} 25',
      'regway_http_requests_total{route="unknown",method="other",status="404"} 25',
    ]);
  });
});

describe('stopping', () => {
  it('finishes the request in flight and accepts no new one', async () => {
    let entered = (): void => undefined;
    const inFlight = new Promise<void>((resolve) => {
      entered = resolve;
    });
    const { url, listener } = await start([
      route('/slow', async (_, response) => {
        entered();
        await sleep(200);
        sendJson(response, 200, { finished: true });
      }),
    ]);
    const answer = fetch(`${url}/slow`);
    await inFlight;
    const started = performance.now();
    const closed = listener.close({ drainTimeoutMs });
    // It waits for a moment in which no connection is on its way.
    await sleep(50);
    await expect(fetch(`${url}/livez`)).rejects.toThrow('fetch failed');
    expect(await (await answer).json()).toEqual({ finished: true });
    await closed;
    // The connection is kept alive by its client, and must not hold the server open for the whole drain.
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it('is announced by answers that end their connections, while new ones are served', async () => {
    const { url, listener } = await start([]);
    const connections = new Set<number>();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ask = () =>
      new Promise<string | undefined>((resolve, reject) => {
        httpGet(`${url}/livez`, { agent }, (response) => {
          connections.add(response.socket.localPort ?? 0);
          response.resume().once('end', () => resolve(response.headers.connection));
        }).on('error', reject);
      });
    expect([await ask(), await ask(), connections.size]).toEqual(['keep-alive', 'keep-alive', 1]);
    listener.announceStop();
    expect([await ask(), await ask(), connections.size]).toEqual(['close', 'close', 2]);
    agent.destroy();
  });

  it('is announced by an answer that was on its way, too', async () => {
    const held = Promise.withResolvers<void>();
    const { url, listener } = await start([
      route('/slow', async (_, response) => {
        await held.promise;
        sendJson(response, 200, {});
      }),
    ]);
    const { port } = new URL(url);
    const client = await openClient(port);
    client.send('/slow');
    await sleep(20);
    listener.announceStop();
    held.resolve();
    expect(await client.closed).toMatch(/^HTTP\/1.1 200 OK\r\n[^]*Connection: close\r\n/);
  });

  it('answers every request that a client sent before the first answer, and says only in the last that it ends', async () => {
    const { url, listener } = await start([
      route('/slow', async (_, response) => {
        await sleep(20);
        sendJson(response, 200, {});
      }),
    ]);
    listener.announceStop();
    const client = await openClient(new URL(url).port);
    client.send('/slow', '/slow', '/slow');
    const text = await client.closed;
    expect(text.match(/HTTP\/1.1 200 OK/g)).toHaveLength(3);
    expect(text.split('HTTP/1.1 ').map((answer) => answer.includes('Connection: close'))).toEqual([
      false,
      false,
      false,
      true,
    ]);
  });

  it('runs no request behind an answer that said that it is the last (RFC 9112 §9.6)', async () => {
    let changes = 0;
    const { url, listener } = await start([
      route('/change', (_, response) => {
        changes += 1;
        sendJson(response, 200, {});
      }),
    ]);
    listener.announceStop();
    const client = await openClient(new URL(url).port);
    client.send('/change', '/change', '/change');
    expect((await client.closed).match(/HTTP\/1.1 200 OK/g)).toHaveLength(1);
    expect(changes).toBe(1);
  });

  it('answers a request that has arrived on a kept connection and was not read yet', async () => {
    const { url, listener } = await start([]);
    const client = await openClient(new URL(url).port);
    client.send('/livez');
    await client.answered(1);
    client.send('/livez');
    const closed = listener.close({ drainTimeoutMs });
    expect((await client.closed).match(/HTTP\/1.1 200 OK/g)).toHaveLength(2);
    await closed;
  });

  it('answers a request on a connection that was made and not accepted yet', async () => {
    const { url, listener } = await start([]);
    const client = createClient(new URL(url).port);
    client.send('/livez');
    const closed = listener.close({ drainTimeoutMs });
    expect(await client.closed).toMatch(/^HTTP\/1.1 200 OK/);
    await closed;
  });

  it('answers on kept connections for some time after it refuses new ones, then closes them', async () => {
    const { url, listener } = await start([]);
    const [first, idle] = [await openClient(new URL(url).port), await openClient(new URL(url).port)];
    for (const client of [first, idle]) {
      client.send('/livez');
      await client.answered(1);
    }
    const started = performance.now();
    const closed = listener.close({ drainTimeoutMs, idleGraceMs: 300 });
    await sleep(100);
    await expect(fetch(`${url}/livez`)).rejects.toThrow('fetch failed');
    first.send('/livez');
    expect((await first.closed).match(/HTTP\/1.1 200 OK/g)).toHaveLength(2);
    await idle.closed;
    expect(performance.now() - started).toBeGreaterThan(290);
    await closed;
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it('finishes an answer that moves, and cuts one that does not, long before the time is over', async () => {
    const { url, listener } = await start([
      route('/content', async (_, response) => {
        response.writeHead(200, { 'Content-Length': 4 });
        for (const piece of 'more') {
          await sleep(10);
          response.write(piece);
        }
        response.end();
      }),
      route('/stalls', (_, response) => void response.writeHead(200, { 'Content-Length': 4 }).write('m')),
    ]);
    const [moving, stalled] = [await openClient(new URL(url).port), await openClient(new URL(url).port)];
    moving.send('/content');
    stalled.send('/stalls');
    await sleep(5);
    const started = performance.now();
    await listener.close({ drainTimeoutMs: 60_000, stalledMs: 300 });
    expect(await moving.closed).toMatch(/\r\nmore$/);
    expect(await stalled.closed).not.toContain('more');
    expect(performance.now() - started).toBeLessThan(20_000);
  });

  it('cuts a request that outlives the drain', async () => {
    const { url, listener } = await start([route('/hangs', () => new Promise(() => undefined))]);
    const cut = fetch(`${url}/hangs`).catch(({ message }: Error) => message);
    await sleep(50);
    const started = performance.now();
    await listener.close({ drainTimeoutMs: 300 });
    expect(await cut).toBe('fetch failed');
    expect(performance.now() - started).toBeGreaterThan(290);
  });

  it.each([
    ['on which nothing was ever sent', '', 10_000, 5_000],
    ['that does not finish the handshake of TLS', '\x16\x03\x01', 300, 3_000],
  ])('does not wait for a connection %s', async (_what, sent, drainMs, atMostMs) => {
    const { key, cert: certificate } = await createCertificate({ ca: await createAuthority() });
    const { url, listener } = await start([], undefined, { key, certificate });
    const socket = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => undefined);
    socket.write(Buffer.from(sent, 'latin1'));
    await sleep(50);
    const started = performance.now();
    await listener.close({ drainTimeoutMs: drainMs });
    expect(performance.now() - started).toBeLessThan(atMostMs);
  });
});

describe('a slow or oversized client', () => {
  it('with 17 KiB of headers is refused', async () => {
    const { url } = await start([]);
    const status = await new Promise((resolve, reject) => {
      httpRequest(`${url}/livez`, { headers: { 'X-Long': 'a'.repeat(17 * 1024) } }, (response) =>
        resolve(response.statusCode),
      )
        .on('error', reject)
        .end();
    });
    expect(status).toBe(431);
  });
});
