// A database that is away at the start is waited for where a setting says so: alive, not ready, and then as ever. Probes stay out of the log.

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { executableArguments } from '../support/built.ts';
import { pause, type Program, startProgram } from './support/child-process.ts';
import { freePort } from './support/free-port.ts';
import { type PostgresServer, startPostgres } from './support/postgres.ts';
import { newDataDirectory, projectRoot, serverEnvironment } from './support/server.ts';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
  await server.kill();
});
afterAll(() => server?.stop().catch(() => undefined));

async function startWaiting(settings: Record<string, string>): Promise<{ program: Program; url: string }> {
  const port = await freePort('127.0.0.1');
  const program = await startProgram({
    command: process.execPath,
    args: executableArguments('serve'),
    env: serverEnvironment(newDataDirectory(), {
      REGWAY_DATABASE_URL: server.url,
      REGWAY_LISTEN: `127.0.0.1:${port}`,
      ...settings,
    }),
    cwd: projectRoot,
    ready: [/the database is away, and the start waits for it/],
  });
  return { program, url: `http://127.0.0.1:${port}` };
}

const get = async (url: string) => {
  const response = await fetch(url, { headers: { connection: 'close' } });
  return { status: response.status, body: await response.text(), retryAfter: response.headers.get('retry-after') };
};

describe('a start without its database', () => {
  it('waits, is alive and not ready, and stops with 0 when it is told to', async () => {
    const { program, url } = await startWaiting({ REGWAY_DATABASE_WAIT: '60' });
    expect((await get(`${url}/livez`)).status).toBe(200);
    expect((await get(`${url}/healthz`)).status).toBe(200);
    expect((await get(`${url}/metrics`)).status).toBe(200);
    const ready = await get(`${url}/readyz`);
    expect(ready.status).toBe(503);
    expect(JSON.parse(ready.body)).toMatchObject({
      status: 'not ready',
      checks: [{ check: 'storage', code: 'ECONNREFUSED' }],
    });
    expect(ready.body).not.toContain(new URL(server.url).port);
    expect(await get(`${url}/graphql`)).toMatchObject({ status: 503, retryAfter: '5' });
    const began = performance.now();
    expect(await program.end('SIGTERM')).toEqual({ code: 0, signal: null });
    expect(performance.now() - began).toBeLessThan(10_000);
    const lines = program.stdout().split('\n');
    expect(lines.filter((line) => line.includes('the start waits for it'))).toHaveLength(1);
    for (const route of ['livez', 'readyz', 'metrics'])
      expect(lines.filter((line) => line.includes(`"route":"${route}"`))).toEqual([]);
  });

  it('exits with 75 when it came in none of the seconds', async () => {
    const { program } = await startWaiting({ REGWAY_DATABASE_WAIT: '3' });
    expect((await program.exited).code).toBe(75);
    expect(program.stderr()).toMatch(/^No server listens on 127\.0\.0\.1:\d+ .* Regway waited 3 s for it\.\n$/);
    // It is set already.
    expect(program.stderr()).not.toContain('REGWAY_DATABASE_WAIT');
  });

  it('serves once it is there', async () => {
    const { program, url } = await startWaiting({ REGWAY_DATABASE_WAIT: '300' });
    expect((await get(`${url}/readyz`)).status).toBe(503);
    await server.start();
    await expect.poll(async () => (await get(`${url}/readyz`)).status, { timeout: 30_000, interval: 500 }).toBe(200);
    expect((await get(`${url}/graphql`)).status).not.toBe(503);
    await expect.poll(() => program.stdout(), { timeout: 10_000 }).toMatch(/Regway is listening on/);
    await pause(200);
    expect(program.stdout()).not.toContain('"route":"readyz"');
    expect(await program.end('SIGTERM')).toMatchObject({ code: 0 });
  });
});
