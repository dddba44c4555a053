// The API browser is served from Regway's own files, under a content security policy that allows no others.

import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeDocsAssets } from '../../../src/build/pages.ts';
import { openApi, type TestApi } from './harness.ts';
import { makeTemporaryDirectory } from '../../support/temporary/directory.ts';

let api: TestApi;
let assetsDir: string;

beforeAll(async () => {
  assetsDir = makeTemporaryDirectory('api-docs');
  await writeDocsAssets(assetsDir);
  api = await openApi(assetsDir);
});

afterAll(() => api.close());

const fileTypes = {
  'index.html': 'text/html; charset=utf-8',
  'page.js': 'text/javascript; charset=utf-8',
  'page.css': 'text/css; charset=utf-8',
  'icon.svg': 'image/svg+xml',
  'swagger-ui.js': 'text/javascript; charset=utf-8',
  'swagger-ui.css': 'text/css; charset=utf-8',
};

const read = async (path: string) => {
  const response = await fetch(`http://127.0.0.1:${api.port}${path}`);
  return { status: response.status, headers: response.headers, text: await response.text() };
};

test('every file that is written is served without a login, with its type, and no other', async () => {
  expect((await readdir(assetsDir)).toSorted()).toEqual(
    Object.keys(fileTypes)
      .flatMap((name) => [name, `${name}.gz`])
      .toSorted(),
  );
  for (const [name, type] of Object.entries(fileTypes)) {
    const answer = await read(`/api/docs/${name}?v=1`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, type]);
    expect(answer.text.length).toBeGreaterThan(100);
    expect(answer.text).not.toContain('sourceMappingURL');
  }
});

test.each(['/api/docs', '/api/docs/', '/api/docs?x=1'])('%s is the page', async (path) => {
  const answer = await read(path);
  expect([answer.status, answer.text.startsWith('<!doctype html>')]).toEqual([200, true]);
});

test.each([
  '/api/docs/x',
  '/api/docs/..%2f..%2fpackage.json',
  '/api/docs/../../package.json',
  '/api/docs/page.js.gz',
  '/api/docs/constructor',
  '/api/docs/__proto__',
  '/api/docs//index.html',
  '/api/docsx',
])('%s does not exist', async (path) => {
  expect((await api.raw('GET', path, { who: null })).status).toBe(404);
});

test('the page loads nothing from elsewhere, and has no script or style of its own inside', async () => {
  const { text } = await read('/api/docs');
  const loaded = [...text.matchAll(/<(?:script|link)[^>]*?(?:src|href)="([^"]*)"/g)].map(([, address = '']) => address);
  expect(loaded.length).toBe(5);
  for (const address of loaded) expect(address).toMatch(/^\/api\/docs\/[\w.-]+\?v=[0-9a-f]{12}$/);
  expect(text).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:/);
});

test('the policy lets no inline or foreign script or style run, and no other page frame it', async () => {
  const { headers } = await read('/api/docs');
  const policy = Object.fromEntries(
    (headers.get('content-security-policy') ?? '')
      .split('; ')
      .map((rule) => [rule.split(' ')[0], rule.split(' ').slice(1).join(' ')]),
  );
  expect(policy).toMatchObject({
    'default-src': "'none'",
    'script-src': "'self'",
    'style-src': "'self'",
    'connect-src': "'self'",
    'frame-ancestors': "'none'",
    'base-uri': "'none'",
  });
  expect([headers.get('x-content-type-options'), headers.get('referrer-policy'), headers.get('cache-control')]).toEqual(
    ['nosniff', 'no-referrer', 'no-store'],
  );
});

test('HEAD says how long a file is and sends none of it', async () => {
  const answer = await api.raw('HEAD', '/api/docs/page.js', { who: null });
  expect([answer.status, answer.text, Number(answer.headers['content-length']) > 0]).toEqual([200, '', true]);
});

test('a client that accepts no gzip gets the files as they are', async () => {
  const answer = await api.raw('GET', '/api/docs/swagger-ui.js', {
    who: null,
    headers: { 'accept-encoding': 'identity' },
  });
  expect([answer.headers['content-encoding'], answer.headers['vary']]).toEqual([undefined, 'Accept-Encoding']);
  expect(answer.text.length).toBeGreaterThan(1_000_000);
});

test('the files are sent compressed', async () => {
  const response = await fetch(`http://127.0.0.1:${api.port}/api/docs/swagger-ui.js`);
  expect(response.headers.get('content-encoding')).toBe('gzip');
  expect(Number(response.headers.get('content-length'))).toBeLessThan(700_000);
});

test('where nothing was built, the page says what to run', async () => {
  const bare = await openApi();
  try {
    const answer = await bare.raw('GET', '/api/docs', { who: null });
    expect([answer.status, answer.text]).toEqual([404, expect.stringContaining('npm run build')]);
  } finally {
    await bare.close();
  }
});
