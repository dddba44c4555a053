// GraphiQL is served from Regway's own files, under a content security policy that allows no others, and only to browsers.

import { readdir } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeGraphiqlAssets } from '../../../src/build/pages.ts';
import { openEndpoint, type TestEndpoint } from './harness.ts';
import { makeTemporaryDirectory } from '../../support/temporary/directory.ts';

let endpoint: TestEndpoint;
let assetsDir: string;

beforeAll(async () => {
  assetsDir = makeTemporaryDirectory('graphiql');
  await writeGraphiqlAssets(assetsDir);
  endpoint = await openEndpoint({ graphiql: { assetsDir } });
});

afterAll(() => endpoint.close());

const fileTypes = {
  'index.html': 'text/html; charset=utf-8',
  'page.js': 'text/javascript; charset=utf-8',
  'page.css': 'text/css; charset=utf-8',
  'icon.svg': 'image/svg+xml',
  'graphiql.js': 'text/javascript; charset=utf-8',
  'graphiql.css': 'text/css; charset=utf-8',
  'editor.worker.js': 'text/javascript; charset=utf-8',
  'json.worker.js': 'text/javascript; charset=utf-8',
  'graphql.worker.js': 'text/javascript; charset=utf-8',
};

const page = () => endpoint.request('/graphql', { headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' } });

test('every file that is written is served, with its type, and no other', async () => {
  expect((await readdir(assetsDir)).toSorted()).toEqual(
    Object.keys(fileTypes)
      .flatMap((name) => [name, `${name}.gz`])
      .toSorted(),
  );
  for (const [name, type] of Object.entries(fileTypes)) {
    const answer = await endpoint.request(`/graphql/assets/${name}?v=1`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, type]);
    expect(answer.text.length).toBeGreaterThan(100);
  }
});

test.each([
  '/graphql/assets/',
  '/graphql/assets/index',
  '/graphql/assets/..%2f..%2fpackage.json',
  '/graphql/assets/page.js.gz',
  '/graphql/assets/constructor',
  '/graphql/assets/__proto__',
])('%s does not exist', async (path) => {
  expect((await endpoint.request(path)).status).toBe(404);
});

test('a browser gets the page; a program that accepts JSON does not', async () => {
  expect((await page()).text).toMatch(/^<!doctype html>/);
  expect(
    (await endpoint.request('/graphql?query={__typename}', { headers: { accept: 'application/json' } })).body,
  ).toEqual({ data: { __typename: 'Query' } });
});

test.each([
  ['gzip', 'gzip'],
  ['identity', null],
  ['gzip;q=0', null],
])('a client that sends Accept-Encoding: %s gets the page as %s', async (accepted, coding) => {
  const headers = { accept: 'text/html', 'accept-encoding': accepted };
  const answer = await endpoint.request('/graphql', { headers });
  expect([answer.headers.get('content-encoding'), answer.headers.get('vary')]).toEqual([
    coding,
    'Accept, Accept-Encoding',
  ]);
  expect(answer.text).toMatch(/^<!doctype html>/);
});

test('the policy lets no inline or foreign script run, and no other page frame it', async () => {
  const { headers } = await page();
  const policy = Object.fromEntries(
    (headers.get('content-security-policy') ?? '')
      .split('; ')
      .map((rule) => [rule.split(' ')[0], rule.split(' ').slice(1).join(' ')]),
  );
  expect(policy).toMatchObject({
    'default-src': "'none'",
    'script-src': "'self'",
    'worker-src': "'self'",
    'connect-src': "'self'",
    'frame-ancestors': "'none'",
    'base-uri': "'none'",
  });
  expect([headers.get('x-content-type-options'), headers.get('referrer-policy'), headers.get('cache-control')]).toEqual(
    ['nosniff', 'no-referrer', 'no-store'],
  );
});

test('the page loads nothing from elsewhere, and has no script of its own inside', async () => {
  const { text } = await page();
  const addresses = [...text.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, address = '']) => address);
  expect(addresses.length).toBeGreaterThan(3);
  for (const address of addresses) expect(address).toMatch(/^\/graphql\/assets\/[\w.]+\?v=[0-9a-f]{12}$/);
  expect(text).not.toMatch(/<script(?![^>]*\ssrc=)|\son\w+=|javascript:/);
});

test('where nothing was built, the page says what to run', async () => {
  const bare = await openEndpoint();
  try {
    const answer = await bare.request('/graphql', { headers: { accept: 'text/html' } });
    expect([answer.status, answer.text]).toEqual([404, expect.stringContaining('npm run build')]);
  } finally {
    await bare.close();
  }
});
