// Signs in to the console at an OpenID provider of another site in Chromium, and signs out.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { consoleClient, startIdentityProvider, type IdentityProvider } from '../identity-provider/identity-provider.ts';
import { launchBrowser, openConsole, type ConsolePage } from './console-page.ts';
import { freePort } from '../../e2e/support/free-port.ts';
import { startServer, type RegwayServer } from '../../e2e/support/server.ts';
import { makeTemporaryDirectory } from '../../support/temporary/directory.ts';

const directory = makeTemporaryDirectory('sign-in');
const pictures = process.env['REGWAY_PICTURES'] ?? directory;

let provider: IdentityProvider;
let server: RegwayServer;
let browser: Browser;
let view: ConsolePage;

beforeAll(async () => {
  provider = await startIdentityProvider({ claims: { groups: ['platform'] } });
  const port = await freePort('127.0.0.1');
  const url = `http://127.0.0.1:${port}`;
  await provider.register(`${url}/session/oidc/example/callback`);
  const clientSecretFile = join(directory, 'client-secret');
  writeFileSync(clientSecretFile, consoleClient.secret);
  const issuer = {
    issuer: provider.url,
    audience: 'urn:regway:test',
    account: { value: 'admin' },
    roles: { claim: 'groups', map: { platform: 'READ_WRITE' } },
    signIn: { id: 'example', name: 'Example', clientId: consoleClient.id, clientSecretFile },
  };
  server = await startServer({
    settings: {
      REGWAY_LISTEN: `127.0.0.1:${port}`,
      REGWAY_PUBLIC_URL: url,
      REGWAY_OIDC_ISSUERS: JSON.stringify([issuer]),
    },
  });
  browser = await launchBrowser();
  view = await openConsole(browser, `${url}/`);
  // The provider's pages request fonts of another site and an icon that does not exist.
  await view.page.route(
    (asked) => !['127.0.0.1', 'localhost'].includes(asked.hostname) || asked.pathname === '/favicon.ico',
    (route) => route.fulfill({ body: '' }),
  );
});

afterAll(async () => {
  await browser?.close();
  await server?.stop();
  await provider?.close();
});

const signInLink = () => view.page.getByRole('link', { name: 'Sign in with Example' });

describe('signing in at a provider', () => {
  test('is offered next to the token, on a screen without violations', async () => {
    await signInLink().waitFor();
    await view.page.screenshot({ path: join(pictures, 'sign-in.png') });
    expect([...(await view.violations('light')), ...(await view.violations('dark'))]).toEqual([]);
  });

  test('that is canceled there returns with a message, and leaves no code in the address', async () => {
    await signInLink().click();
    await view.page.getByRole('link', { name: /cancel/i }).click();
    await view.page.getByText('Sign-in was canceled or denied by the identity provider.').waitFor();
    expect(view.page.url()).toBe(`${server.url}/`);
  });

  test('ends in the console, with a session that no script can read', async () => {
    const { page } = view;
    await signInLink().click();
    await page.getByPlaceholder('Enter any login').fill('alice');
    await page.getByPlaceholder('and password').fill('any');
    await page.getByRole('button', { name: 'Sign-in' }).click();
    await page.getByRole('button', { name: 'Continue' }).click();
    await view.button(`Let's add one!`).waitFor();
    expect(page.url()).toBe(`${server.url}/`);
    await page.getByText('admin · READ_WRITE').waitFor();
    expect(await page.getByText('admin · READ_WRITE').getAttribute('title')).toBe(`${provider.url}#alice`);
    expect(
      await page.evaluate(() => document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)),
    ).toBe('{}{}');
    const cookies = (await page.context().cookies(server.url)).filter(({ name }) => name.startsWith('regway'));
    expect(cookies).toEqual([expect.objectContaining({ name: 'regway-session', httpOnly: true, sameSite: 'Strict' })]);
    await page.reload();
    await view.button(`Let's add one!`).waitFor();
  });

  test('ends on sign-out, and violates no content security policy', async () => {
    await view.button('Sign out').click();
    await signInLink().waitFor();
    await view.page.reload();
    await signInLink().waitFor();
    expect(view.complaints).toEqual([]);
  });
});
