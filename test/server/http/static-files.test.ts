// The files of the console: which are served, how they are kept, and that no others can be had.

import { mkdir, writeFile } from 'node:fs/promises';
import { createServer, request as httpRequest, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { chooseCoding } from '../../../src/server/http/static-files.ts';
import { consoleRoute } from '../../../src/server/pages/console.ts';
import { makeTemporaryDirectory } from '../../support/temporary/directory.ts';

const script = 'console.info("hello")'.repeat(50);
let parent: string;
let server: Server;
let port: number;

beforeAll(async () => {
  parent = makeTemporaryDirectory('static');
  const directory = join(parent, 'console');
  await mkdir(join(directory, 'assets'), { recursive: true });
  await writeFile(join(parent, 'secret.js'), 'hunter2');
  await writeFile(join(directory, 'index.html'), '<!doctype html>');
  await writeFile(join(directory, 'assets/index-1.js'), script);
  await writeFile(join(directory, 'assets/index-1.js.gz'), gzipSync(script));
  await writeFile(join(directory, 'assets/index-1.js.br'), brotliCompressSync(script));
  const route = consoleRoute(directory, (path) => path === '/' || path.startsWith('/registries/'));
  server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    if (route.matches(path)) void route.handle(request, response, { requestId: 'request-1' });
    else response.writeHead(418).end();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  ({ port } = server.address() as AddressInfo);
});

afterAll(() => void server.close());

interface Answer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly body: Buffer;
}

/** Sends the path as it is: `fetch` would tidy it first. */
function get(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, path, method, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
      );
    });
    request.on('error', reject).end();
  });
}

it.each(['/', '/?q=anchore', '/registries/reg_1', '/registries/anything'])(
  '%s is the page, which no cache keeps',
  async (path) => {
    const { status, headers, body } = await get(path);
    expect([status, headers['content-type'], headers['cache-control'], body.toString()]).toEqual([
      200,
      'text/html; charset=utf-8',
      'no-store',
      '<!doctype html>',
    ]);
  },
);

it.each([
  ['br, gzip', 'br', brotliCompressSync(script)],
  ['gzip, deflate', 'gzip', gzipSync(script)],
  ['identity', undefined, Buffer.from(script)],
])('an asset is kept for good, and sent in the best of %s', async (accepted, encoding, content) => {
  const { status, headers, body } = await get('/assets/index-1.js', { 'Accept-Encoding': accepted });
  expect([status, headers['content-encoding'], headers['cache-control'], headers.vary]).toEqual([
    200,
    encoding,
    'public, max-age=31536000, immutable',
    'Accept-Encoding',
  ]);
  expect(body.equals(content)).toBe(true);
});

it.each([
  [undefined, 'identity'],
  ['', 'identity'],
  ['*', 'br'],
  ['gzip', 'gzip'],
  ['x-gzip', 'gzip'],
  ['GZIP;Q=0.5', 'gzip'],
  ['gzip;q=0.9, br;q=0.8', 'gzip'],
  ['gzip, br', 'br'],
  ['gzip;q=0', 'identity'],
  ['br;q=0, *', 'gzip'],
  ['gzip;q=0.5, identity', 'identity'],
  ['gzip;q=0.001', 'gzip'],
  ['identity;q=0, gzip', 'gzip'],
  ['identity;q=0', undefined],
  ['*;q=0', undefined],
  ['*;q=0, identity', 'identity'],
  ['gzip;q=2', 'identity'],
  ['gzip;q=', 'identity'],
  ['deflate, zstd', 'identity'],
] as const)('Accept-Encoding: %s gets %s (RFC 9110 §12.5.3)', (accepted, coding) => {
  expect(chooseCoding(accepted, ['br', 'gzip', 'identity'])).toBe(coding);
});

it('a client that accepts no available coding gets a 406', async () => {
  const { status, headers } = await get('/assets/index-1.js', { 'Accept-Encoding': 'identity;q=0' });
  expect([status, headers.vary]).toEqual([406, 'Accept-Encoding']);
});

it.each([
  '/assets/',
  '/assets/missing.js',
  '/assets/../../secret.js',
  '/assets/..%2f..%2fsecret.js',
  '/assets/..\\..\\secret.js',
  '/assets//etc/passwd',
  '/assets/index-1.js.gz',
  '/assets/index-1.js.br',
  '/assets/__proto__',
  '/assets/index-1.js%00',
])('%s does not exist', async (path) => {
  const { status, body } = await get(path);
  expect([status, body.toString()]).toEqual([404, 'This file does not exist.\n']);
});

it('every answer carries a policy without inline scripts, inline styles and foreign origins', async () => {
  for (const path of ['/', '/assets/index-1.js', '/assets/missing.js']) {
    const { headers } = await get(path);
    const policy = String(headers['content-security-policy']);
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toMatch(/unsafe|\*|https?:|data:|blob:/);
    expect([headers['referrer-policy'], headers['x-frame-options']]).toEqual(['no-referrer', 'DENY']);
  }
});

it('HEAD returns only the headers, and only GET and HEAD are served', async () => {
  expect((await get('/', {}, 'HEAD')).body).toHaveLength(0);
  expect((await get('/', {}, 'POST')).status).toBe(405);
});

it('where nothing was built, the page says what to run', async () => {
  const route = consoleRoute(join(parent, 'nowhere'), () => true);
  const bare = createServer((request, response) => void route.handle(request, response, { requestId: 'request-1' }));
  await new Promise<void>((resolve) => {
    bare.listen(0, '127.0.0.1', resolve);
  });
  const answer = await fetch(`http://127.0.0.1:${(bare.address() as AddressInfo).port}/`);
  expect([answer.status, await answer.text()]).toEqual([404, expect.stringContaining('npm run build')]);
  bare.close();
});
