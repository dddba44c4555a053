// A real OpenID provider and the whole server: its access tokens on every face, its keys as they change, and people who sign in at it.

import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { serve, type RunningServer } from '../../../src/app/server.ts';
import { ConfigError, readConfig } from '../../../src/app/config.ts';
import { freePort } from '../../e2e/support/free-port.ts';
import { openCookieBrowser, type CookieBrowser, type Visit } from '../../support/cookie-browser.ts';
import { consoleClient, signInAt, startIdentityProvider, type IdentityProvider } from './identity-provider.ts';
import { makeTemporaryDirectory } from '../../support/temporary/directory.ts';

const audience = 'urn:regway:test';
const idTokenSeconds = 1800;
const fromConsole = { 'X-Regway-Console': '1' };

let provider: IdentityProvider;
let second: IdentityProvider;
let stranger: IdentityProvider;
let server: RunningServer;

beforeAll(async () => {
  // The server and both providers run in this process, so the clocks move for all of them: that of the wall, and the one that measures ages.
  vi.useFakeTimers({ toFake: ['Date'] });
  const realNow = performance.now.bind(performance);
  vi.spyOn(performance, 'now').mockImplementation(() => realNow() + passedMs);
  const claims = { tenant: 'admin', groups: ['writers'] };
  provider = await startIdentityProvider({ claims, idTokenSeconds });
  second = await startIdentityProvider({ claims: { team: ['pulling'] } });
  stranger = await startIdentityProvider({ claims: { tenant: 'admin', groups: ['nobody'] } });
  const port = await freePort('127.0.0.1');
  const directory = makeTemporaryDirectory('oidc');
  const clientSecretFile = join(directory, 'client-secret');
  writeFileSync(clientSecretFile, `${consoleClient.secret}\n`);
  const mapped = { audience, account: { claim: 'tenant' }, roles: { claim: 'groups', map: { writers: 'READ_WRITE' } } };
  const client = { clientId: consoleClient.id, clientSecretFile };
  server = await serve(
    readConfig({
      REGWAY_LISTEN: `127.0.0.1:${port}`,
      REGWAY_PUBLIC_URL: `http://127.0.0.1:${port}`,
      REGWAY_DATA_DIR: directory,
      REGWAY_LOG_LEVEL: 'silent',
      REGWAY_OIDC_ISSUERS: JSON.stringify([
        { issuer: provider.url, ...mapped, signIn: { id: 'example', name: 'Example', ...client } },
        {
          issuer: second.url,
          audience,
          account: { value: 'admin' },
          roles: { claim: 'team', map: { pulling: 'PULL' } },
        },
        { issuer: stranger.url, ...mapped, signIn: { id: 'stranger', name: 'Another', ...client } },
      ]),
    }),
  );
  await provider.register(`${server.url}/session/oidc/example/callback`);
  await stranger.register(`${server.url}/session/oidc/stranger/callback`);
});

afterAll(async () => {
  await server?.close();
  await Promise.all([provider, second, stranger].map((one) => one?.close()));
  vi.useRealTimers();
  vi.restoreAllMocks();
});

afterEach(() => provider.setDown(false));

let passedMs = 0;

function later(seconds: number): void {
  vi.setSystemTime(Date.now() + seconds * 1000);
  passedMs += seconds * 1000;
}

async function whoIs(headers: Readonly<Record<string, string>>): Promise<unknown> {
  const body = JSON.stringify({ query: '{ principal { subject account role } }' });
  const answer = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...headers },
  });
  return answer.json();
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const basic = (token: string) => ({ authorization: `Basic ${Buffer.from(`any:${token}`).toString('base64')}` });
const isLoggedIn = async (token: string): Promise<boolean> =>
  JSON.stringify(await whoIs(bearer(token))).includes('"data"');

describe('an access token of the provider', () => {
  it('logs in to GraphQL, as its subject at that issuer', async () => {
    const token = await provider.accessToken(audience);
    expect(await whoIs(bearer(token))).toEqual({
      data: { principal: { subject: `${provider.url}#machine`, account: 'admin', role: 'READ_WRITE' } },
    });
    expect(await whoIs(bearer(await second.accessToken(audience)))).toEqual({
      data: { principal: { subject: `${second.url}#machine`, account: 'admin', role: 'PULL' } },
    });
  });

  it('for another audience does not', async () => {
    expect(await whoIs(bearer(await provider.accessToken('urn:another')))).toMatchObject({
      errors: [{ extensions: { code: 'UNAUTHENTICATED' } }],
    });
  });

  it('of a user without a role gets an error that says so', async () => {
    expect(await whoIs(bearer(await stranger.accessToken(audience)))).toMatchObject({
      errors: [
        { message: expect.stringContaining('grants no account and role'), extensions: { code: 'UNAUTHENTICATED' } },
      ],
    });
  });

  it.each([
    ['REST, as Bearer', '/api/v2/registries', bearer],
    ['REST, as the password of Basic', '/api/v2/registries', basic],
    ['pulls, as Bearer', '/v2/', bearer],
    ['pulls, as the password of Basic', '/v2/', basic],
  ])('logs in to %s', async (_, path, login) => {
    const token = await provider.accessToken(audience);
    expect((await fetch(server.url + path, { headers: login(token) })).status).toBe(200);
    expect((await fetch(server.url + path, { headers: login(`${token.slice(0, -6)}AAAAAA`) })).status).toBe(401);
  });

  it.each<[string, (token: string) => Promise<Response>]>([
    [
      'as Bearer',
      (token) => fetch(`${server.url}/v2/token?scope=repository:ghcr.io/a/b:pull`, { headers: bearer(token) }),
    ],
    ['as the password of Basic', (token) => fetch(`${server.url}/v2/token`, { headers: basic(token) })],
    [
      'as the password of a form',
      (token) =>
        fetch(`${server.url}/v2/token`, {
          method: 'POST',
          body: new URLSearchParams({ grant_type: 'password', username: 'any', password: token }),
        }),
    ],
  ])('gets a grant for pulls %s', async (_, ask) => {
    const answer = await ask(await provider.accessToken(audience));
    const { access_token: grant = '', expires_in: lifetime } = (await answer.json()) as {
      access_token?: string;
      expires_in?: number;
    };
    expect(lifetime).toBe(300);
    expect((await fetch(`${server.url}/v2/`, { headers: bearer(grant) })).status).toBe(200);
  });

  it('opens a session of the console, like an API token', async () => {
    const body = JSON.stringify({ token: await provider.accessToken(audience) });
    const answer = await fetch(`${server.url}/session`, {
      method: 'POST',
      body,
      headers: { ...fromConsole, 'content-type': 'application/json' },
    });
    const [cookie = ''] = answer.headers.getSetCookie();
    expect(await whoIs({ ...fromConsole, cookie: cookie.split(';')[0] ?? '' })).toMatchObject({
      data: { principal: { account: 'admin' } },
    });
  });
});

describe('the keys of the provider', () => {
  it('are followed when it changes them', async () => {
    const before = await provider.accessToken(audience);
    expect(await isLoggedIn(before)).toBe(true);
    await provider.rotate();
    later(31);
    expect(await isLoggedIn(await provider.accessToken(audience))).toBe(true);
    expect(await isLoggedIn(before)).toBe(false);
  });

  it('go on while it is down', async () => {
    const token = await provider.accessToken(audience);
    expect(await isLoggedIn(token)).toBe(true);
    provider.setDown(true);
    later(20 * 60);
    expect(await isLoggedIn(token)).toBe(true);
    expect(await isLoggedIn(await second.accessToken(audience))).toBe(true);
  });
});

describe('a mistake in the issuers', () => {
  const signIn = { id: 'example', name: 'Example', clientId: 'console' };
  it.each([
    [
      'no public address for a sign-in',
      { issuer: 'https://login.example', audience, account: { value: 'admin' }, roles: { claim: 'groups' }, signIn },
      'REGWAY_PUBLIC_URL must be set',
    ],
    ['a word that means nothing', { issuer: 'https://login.example', audiences: 'x' }, 'REGWAY_OIDC_ISSUERS, at 0'],
  ])('prevents startup before anything is created: %s', async (_, issuer, sentence) => {
    const directory = join(makeTemporaryDirectory('oidc'), 'data');
    const config = readConfig({
      REGWAY_LISTEN: '127.0.0.1:0',
      REGWAY_DATA_DIR: directory,
      REGWAY_LOG_LEVEL: 'silent',
      REGWAY_OIDC_ISSUERS: JSON.stringify([issuer]),
    });
    await expect(serve(config)).rejects.toThrow(sentence);
    await expect(serve(config)).rejects.toBeInstanceOf(ConfigError);
    expect(existsSync(directory)).toBe(false);
  });

  it('does not fail if the issuer is down, because startup does not contact it', async () => {
    const issuer = { issuer: 'http://127.0.0.1:1', audience, account: { value: 'admin' }, roles: { claim: 'groups' } };
    const directory = makeTemporaryDirectory('oidc');
    const other = await serve(
      readConfig({
        REGWAY_LISTEN: '127.0.0.1:0',
        REGWAY_DATA_DIR: directory,
        REGWAY_LOG_LEVEL: 'silent',
        REGWAY_OIDC_ISSUERS: JSON.stringify([issuer]),
      }),
    );
    expect((await fetch(`${other.url}/livez`)).status).toBe(200);
    await other.close();
  });
});

describe('signing in at the provider', () => {
  let browser: CookieBrowser;
  const start = () => `${server.url}/session/oidc/example`;

  beforeEach(() => {
    browser = openCookieBrowser();
  });

  /** Up to the address that the provider sends the browser back to. */
  const signIn = (path = start()): Promise<string> => signInAt(browser, path, `${server.url}/session/oidc/`);
  const sessionOf = (host = '127.0.0.1') => browser.cookies.get(host)?.get('regway-session');
  const asConsole = async () => whoIs({ ...fromConsole, cookie: `regway-session=${sessionOf() ?? ''}` });

  it('is offered to the console', async () => {
    const answer = await fetch(`${server.url}/session`, { headers: fromConsole });
    expect(await answer.json()).toEqual({
      principal: null,
      signIn: [
        { name: 'Example', path: '/session/oidc/example' },
        { name: 'Another', path: '/session/oidc/stranger' },
      ],
    });
  });

  it('starts with a code, PKCE, state and nonce, and a cookie that no script reads and that lives for minutes', async () => {
    const visit = await browser.visit(start());
    const address = new URL(visit.location ?? '');
    expect([visit.status, address.origin]).toEqual([303, provider.url]);
    expect(Object.fromEntries(address.searchParams)).toEqual({
      client_id: consoleClient.id,
      response_type: 'code',
      redirect_uri: `${server.url}/session/oidc/example/callback`,
      scope: 'openid',
      state: expect.stringMatching(/^[\w-]{43}$/),
      nonce: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge: expect.stringMatching(/^[\w-]{43}$/),
      code_challenge_method: 'S256',
    });
    expect(visit.setCookies).toEqual([
      expect.stringMatching(/^regway-sign-in=[\w-]+\.[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=600$/),
    ]);
  });

  it('ends in a session of the console, whose cookie holds nothing of the tokens', async () => {
    const visit = await browser.visit(await signIn());
    expect([visit.status, visit.location]).toEqual([303, `${server.url}/`]);
    expect(visit.setCookies).toEqual([
      expect.stringMatching(/^regway-sign-in=; Path=\/; HttpOnly; SameSite=Lax; Max-Age=0$/),
      expect.stringMatching(/^regway-session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/),
    ]);
    expect(await asConsole()).toEqual({
      data: { principal: { subject: `${provider.url}#alice`, account: 'admin', role: 'READ_WRITE' } },
    });
  });

  it('lasts as long as the ID token, or until sign-out', async () => {
    await browser.visit(await signIn());
    expect(idTokenSeconds).toBeLessThan(12 * 60 * 60);
    later(idTokenSeconds - 5);
    expect(await asConsole()).toMatchObject({ data: { principal: { account: 'admin' } } });
    later(6);
    expect(await asConsole()).toMatchObject({ errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] });
    browser = openCookieBrowser();
    await browser.visit(await signIn());
    const id = sessionOf() ?? '';
    await browser.visit(`${server.url}/session`, { method: 'DELETE', headers: fromConsole });
    expect(sessionOf()).toBeUndefined();
    expect(await whoIs({ ...fromConsole, cookie: `regway-session=${id}` })).toMatchObject({
      errors: [{ extensions: { code: 'UNAUTHENTICATED' } }],
    });
  });

  it('of a user without a role opens no session, and says why', async () => {
    const visit = await browser.visit(await signIn(`${server.url}/session/oidc/stranger`));
    expect(visit.location).toBe(`${server.url}/#sign-in=unknown`);
    expect(sessionOf()).toBeUndefined();
  });

  it('that is canceled at the provider opens no session', async () => {
    const { url } = await browser.follow(start(), `${provider.url}/interaction/`);
    const { url: end } = await browser.follow(`${url}/abort`, `${server.url}/session/oidc/`);
    expect((await browser.visit(end)).location).toBe(`${server.url}/#sign-in=cancelled`);
    expect(sessionOf()).toBeUndefined();
  });

  it('while the provider is down says so, and reaches it again later', async () => {
    later(3700);
    await provider.rotate();
    provider.setDown(true);
    later(24 * 3600);
    expect((await browser.visit(start())).location).toBe(`${server.url}/#sign-in=failed`);
    provider.setDown(false);
    later(31);
    expect((await browser.visit(start())).location).toMatch(provider.url);
  });

  it('while its keys are unavailable reports a failure, not a missing account', async () => {
    later(25 * 3600);
    const end = await signIn();
    provider.setDown(true, '/jwks');
    expect((await browser.visit(end)).location).toBe(`${server.url}/#sign-in=failed`);
    expect(sessionOf()).toBeUndefined();
    provider.setDown(false);
    later(31);
    browser = openCookieBrowser();
    expect((await browser.visit(await signIn())).location).toBe(`${server.url}/`);
  });

  /** Each attack changes the address that the provider sends the browser back to, or the browser that comes. */
  const attacks: readonly [name: string, failure: string, come: (end: URL) => Promise<Visit>][] = [
    [
      "with an attacker's code in the victim's browser (login CSRF)",
      'expired',
      (end) => openCookieBrowser().visit(end.href),
    ],
    [
      'that was answered before (replay)',
      'expired',
      async (end) => {
        await browser.visit(end.href);
        await browser.visit(`${server.url}/session`, { method: 'DELETE', headers: fromConsole });
        return browser.visit(end.href);
      },
    ],
    [
      'whose cookie was used before (replay of code and cookie)',
      'failed',
      async (end) => {
        const cookie = attemptCookie();
        await browser.visit(end.href);
        browser = withAttempt(cookie);
        return browser.visit(end.href);
      },
    ],
    [
      "with the victim's own start and an attacker's code (code injection)",
      'failed',
      async (end) => {
        browser = openCookieBrowser();
        const { location } = await browser.visit(start());
        end.searchParams.set('state', new URL(location ?? '').searchParams.get('state') ?? '');
        return browser.visit(end.href);
      },
    ],
    ['with another state', 'failed', (end) => changed(end, (query) => query.set('state', 'A'.repeat(43)))],
    ['without a state', 'failed', (end) => changed(end, (query) => query.delete('state'))],
    ['with two states', 'failed', (end) => changed(end, (query) => query.append('state', 'x'))],
    ['with another code', 'failed', (end) => changed(end, (query) => query.set('code', 'x'.repeat(43)))],
    ['without a code', 'failed', (end) => changed(end, (query) => query.delete('code'))],
    [
      'that names another issuer (mix-up, RFC 9207)',
      'failed',
      (end) => changed(end, (query) => query.set('iss', stranger.url)),
    ],
    [
      "at another issuer's end (mix-up)",
      'expired',
      (end) => {
        end.pathname = '/session/oidc/stranger/callback';
        return browser.visit(end.href);
      },
    ],
    [
      'with an ID token in place of a code',
      'failed',
      (end) =>
        changed(end, (query) => {
          query.delete('code');
          query.set('id_token', 'a.b.c');
        }),
    ],
    [
      'with a forged cookie',
      'expired',
      (end) => {
        browser = withAttempt(`${attemptCookie().split('.')[0]}.${'A'.repeat(43)}`);
        return browser.visit(end.href);
      },
    ],
    [
      'too late',
      'expired',
      (end) => {
        later(10 * 60);
        return browser.visit(end.href);
      },
    ],
  ];

  const attemptCookie = (): string => browser.cookies.get('127.0.0.1')?.get('regway-sign-in') ?? '';
  const withAttempt = (value: string): CookieBrowser => {
    const other = openCookieBrowser();
    other.cookies.set('127.0.0.1', new Map([['regway-sign-in', value]]));
    return other;
  };
  const changed = (end: URL, change: (query: URLSearchParams) => void): Promise<Visit> => {
    change(end.searchParams);
    return browser.visit(end.href);
  };

  it.each(attacks)('%s opens no session: %s', async (_, failure, come) => {
    const visit = await come(new URL(await signIn()));
    expect([visit.status, visit.location]).toEqual([303, `${server.url}/#sign-in=${failure}`]);
    expect(visit.setCookies.filter((line) => line.startsWith('regway-session='))).toEqual([]);
  });

  it('never accepts a session ID from the browser (session fixation)', async () => {
    const end = await signIn();
    browser.cookies.get('127.0.0.1')?.set('regway-session', 'chosen-by-the-attacker');
    await browser.visit(end);
    expect(sessionOf()).toMatch(/^[\w-]{43}$/);
    expect(await whoIs({ ...fromConsole, cookie: 'regway-session=chosen-by-the-attacker' })).toMatchObject({
      errors: [{ extensions: { code: 'UNAUTHENTICATED' } }],
    });
  });

  it.each(['cross-site', 'same-site'])('is not started by a %s page', async (site) => {
    const visit = await browser.visit(start(), { headers: { 'sec-fetch-site': site } });
    expect([visit.status, visit.location, visit.setCookies]).toEqual([403, undefined, []]);
  });

  it.each<[string, string, Record<string, string>]>([
    [
      'a host in the header',
      '/session/oidc/example',
      { 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example' },
    ],
    [
      'an address to return to',
      '/session/oidc/example?return_to=https://evil.example&redirect_uri=https://evil.example&next=//evil.example',
      {},
    ],
  ])('redirects to no other site for %s (open redirect)', async (_, path, headers) => {
    const { location } = await browser.visit(server.url + path, { headers });
    expect(new URL(location ?? '').origin).toBe(provider.url);
    expect(location).not.toContain('evil');
  });

  it.each([
    ['GET', '/session/oidc/', 404],
    ['GET', '/session/oidc/nobody', 404],
    ['GET', '/session/oidc/__proto__', 404],
    ['GET', '/session/oidc/example/other', 404],
    ['GET', '/session/oidc/example/callback/x', 404],
    ['GET', '/session/oidc/example/../../x', 404],
    ['POST', '/session/oidc/example', 405],
    ['POST', '/session/oidc/example/callback', 405],
  ])('is not served as %s %s', async (method, path, status) => {
    const visit = await browser.visit(server.url + path, { method });
    expect([visit.status, visit.location]).toEqual([status, undefined]);
  });
});
