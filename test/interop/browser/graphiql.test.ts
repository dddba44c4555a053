// Opens the link of the first start in a browser and runs the whole cycle in GraphiQL against a real registry.

import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openGraphiql } from './graphiql-page.ts';
import type { GraphiqlPage } from './graphiql-page.ts';
import { documents, operationsOn } from '../../e2e/support/operations.ts';
import type { Payload, RegistryNode } from '../../e2e/support/operations.ts';
import { alice, startBasicRegistry } from '../../e2e/support/registries.ts';
import type { RealRegistry } from '../../e2e/support/registries.ts';
import { startServer } from '../../e2e/support/server.ts';
import type { RegwayServer } from '../../e2e/support/server.ts';
import { makeTemporaryDirectory } from '../../support/temporary/directory.ts';

const carol = { username: 'carol', password: 'typed-into-graphiql' };
/** The directory of the screenshots. Set REGWAY_PICTURES to keep them for review. */
const pictures = process.env['REGWAY_PICTURES'] ?? makeTemporaryDirectory('graphiql');

let registry: RealRegistry;
let server: RegwayServer;
let graphiql: GraphiqlPage;

beforeAll(async () => {
  registry = await startBasicRegistry([alice, carol]);
  server = await startServer();
  graphiql = await openGraphiql(server.firstLink() ?? '');
});

afterAll(async () => {
  await graphiql?.close();
  await server?.stop();
  await registry?.stop();
});

test('the first link signs in: the token is removed from the address bar and stored only for this tab', async () => {
  const { page } = graphiql;
  expect(page.url()).toBe(`${server.url}/graphql`);
  expect(await page.evaluate(() => history.length)).toBeLessThanOrEqual(2);
  expect(await page.evaluate(() => JSON.stringify(sessionStorage))).toContain(server.firstToken());
  expect(await page.evaluate(() => JSON.stringify(localStorage))).not.toContain(server.firstToken());
  expect(await page.evaluate(() => document.cookie)).toBe('');
});

test('create, list, get, update and delete, all typed into the page, and no password outlives the tab', async () => {
  const text = `${registry.host}/team-a/*`;
  const settings = { secureConnection: false };
  const run = async <Answer>(document: string, variables: object, shown: string): Promise<Answer> => {
    const body = (await (await graphiql.run(document, variables, shown)).json()) as {
      data: { answer: Answer };
      errors?: unknown;
    };
    expect(body.errors).toBeUndefined();
    return body.data.answer;
  };

  const refused = await run<Payload>(
    documents.create,
    { input: { registry: text, username: alice.username, password: 'wrong' }, ...settings },
    'INVALID_CREDENTIALS',
  );
  expect(refused).toMatchObject({ registry: null, errors: [{ code: 'VALIDATION_FAILED' }] });

  const created = await run<Payload>(documents.create, { input: { registry: text, ...carol }, ...settings }, '"VALID"');
  expect(created).toMatchObject({ errors: [], registry: { registry: text, username: carol.username } });
  await graphiql.page.screenshot({ path: join(pictures, 'created.png') });
  expect(await outlivesTheTab()).not.toContain(carol.password);
  const id = created.registry?.id ?? '';

  expect(await run<{ nodes: RegistryNode[] }>(documents.list, {}, '"totalCount"')).toMatchObject({
    totalCount: 1,
    nodes: [{ id }],
  });
  expect(await run<RegistryNode>(documents.get, { registry: text }, text)).toMatchObject({ id, name: text });
  const updated = await run<Payload>(
    documents.update,
    { id, input: { name: 'Renamed in the browser' }, ...settings },
    'Renamed in the browser',
  );
  expect(updated).toMatchObject({ errors: [], registry: { name: 'Renamed in the browser' } });
  await graphiql.page.screenshot({ path: join(pictures, 'updated.png') });
  expect(await operationsOn(server).get({ id })).toMatchObject({ name: 'Renamed in the browser' });

  expect(await run(documents.delete, { id }, '"deletedId"')).toEqual({ deletedId: id, errors: [] });
  await graphiql.page.screenshot({ path: join(pictures, 'deleted.png') });
  expect((await operationsOn(server).list()).totalCount).toBe(0);
});

test('the page knows the schema, so that it can complete and explain', async () => {
  await graphiql.page.locator('[aria-label="Show Documentation Explorer"]').click();
  expect(await graphiql.page.getByText('Subscription', { exact: true }).first().isVisible()).toBe(true);
  await graphiql.page.screenshot({ path: join(pictures, 'documentation.png') });
});

test('registryCheck shows its steps and its report in the page', async () => {
  const variables = { input: { registry: registry.host, ...carol }, secureConnection: false };
  const response = await graphiql.run(documents.progress, variables, '"report": {');
  expect(response.headers()['content-type']).toContain('text/event-stream');
  await graphiql.page.screenshot({ path: join(pictures, 'checked.png') });
  expect(await outlivesTheTab()).not.toContain(carol.password);
});

test('no address that was asked for holds a password or the token', () => {
  const addresses = graphiql.requests.map((address) => decodeURIComponent(address)).join('\n');
  expect(addresses).not.toContain(carol.password);
  expect(addresses.split('#')[0]).not.toContain(server.firstToken());
});

test('nothing was asked of any other server', () => {
  const foreign = graphiql.requests.filter(
    (address) => !address.startsWith(`${server.url}/`) && !/^(data:|blob:)/.test(address),
  );
  expect(foreign).toEqual([]);
  expect(graphiql.requests.length).toBeGreaterThan(3);
});

test('the content security policy was never violated, and nothing failed in the page', async () => {
  expect(graphiql.complaints).toEqual([]);
  const policy = (await fetch(`${server.url}/graphql`, { headers: { accept: 'text/html' } })).headers.get(
    'content-security-policy',
  );
  expect(policy).toContain(`default-src 'none'`);
  expect(policy).not.toMatch(/script-src[^;]*('unsafe-inline'|\*|https?:)/);
});

/** Returns the data that a browser keeps after the tab is closed: the address in its history, cookies, and local storage. */
async function outlivesTheTab(): Promise<string> {
  return graphiql.page.evaluate(() => location.href + document.cookie + JSON.stringify(localStorage));
}
