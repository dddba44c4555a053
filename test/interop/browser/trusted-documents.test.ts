// A server that runs only trusted documents: the console and the command line work as usual, and no other document runs.

import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runProgram } from '../../e2e/support/child-process.ts';
import { launchBrowser, openConsole, type ConsolePage } from './console-page.ts';
import { alice, startBasicRegistry, type PasswordRegistry } from '../../e2e/support/registries.ts';
import { executableArguments } from '../../support/built.ts';
import { serverEnvironment, startServer, type RegwayServer } from '../../e2e/support/server.ts';
import { makeTemporaryDirectory } from '../../support/temporary/directory.ts';

const configHome = makeTemporaryDirectory('trusted');
let registry: PasswordRegistry;
let server: RegwayServer;
let browser: Browser;
let view: ConsolePage;

beforeAll(async () => {
  registry = await startBasicRegistry([alice]);
  server = await startServer({ settings: { REGWAY_TRUSTED_DOCUMENTS_ONLY: 'true' } });
  browser = await launchBrowser();
  view = await openConsole(browser, server.consoleLink() ?? '');
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
  await registry?.stop();
});

const token = () => /#token=(\S+)/.exec(server.consoleLink() ?? '')?.[1] ?? '';

test('a document of another client does not run, and the schema is not visible', async () => {
  for (const query of ['{ principal { subject } }', '{ __schema { queryType { name } } }', '{ _service { sdl } }']) {
    expect((await server.graphql(query, {}, token())).body.errors?.[0]?.extensions?.code).toBe(
      'PERSISTED_OPERATION_REQUIRED',
    );
  }
});

test('in a browser one tests a login step by step, stores it, and looks at every screen', async () => {
  const { page } = view;
  await view.button(`Let's add one!`).click();
  await view.fill('Registry', registry.host);
  await view.fill('Username', alice.username);
  await view.fill('Password', alice.password);
  await view.button('Test connection').click();
  await page.getByText('PLAIN_HTTP').waitFor();
  await view.button(/plain HTTP/).click();
  await view.button('Test connection').click();
  await page.getByRole('dialog').getByText('accepts the credential').first().waitFor();
  await view.button('Save').click();
  await page
    .getByRole('status')
    .filter({ hasText: `Added ${registry.host}.` })
    .waitFor();
  await page.getByRole('link', { name: registry.host }).first().click();
  await page.getByRole('region', { name: 'Audit events' }).getByText('Registry added').waitFor();
  for (const screen of ['Tokens', 'Accounts', 'Audit']) {
    await page.getByRole('link', { name: screen }).click();
    await page.getByRole('table').first().waitFor();
  }
  expect(view.complaints).toEqual([]);
});

test.each([
  ['registry list', ['registry', 'list'], () => registry.host],
  [
    'registry check',
    ['registry', 'check', 'HOST', `--username=${alice.username}`, '--secure-connection=false'],
    () => 'VALID',
  ],
  ['image explain', ['image', 'explain', 'HOST/team/app'], () => registry.host],
  ['account create', ['account', 'create', 'team-a'], () => ''],
  ['account list', ['account', 'list'], () => 'team-a'],
  ['token create', ['token', 'create', '--role=PULL', '--account=team-a'], () => 'rgw_'],
  ['token list', ['token', 'list', '--account=team-a'], () => 'PULL'],
  ['account disable', ['account', 'disable', 'team-a'], () => ''],
  ['audit list', ['audit', 'list'], () => 'team-a'],
  ['registry delete', ['registry', 'delete', 'HOST', '--yes'], () => 'Deleted'],
])('the command line runs %s', async (_what, args, expected) => {
  const env = {
    ...serverEnvironment(server.dataDirectory),
    REGWAY_URL: server.url,
    REGWAY_TOKEN: token(),
    REGWAY_REGISTRY_PASSWORD: alice.password,
    XDG_CONFIG_HOME: configHome,
  };
  const { code, stdout, stderr } = await runProgram({
    command: process.execPath,
    args: executableArguments(...args.map((part) => part.replace('HOST', registry.host))),
    env,
  });
  expect([code, stderr]).toEqual([0, expect.not.stringContaining('Error')]);
  expect(stdout + stderr).toContain(expected());
});
