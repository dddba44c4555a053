// Uses the console in Chromium as a new user does: from the link of the first start to working registries, and signing out.

import { once } from 'node:events';
import { globSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApiToken, revokeApiToken } from '../../e2e/support/api-tokens.ts';
import { launchBrowser, openConsole, setTheme, type ConsolePage } from './console-page.ts';
import { operationsOn, type Operations } from '../../e2e/support/operations.ts';
import { basicAuthorization, getManifest } from '../../e2e/support/raw-pull.ts';
import { alice, pushedRepository, startRegistries, type RealRegistries } from '../../e2e/support/registries.ts';
import { projectRoot, startServer, type RegwayServer } from '../../e2e/support/server.ts';

/** Maximum size of all files of the console together, compressed with gzip. */
const maxGzippedBytes = 250 * 1024;
/** The directory of the screenshots for review, or undefined to take none. */
const pictures = process.env['REGWAY_PICTURES'];

let registries: RealRegistries;
let server: RegwayServer;
let operations: Operations;
let browser: Browser;
let view: ConsolePage;
let page: Page;

beforeAll(async () => {
  if (pictures !== undefined) mkdirSync(pictures, { recursive: true });
  registries = await startRegistries();
  server = await startServer();
  operations = operationsOn(server);
  browser = await launchBrowser();
  view = await openConsole(browser, server.consoleLink() ?? '');
  page = view.page;
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
  await registries?.stop();
});

/** Checks the current screen in both themes, wide and as narrow as a phone: axe finds no violation, and nothing overflows. */
async function expectGoodScreen(name: string, { page: shown, violations }: ConsolePage = view): Promise<void> {
  const found: string[] = [];
  for (const [width, height] of [
    [1400, 900],
    [360, 780],
  ] as const) {
    await shown.setViewportSize({ width, height });
    for (const theme of ['light', 'dark'] as const) {
      await setTheme(shown, theme);
      if (pictures !== undefined) await shown.screenshot({ path: join(pictures, `${name}-${theme}-${width}.png`) });
      found.push(...(await violations(theme)));
    }
    const overflow = await shown.evaluate(
      () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
    );
    if (overflow > 0) found.push(`at ${width} px the page is ${overflow} px too wide`);
  }
  await shown.setViewportSize({ width: 1400, height: 900 });
  expect(found).toEqual([]);
}

async function fillLogin(
  registry: string,
  { password = alice.password, shown = view }: { password?: string; shown?: ConsolePage } = {},
): Promise<void> {
  await shown.button('Add New Registry').click();
  await shown.fill('Registry', registry);
  await shown.fill('Username', alice.username);
  await shown.fill('Password', password);
}

const accepted: Socket[] = [];

/** Starts a server that accepts connections and never responds, so that a validation waits for it. */
async function acceptsAndSaysNothing(): Promise<{ readonly silent: Server; readonly host: string }> {
  const silent = createServer((socket) => void accepted.push(socket.on('error', () => undefined))).listen(
    0,
    '127.0.0.1',
  );
  await once(silent, 'listening');
  return { silent, host: `127.0.0.1:${(silent.address() as AddressInfo).port}` };
}

/** More presses of the Tab key than any screen requires. */
const maxTabs = 150;

/** Moves the focus with the Tab key to the element with this accessible name. */
async function tabTo(name: string): Promise<void> {
  for (let presses = 0; presses < maxTabs; presses++) {
    if ((await focusedName()) === name) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`The Tab key never reached "${name}".`);
}

async function pressOn(name: string): Promise<void> {
  await tabTo(name);
  await page.keyboard.press('Enter');
}

/** Returns the accessible name of the focused element. */
const focusedName = () =>
  page.evaluate(() => {
    const focused = document.activeElement;
    const label = focused instanceof HTMLInputElement ? focused.labels?.[0]?.textContent?.trim() : undefined;
    return focused?.getAttribute('aria-label') ?? label ?? focused?.textContent ?? '';
  });
const focusedText = () => page.evaluate(() => document.activeElement?.textContent);
const dialog = () => page.getByRole('dialog');
const row = (text: string) => page.getByRole('row').filter({ hasText: text });
const saved = (text: string, shown = view) =>
  shown.page
    .getByRole('status')
    .filter({ hasText: `Added ${text}.` })
    .waitFor();

describe('signing in', () => {
  test('with the link of the first start removes the token from the address, and no script can read the session', async () => {
    await view.button(`Let's add one!`).waitFor();
    expect(page.url()).toBe(`${server.url}/`);
    const kept = await page.evaluate(
      () => document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage),
    );
    expect(kept).toBe('{}{}');
    expect(await page.content()).not.toContain(server.firstToken());
    const [cookie] = await page.context().cookies();
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict' });
    const ask = async (headers: Record<string, string>): Promise<string> => {
      const body = JSON.stringify({ query: '{ principal { role } }' });
      return (
        await fetch(`${server.url}/graphql`, {
          method: 'POST',
          body,
          headers: { 'content-type': 'application/json', cookie: `${cookie?.name}=${cookie?.value}`, ...headers },
        })
      ).text();
    };
    expect(await ask({ 'X-Regway-Console': '1' })).toContain('"ADMIN"');
    expect(await ask({})).toContain('UNAUTHENTICATED');
    expect(await ask({ 'X-Regway-Console': '1', Origin: 'https://evil.example' })).toContain('UNAUTHENTICATED');
    await expectGoodScreen('none-yet');
  });
});

describe('adding', () => {
  test('reports empty required fields before it sends anything', async () => {
    await view.button(`Let's add one!`).click();
    await view.button('Need some help setting up your registry?').click();
    await expectGoodScreen('add-help');
    await page.getByRole('dialog').getByLabel('Type').selectOption('GCR');
    expect(
      await page
        .locator('textarea')
        .evaluate((area) => getComputedStyle(area).getPropertyValue('-webkit-text-security')),
    ).toBe('none');
    await view.fill('Password', '{ "type": "service_account" }');
    expect(
      await page
        .locator('textarea')
        .evaluate((area) => getComputedStyle(area).getPropertyValue('-webkit-text-security')),
    ).toBe('disc');
    await view.button('Show password').click();
    expect(
      await page
        .locator('textarea')
        .evaluate((area) => getComputedStyle(area).getPropertyValue('-webkit-text-security')),
    ).toBe('none');
    await view.fill('Password', '');
    await page.getByRole('dialog').getByLabel('Type').selectOption('DOCKER_V2');
    await view.button('Need some help setting up your registry?').click();
    const before = view.requests.length;
    await view.button('Save').click();
    await page.getByText('Enter the password.').waitFor();
    expect(view.requests.length).toBe(before);
    await expectGoodScreen('add-missing');
    await page.keyboard.press('Escape');
    await dialog().waitFor({ state: 'hidden' });
  });

  test('a registry that uses plain HTTP is not stored until the suggested fix of the report is applied', async () => {
    const { host } = registries.basic;
    await fillLogin(host);
    await view.button('Save').click();
    await page.getByText('PLAIN_HTTP').waitFor();
    expect((await operations.list()).totalCount).toBe(0);
    await view.button('Allow plain HTTP').click();
    await view.button('Save').click();
    await saved(host);
    await row(host).getByText('Works').waitFor();
    await row(host).getByText('Not verified').waitFor();
  });

  test('a connection test that fails on TLS suggests allowing self-signed certificates, and then the registry is stored', async () => {
    const { host } = registries.tls;
    await fillLogin(host);
    await view.button('Test connection').click();
    await page.getByText('TLS_UNTRUSTED').waitFor();
    expect(await page.getByRole('list', { name: 'Steps' }).getByRole('listitem').count()).toBeGreaterThanOrEqual(3);
    await expectGoodScreen('add-tls');
    await view.button('Allow Self Signed').click();
    expect(await page.getByRole('switch', { name: 'Allow Self Signed' }).isChecked()).toBe(true);
    await view.button('Test connection').click();
    await dialog().getByText('accepts the credential').waitFor();
    await expectGoodScreen('add-valid');
    await view.button('Save').click();
    await saved(host);
  });

  test('a token server on another host is trusted by a button that names it, and receives the password only then', async () => {
    const trusting = await startServer({ settings: { REGWAY_CA_FILE: registries.authority.certificateFile } });
    const shown = await openConsole(browser, trusting.consoleLink() ?? '');
    const { host } = registries.token;
    await fillLogin(host, { shown });
    const before = registries.tokenServer.requests().length;
    await shown.button('Test connection').click();
    await shown.page.getByText('FORBIDDEN_REALM').waitFor();
    await expectGoodScreen('add-realm', shown);
    expect(registries.tokenServer.requests()).toHaveLength(before);
    await shown.button(`Trust ${registries.tokenServer.host}`).click();
    await shown.button('Save').click();
    await saved(host, shown);
    expect(await operationsOn(trusting).get({ registry: host })).toMatchObject({
      trustedRealm: registries.tokenServer.host,
      lastValidation: { outcome: 'VALID' },
    });
    expect(shown.complaints).toEqual([]);
    await shown.close();
    await trusting.stop();
  });

  test('a wrong password stores nothing', async () => {
    await fillLogin(`${registries.basic.host}/team-a/*`, { password: 'wrong' });
    await page.getByText('Allow Self Signed', { exact: true }).click();
    await view.button('Save').click();
    await page.getByText('INVALID_CREDENTIALS').waitFor();
    await view.button('Cancel').click();
    expect((await operations.list()).totalCount).toBe(2);
  });

  test('an invalid value is reported next to its field', async () => {
    await fillLogin('docker.io/*/x');
    await view.button('Save').click();
    await page.locator('.react-aria-FieldError').waitFor();
    await expectGoodScreen('add-mistake');
    await view.button('Cancel').click();
  });

  test('no password is left in the page', async () => {
    expect(
      await page.evaluate(
        () =>
          document.documentElement.outerHTML + [...document.querySelectorAll('input')].map(({ value }) => value).join(),
      ),
    ).not.toContain(alice.password);
  });
});

describe('changing', () => {
  test('a new name requires no password, and the stored one still works', async () => {
    const { host } = registries.basic;
    await view.button(`Edit ${host}`).click();
    await page.getByText('The stored password is kept.').waitFor();
    await view.fill('Name', 'Renamed in the browser');
    await expectGoodScreen('edit');
    await view.button('Save').click();
    await row('Renamed in the browser').waitFor();
    const { id = '' } = (await operations.get({ registry: host })) ?? {};
    expect((await operations.validate(id)).validation).toMatchObject({ outcome: 'VALID' });
  });

  test('a new username requires the password again', async () => {
    const { host } = registries.basic;
    await view.button(`Edit ${host}`).click();
    await view.fill('Username', 'another-user');
    await page.getByText('changing the username could send the stored password').waitFor();
    await view.button('Save').click();
    await page.getByText('Enter the password.').waitFor();
    await expectGoodScreen('edit-password');
    await view.button('Cancel').click();
    expect(await operations.get({ registry: host })).toMatchObject({ username: alice.username });
  });
});

describe('changing a password', () => {
  test('that the registry does not accept yet is stored as pending, and the details say so', async () => {
    const { host } = registries.basic;
    await view.button(`Edit ${host}`).click();
    await page.getByText('Replace the stored password').click();
    await view.fill('Password', 'the-next-password');
    await page.getByText('Store as pending').click();
    await expectGoodScreen('edit-rotation');
    await view.button('Save').click();
    await page.getByText('The new password is pending until the registry accepts it.').waitFor();
    const { id = '' } = (await operations.get({ registry: host })) ?? {};
    await page.goto(`${server.url}/registries/${id}`);
    await page.getByText('used once the registry accepts it; stored').waitFor();
    await expectGoodScreen('registry-rotation');
    expect((await operations.validate(id)).validation).toMatchObject({ outcome: 'VALID' });
    await page.goto(`${server.url}/`);
    await page.getByRole('table').waitFor();
  });
});

describe('the list', () => {
  beforeAll(async () => {
    for (let number = 10; number < 40; number++) {
      await operations.create(
        { registry: `registry-${number}.example.com`, username: 'robot', password: 'x', name: `Team ${50 - number}` },
        { validate: false },
      );
    }
    await page.goto(`${server.url}/`);
    await page.getByRole('table').waitFor();
  });

  test('is filtered by text, type, and status in the address, so that a colleague opens the same list', async () => {
    await view.fill('Search', 'registry-1');
    await page
      .getByRole('status')
      .filter({ hasText: /^10 registries$/ })
      .waitFor();
    expect(page.url()).toBe(`${server.url}/?q=registry-1`);
    await page.getByLabel('Status').selectOption('SKIPPED');
    await page.waitForURL(`${server.url}/?q=registry-1&status=SKIPPED`);
    const colleague = await page.context().newPage();
    await colleague.goto(page.url());
    await colleague
      .getByRole('status')
      .filter({ hasText: /^10 registries$/ })
      .waitFor();
    expect(await colleague.getByLabel('Search').inputValue()).toBe('registry-1');
    await colleague.close();
  });

  test('reports that nothing matches, and clears the filters', async () => {
    await page.getByLabel('Type').selectOption('AWSECR');
    await page.getByRole('heading', { name: 'No matches' }).waitFor();
    await expectGoodScreen('nothing-matches');
    await view.button('Clear filters').click();
    await page.waitForURL(`${server.url}/`);
    await expectGoodScreen('list');
  });

  test('is sorted by pressing a column header, and the back button undoes it', async () => {
    const first = () => page.getByRole('row').nth(1).getByRole('cell').nth(1).textContent();
    await page.getByRole('columnheader', { name: /^Name/ }).getByRole('button').click();
    await page.waitForURL(/sort=name/);
    await page.getByRole('columnheader', { name: /^Name/ }).getByRole('button').click();
    await page.waitForURL(/sort=-name/);
    await expect.poll(first).toBe('Team 40');
    expect(await page.getByRole('columnheader', { name: /^Name/ }).getAttribute('aria-sort')).toBe('descending');
    await page.goBack();
    await page.waitForURL(/sort=name/);
    await expect.poll(first).not.toBe('Team 40');
    await page.goto(`${server.url}/`);
  });

  test('has pages, forward and back', async () => {
    await page.getByLabel('Per page').selectOption('25');
    await page.getByText('25 of 32 registries').waitFor();
    await view.button('Next').click();
    await page.getByText('7 of 32 registries').waitFor();
    expect(await view.button('Next').isDisabled()).toBe(true);
    await view.button('Previous').click();
    await page.getByText('25 of 32 registries').waitFor();
    await view.button('Last').click();
    await page.waitForURL(/page=last/);
    await page.getByRole('link', { name: 'registry-39.example.com' }).waitFor();
    await view.button('First').click();
    await page.getByRole('link', { name: registries.basic.host }).waitFor();
  });
});

describe('one registry', () => {
  test('shows its details and its last validation step by step, and validates again', async () => {
    await page.getByRole('link', { name: registries.basic.host }).click();
    await page.waitForURL(/\/registries\/reg_/);
    await page.getByRole('heading', { name: registries.basic.host }).waitFor();
    expect([await page.title(), await focusedText()]).toEqual([
      `${registries.basic.host} · Regway`,
      registries.basic.host,
    ]);
    const before = await page.locator('time').first().getAttribute('datetime');
    await view.button('Validate now').click();
    await expect.poll(() => page.locator('.note time').first().getAttribute('datetime')).not.toBe(before);
    expect(await page.getByRole('list', { name: 'Steps' }).getByText('Log in').count()).toBe(1);
    await page.getByRole('link', { name: '← All registries' }).click();
    await page.getByRole('table').waitFor();
    expect([await page.title(), await focusedText()]).toEqual(['Registries · Regway', 'Registries']);
    await page.getByRole('link', { name: registries.basic.host }).click();
    await page.getByRole('heading', { name: registries.basic.host }).waitFor();
  });

  test('shows the steps of a validation as they finish, not all at its end', async () => {
    const { silent, host } = await acceptsAndSaysNothing();
    const { registry } = await operations.create(
      { registry: host, username: 'robot', password: 'x' },
      { validate: false, secureConnection: false },
    );
    await page.goto(`${server.url}/registries/${registry?.id}`);
    await view.button('Validate now').click();
    await page.getByRole('list', { name: 'Steps' }).getByText('Connect (passed)').waitFor();
    expect(await page.getByRole('list', { name: 'Steps' }).getByText('Validating…').count()).toBe(1);
    silent.close();
    for (const socket of accepted.splice(0)) socket.destroy();
    await page.locator('.note').getByText('CONNECTION_CLOSED').waitFor();
    await operations.delete(registry?.id ?? '');
    await page.goto(`${server.url}/`);
    await page.getByRole('link', { name: registries.basic.host }).click();
    await page.getByRole('heading', { name: registries.basic.host }).waitFor();
  });

  test('explains which images it covers, and why', async () => {
    await view.fill('Image', `${registries.basic.host}/${pushedRepository}:latest`);
    await view.button('Explain').click();
    await page.getByText('uses this registry').waitFor();
    await view.fill('Image', 'docker.io/library/ubuntu');
    await view.button('Explain').click();
    await page.getByText('is anonymous').waitFor();
    await view.fill('Image', 'NOT AN IMAGE');
    await view.button('Explain').click();
    await page.getByText('Request ID').waitFor();
    await view.fill('Image', `${registries.basic.host}/${pushedRepository}:latest`);
    await view.button('Explain').click();
    await page.getByText('uses this registry').waitFor();
    await expectGoodScreen('one');
  });

  test('that does not exist is reported as not found', async () => {
    await page.goto(`${server.url}/registries/reg_made-up`);
    await page.getByRole('heading', { name: 'Registry not found' }).waitFor();
    await expectGoodScreen('not-there');
    await page.goto(`${server.url}/`);
  });
});

describe('deleting', () => {
  test('an unused registry requires one press', async () => {
    await view.button('Delete registry-10.example.com').click();
    await page.getByText('No pull has used it.').waitFor();
    await expectGoodScreen('delete');
    await view.button('Delete registry').click();
    await page.getByText('Deleted registry-10.example.com.').waitFor();
    expect(await operations.get({ registry: 'registry-10.example.com' })).toBeNull();
  });

  test('a recently used registry shows the pull, and requires typing its pattern', async () => {
    const { host } = registries.basic;
    const pull = {
      server: server.url,
      upstream: host,
      repository: pushedRepository,
      authorization: basicAuthorization(server.firstToken()),
    };
    expect((await getManifest(pull)).status).toBe(200);
    // Uses are written within about a second.
    await pause(1500);
    await view.button(`Delete ${host}`).click();
    await page.getByText('This registry is in use:').waitFor();
    await page.getByText(`${host}/${pushedRepository}`).waitFor();
    expect(await view.button('Delete registry').isDisabled()).toBe(true);
    await expectGoodScreen('delete-used');
    await view.fill(`Type ${host}`, host);
    await view.button('Delete registry').click();
    await page.getByText(`Deleted ${host}.`).waitFor();
  });
});

describe('tokens, accounts and the audit trail', () => {
  const tokenRow = (name: string) =>
    page.getByRole('table', { name: 'API tokens' }).getByRole('row').filter({ hasText: name });

  test('a token is created, its value is shown once, works, and is rejected after it was revoked', async () => {
    await page.getByRole('link', { name: 'Tokens' }).click();
    await page.waitForURL(`${server.url}/tokens`);
    await view.button('Create token').click();
    await view.fill('Name', 'The scanner');
    await view.fill('Images', 'docker.io/anchore/*');
    await expectGoodScreen('token-new');
    await dialog().getByRole('button', { name: 'Create token' }).click();
    const token = (await page.getByTestId('token-text').textContent()) ?? '';
    expect(token).toMatch(/^rgw_/);
    await expectGoodScreen('token-text');
    await view.button('Done').click();
    await tokenRow('The scanner').getByText('Active').waitFor();
    expect(await page.content()).not.toContain(token);
    await expectGoodScreen('tokens');
    const ask = () =>
      fetch(`${server.url}/graphql`, {
        method: 'POST',
        body: '{"query":"{ principal { role images } }"}',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      });
    expect(await (await ask()).json()).toEqual({
      data: { principal: { role: 'PULL', images: ['docker.io/anchore/*'] } },
    });
    await view.button(/^Revoke The scanner/).click();
    await page.getByRole('alertdialog').getByText('This cannot be undone').waitFor();
    await expectGoodScreen('token-revoke');
    await view.button('Revoke token').click();
    await page.getByText(/^Revoked The scanner/).waitFor();
    expect((await ask()).status).toBe(401);
    await tokenRow('The scanner').waitFor({ state: 'detached' });
    await page.locator('label', { hasText: 'Show inactive tokens' }).click();
    await page.waitForURL(`${server.url}/tokens?inactive=true`);
    await tokenRow('The scanner').getByText('Revoked').waitFor();
  });

  test('an account is created and disabled, which ends its sessions, and enabled again', async () => {
    await page.getByRole('link', { name: 'Accounts' }).click();
    await view.fill('New account', 'Not A Name');
    await view.button('Create account').click();
    await page.getByText('Request ID').waitFor();
    await view.fill('New account', 'team-a');
    await view.button('Create account').click();
    await page.getByText('Created team-a.').waitFor();
    const token = await createApiToken(server.dataDirectory, { role: 'READ_WRITE', account: 'team-a' });
    const member = await openConsole(browser, `${server.url}/#token=${token}`);
    await member.button(`Let's add one!`).waitFor();
    expect(await member.page.getByRole('link', { name: 'Accounts' }).count()).toBe(0);
    await view.button('Disable team-a').click();
    await expectGoodScreen('account-disable');
    await view.button('Disable account').click();
    await page.getByText('Disabled team-a.').waitFor();
    await expectGoodScreen('accounts');
    await member.page.getByRole('link', { name: 'Tokens' }).click();
    await member.page.getByText('Your session has ended.').waitFor();
    await view.button('Enable team-a').click();
    await page.getByText('Enabled team-a.').waitFor();
    await member.close();
  });

  test('the trail contains all of it, newest first, and is filtered in the address', async () => {
    await page.getByRole('link', { name: 'Audit' }).click();
    const events = page.getByRole('table', { name: 'Audit events' });
    expect(await events.getByRole('row').nth(1).textContent()).toContain('Account enabled');
    await expectGoodScreen('audit');
    await page.getByLabel('Action').selectOption('TOKEN_REVOKE');
    await page.waitForURL(`${server.url}/audit?action=TOKEN_REVOKE`);
    await page
      .getByRole('status')
      .filter({ hasText: /^1 event$/ })
      .waitFor();
    expect(await events.getByRole('row').nth(1).textContent()).toContain('The scanner');
    await page.getByLabel('Action').selectOption('');
    await page.waitForURL(`${server.url}/audit`);
    const { nodes } = await operations.list();
    await page.goto(`${server.url}/registries/${nodes.find(({ registry }) => registry === registries.tls.host)?.id}`);
    await page.getByRole('region', { name: 'Audit events' }).getByText('Registry added').waitFor();
    await expectGoodScreen('one-audit');
  });
});

test('everything can be reached and used with only the keyboard', async () => {
  await page.goto(`${server.url}/`);
  await page.getByRole('table').waitFor();
  await pressOn('Add New Registry');
  await dialog().waitFor();
  await page.keyboard.type('quay.io/keyboard/*');
  for (const key of ['Tab', 'Tab', 'Tab']) await page.keyboard.press(key);
  await page.keyboard.type('robot');
  await page.keyboard.press('Tab');
  await page.keyboard.type('secret');
  // Show, then Allow Self Signed, then Validate on Add, which is turned off.
  for (const key of ['Tab', 'Tab', 'Tab', 'Space']) await page.keyboard.press(key);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await saved('quay.io/keyboard/*');
  expect(await operations.get({ registry: 'quay.io/keyboard/*' })).toMatchObject({
    username: 'robot',
    lastValidation: { outcome: 'SKIPPED' },
  });
  await page.getByRole('link', { name: 'quay.io/keyboard/*' }).waitFor();
});

test('only the keyboard is required to search, change, open, explain an image, and delete', async () => {
  await page.goto(`${server.url}/`);
  await page.getByRole('table').waitFor();
  await tabTo('Search');
  await page.keyboard.type('keyboard');
  await page
    .getByRole('status')
    .filter({ hasText: /^1 registry$/ })
    .waitFor();
  await pressOn('Edit quay.io/keyboard/*');
  await dialog().waitFor();
  await tabTo('Name');
  await page.keyboard.type('By keyboard');
  await tabTo('Validate on Save');
  await page.keyboard.press('Space');
  await pressOn('Save');
  await row('By keyboard').waitFor();
  await pressOn('quay.io/keyboard/*');
  await page.waitForURL(/\/registries\/reg_/);
  await page.getByRole('heading', { name: 'quay.io/keyboard/*' }).waitFor();
  await tabTo('Image');
  await page.keyboard.press('ControlOrMeta+A');
  await page.keyboard.type('quay.io/keyboard/app:1');
  await page.keyboard.press('Enter');
  await page.getByText('uses this registry').waitFor();
  const question = page.getByRole('alertdialog');
  await pressOn('Delete');
  await question.waitFor();
  await page.keyboard.press('Escape');
  await question.waitFor({ state: 'hidden' });
  // The focus returns in the frame after the dialog has closed.
  await expect.poll(focusedText).toBe('Delete');
  await page.keyboard.press('Enter');
  await question.waitFor();
  await pressOn('Delete registry');
  await page.getByRole('table').waitFor();
  expect(await operations.get({ registry: 'quay.io/keyboard/*' })).toBeNull();
});

test('signing out ends the session on the server too', async () => {
  const [cookie] = await page.context().cookies();
  await view.button('Sign out').click();
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  await expectGoodScreen('sign-in');
  const answer = await fetch(`${server.url}/session`, {
    headers: { 'X-Regway-Console': '1', cookie: `${cookie?.name}=${cookie?.value}` },
  });
  expect(await answer.json()).toEqual({ principal: null, signIn: [] });
});

test('no error occurred in the page, its content security policy was never violated, and no other server was contacted', () => {
  expect(view.complaints).toEqual([]);
  expect(view.requests.filter((address) => !address.startsWith(`${server.url}/`))).toEqual([]);
  expect(view.requests.map(decodeURIComponent).join('\n')).not.toContain(alice.password);
});

test('a PULL token sees no table and no button to add, and can explain what a pull would use', async () => {
  const token = await createApiToken(server.dataDirectory, { role: 'PULL' });
  const puller = await openConsole(browser, `${server.url}/#token=${token}`);
  await puller.page.getByText('Your token has the role PULL').waitFor();
  expect([await puller.page.getByRole('table').count(), await puller.button('Add New Registry').count()]).toEqual([
    0, 0,
  ]);
  await puller.fill('Image', `${registries.tls.host}/${pushedRepository}`);
  await puller.button('Explain').click();
  await puller.page.getByRole('status').filter({ hasText: 'uses' }).waitFor();
  await expectGoodScreen('pull-role', puller);
  expect(puller.complaints).toEqual([]);
  await puller.close();
});

test('a revoked token ends the session at the next request, with a message', async () => {
  const token = await createApiToken(server.dataDirectory, { role: 'READ_WRITE' });
  const other = await openConsole(browser, `${server.url}/#token=${token}`);
  await other.page.getByRole('table').waitFor();
  await revokeApiToken(server.dataDirectory, token);
  await other.page.getByRole('columnheader', { name: 'Updated' }).getByRole('button').click();
  await other.page.getByText('Your session has ended.').waitFor();
  await other.fill('API token', 'rgw_nonsense');
  await other.button('Sign in').click();
  await other.page.getByText('Request ID').waitFor();
  await expectGoodScreen('sign-in-refused', other);
  await other.close();
});

test('a server that cannot be reached is reported with a message', async () => {
  const token = await createApiToken(server.dataDirectory, { role: 'READ_WRITE' });
  const other = await openConsole(browser, `${server.url}/#token=${token}`);
  await other.page.getByRole('table').waitFor();
  await other.page.context().setOffline(true);
  await other.page.getByRole('columnheader', { name: 'Updated' }).getByRole('button').click();
  await other.page.getByText('The server cannot be reached.').waitFor();
  await expectGoodScreen('offline', other);
  await other.close();
});

test('all files together have at most 250 KiB, compressed with gzip', () => {
  const files = globSync('dist/console/**/*.gz', { cwd: projectRoot });
  const bytes = files.map((file) => readFileSync(join(projectRoot, file)).length).reduce((sum, size) => sum + size, 0);
  console.info(`the console is ${bytes} bytes, gzipped`);
  expect(files.length).toBeGreaterThan(2);
  expect(bytes).toBeLessThanOrEqual(maxGzippedBytes);
});
