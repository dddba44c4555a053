// A server that runs only trusted documents still serves Regway's own clients, and no response of any API is stored in a shared cache.

import { globSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { readConfig } from '../../src/app/config.ts';
import { trustedDocuments } from '../../src/app/wiring/routes.ts';
import * as consoleOperations from '../../src/console/api/operations.ts';
import { runExecutable } from '../cli/harness.ts';
import { type RegwayServer, startServer } from '../e2e/support/server.ts';
import { ensureBuilt } from '../support/built.ts';
import { makeTemporaryDirectory } from '../support/temporary/directory.ts';

let server: RegwayServer;
let token: string;
const who = '{ principal { subject } }';

beforeAll(async () => {
  await ensureBuilt();
  const file = join(makeTemporaryDirectory('documents'), 'documents.json');
  writeFileSync(file, JSON.stringify({ who }));
  server = await startServer({
    settings: { REGWAY_TRUSTED_DOCUMENTS: file, REGWAY_TRUSTED_DOCUMENTS_ONLY: 'true', REGWAY_LOG_LEVEL: 'warn' },
  });
  token = /#token=(\S+)/.exec(server.consoleLink() ?? '')?.[1] ?? '';
});

afterAll(() => server.stop());

it('offers no GraphiQL', () => {
  expect([server.firstLink(), server.output()]).toEqual([undefined, expect.not.stringContaining('GraphiQL')]);
});

it('serves the command line', async () => {
  const run = (args: readonly string[]) =>
    runExecutable(args, { env: { REGWAY_URL: server.url, REGWAY_TOKEN: token, REGWAY_REGISTRY_PASSWORD: 'p' } });
  const added = await run(['registry', 'add', 'a.example', '--username=u', '--validate=false', '-o', 'id']);
  expect([added.code, added.stderr]).toEqual([0, '']);
  expect((await run(['registry', 'list', '-o', 'json'])).stdout).toContain('a.example');
  expect((await run(['image', 'explain', 'a.example/b'])).code).toBe(0);
  expect((await run(['registry', 'delete', 'a.example', '--yes'])).code).toBe(0);
});

it('serves every operation of the console, and no other text', () => {
  const documents = trustedDocuments(readConfig({ REGWAY_TRUSTED_DOCUMENTS_ONLY: 'true' }));
  for (const document of Object.values(consoleOperations)) expect(documents.textOf({ query: document })).toBe(document);
  expect(() => documents.textOf({ query: who })).toThrow(/only trusted documents/);
});

it('serves every operation of the command line, whichever file contains it', async () => {
  const documents = trustedDocuments(readConfig({ REGWAY_TRUSTED_DOCUMENTS_ONLY: 'true' }));
  const files = globSync('../../src/cli/api/*operations.ts', { cwd: import.meta.dirname });
  expect(files.length).toBeGreaterThan(1);
  for (const file of files) {
    const operations = Object.values(
      (await import(join(import.meta.dirname, file))) as Record<string, { readonly document?: string }>,
    );
    for (const { document } of operations)
      if (document !== undefined) expect(documents.textOf({ query: document })).toBe(document);
  }
});

it.each([
  ['no JSON', '{'],
  ['a document that the schema does not know', '{"a":"{ password }"}'],
])('does not start with a list that holds %s', (_what, text) => {
  const file = join(makeTemporaryDirectory('documents'), 'documents.json');
  writeFileSync(file, text);
  expect(() => trustedDocuments(readConfig({ REGWAY_TRUSTED_DOCUMENTS: file }))).toThrow(
    /REGWAY_TRUSTED_DOCUMENTS names a file that/,
  );
});

it('an invalid manifest prevents a first start before anything is created', async () => {
  const folder = makeTemporaryDirectory('documents');
  const file = join(folder, 'documents.json');
  writeFileSync(file, '{');
  const { code, stderr } = await runExecutable(['serve'], {
    env: { REGWAY_DATA_DIR: join(folder, 'data'), REGWAY_LISTEN: '127.0.0.1:0', REGWAY_TRUSTED_DOCUMENTS: file },
  });
  expect([code, stderr]).toEqual([78, expect.stringContaining('REGWAY_TRUSTED_DOCUMENTS')]);
  expect(readdirSync(folder)).toEqual(['documents.json']);
});

const authorized = (): Record<string, string> => ({
  authorization: `Bearer ${token}`,
  'content-type': 'application/json',
});

it.each([
  [
    'GraphQL by POST',
    '/graphql',
    () => ({ method: 'POST', headers: authorized(), body: JSON.stringify({ documentId: 'who' }) }),
  ],
  ['GraphQL by GET', '/graphql?documentId=who', () => ({ headers: authorized() })],
  ['a refused GraphQL request', '/graphql?documentId=other', () => ({ headers: authorized() })],
  ['a refused login', '/graphql?documentId=who', () => ({ headers: { authorization: 'Bearer wrong' } })],
  ['the list over REST', '/api/v2/registries', () => ({ headers: authorized() })],
  ['one over REST', '/api/v2/registries/a.example', () => ({ headers: authorized() })],
  [
    'a grant',
    '/v2/token?service=regway&scope=repository:docker.io/library/ubuntu:pull',
    () => ({ headers: authorized() }),
  ],
  ['the base of pulls', '/v2/', () => ({ headers: authorized() })],
  ['a refused pull', '/v2/a.example/b/manifests/1', () => ({ headers: authorized() })],
  ['the session', '/session', () => ({ headers: { 'x-regway-console': '1' } })],
] satisfies [string, string, () => RequestInit][])('%s is kept by no cache', async (_what, path, init) => {
  const { headers } = await fetch(server.url + path, init());
  expect(headers.get('cache-control')).toBe('no-store');
  expect(headers.has('etag') || headers.has('last-modified')).toBe(false);
  expect(headers.get('vary')).toMatch(/Authorization|Cookie/);
});
