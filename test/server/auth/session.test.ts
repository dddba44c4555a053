// The laws of the console's sessions: what a cookie is worth, to whom, and for how long.

import { createServer, IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAuthenticator, createTokenResolver } from '../../../src/server/auth/authenticator.ts';
import { createSessionCookie } from '../../../src/server/auth/session-cookie.ts';
import { createSessions, type Sessions } from '../../../src/server/auth/session.ts';
import { issueToken } from '../../../src/server/auth/token-issuer.ts';
import { type MemoryAccessStore, memoryAccessStore } from './memory-access-store.ts';

let time: Date;
let access: MemoryAccessStore;
let sessions: Sessions;
let server: Server;
let url: string;
let token: string;

const hourMs = 60 * 60 * 1000;

const now = (): Date => time;
const nobody = new IncomingMessage(new Socket());
const fromConsole = { 'X-Regway-Console': '1' };

beforeEach(async () => {
  time = new Date('2026-11-24T08:00:00Z');
  access = memoryAccessStore();
  sessions = newSessions();
  token = await newToken();
  await serve({ isSecure: false });
});

afterEach(() => server.close());

function newSessions(): Sessions {
  return createSessions({
    authenticate: createAuthenticator({ access, now }),
    resolveLogin: createTokenResolver({ access, now }),
    now,
  });
}

async function newToken(expiresAt: Date | null = null): Promise<string> {
  const { text } = await issueToken({
    access,
    now,
    actor: 'test',
    requestId: 'test',
    account: 'anchore',
    role: 'READ_WRITE',
    name: '',
    images: null,
    expiresAt,
  });
  return text.reveal();
}

/** Serves `/session`; every other path responds with the principal of the cookie. */
async function serve({ isSecure, publicOrigin }: { isSecure: boolean; publicOrigin?: string }): Promise<void> {
  server?.close();
  const cookie = createSessionCookie({ sessions, isSecure, publicOrigin, signInMethods: [], now });
  server = createServer((request: IncomingMessage, response) => {
    if (request.url === '/session') return void cookie.handle(request, response, { requestId: 'request-1' });
    void cookie.authenticate(request).then((principal) => response.end(JSON.stringify(principal ?? null)));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function session(method: string, headers: Record<string, string> = {}, body?: string): Promise<Response> {
  return fetch(`${url}/session`, { method, headers, ...(body === undefined ? {} : { body }) });
}

/** Signs in as the console does. Gives the cookie as a browser sends it. */
async function signIn(text = token): Promise<string> {
  const answer = await session(
    'POST',
    { ...fromConsole, 'Content-Type': 'application/json' },
    JSON.stringify({ token: text }),
  );
  return answer.headers.get('set-cookie')?.split(';')[0] ?? '';
}

async function whoIs(headers: Record<string, string>): Promise<unknown> {
  return (await fetch(`${url}/graphql`, { method: 'POST', headers })).json();
}

describe('signing in', () => {
  it('sets a cookie that no script can read and no other site can send, and never returns the token', async () => {
    const answer = await session(
      'POST',
      { ...fromConsole, 'Content-Type': 'application/json' },
      JSON.stringify({ token }),
    );
    const header = answer.headers.get('set-cookie') ?? '';
    expect(header).toMatch(/^regway-session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
    const text = await answer.text();
    expect(JSON.parse(text)).toEqual({
      principal: { subject: expect.stringMatching(/^token:/), account: 'anchore', role: 'READ_WRITE', expiresAt: null },
    });
    expect(header + text).not.toContain(token);
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  it('under https sets a cookie that is sent only over https and that no neighboring host can set', async () => {
    await serve({ isSecure: true });
    expect(await signIn()).toMatch(/^__Host-regway-session=/);
    const answer = await session(
      'POST',
      { ...fromConsole, 'Content-Type': 'application/json' },
      JSON.stringify({ token }),
    );
    expect(answer.headers.get('set-cookie')).toContain('; Secure');
  });

  it.each([
    ['no token', JSON.stringify({})],
    ['a number', JSON.stringify({ token: 7 })],
    ['a made-up token', JSON.stringify({ token: 'rgw_nonsense' })],
    ['null', 'null'],
    ['no JSON', 'token=x'],
    ['nothing', ''],
    ['2 KiB', JSON.stringify({ token: 'x'.repeat(2048) })],
  ])('with %s is refused, in words, with the request id, and without a cookie', async (_, body) => {
    const answer = await session('POST', { ...fromConsole, 'Content-Type': 'application/json' }, body);
    expect([answer.status, answer.headers.get('set-cookie')]).toEqual([401, null]);
    expect(await answer.json()).toEqual({
      message: expect.stringContaining('not a valid API token'),
      requestId: 'request-1',
    });
  });

  it('ends the session that the browser had before', async () => {
    const first = await signIn();
    await session(
      'POST',
      { ...fromConsole, 'Content-Type': 'application/json', Cookie: first },
      JSON.stringify({ token }),
    );
    expect(await whoIs({ ...fromConsole, Cookie: first })).toBeNull();
  });

  it('never accepts an ID from the browser (session fixation)', async () => {
    const planted = 'regway-session=chosen-by-the-attacker';
    const answer = await session(
      'POST',
      { ...fromConsole, 'Content-Type': 'application/json', Cookie: planted },
      JSON.stringify({ token }),
    );
    expect(answer.headers.get('set-cookie')).not.toContain('chosen-by-the-attacker');
    expect(await whoIs({ ...fromConsole, Cookie: planted })).toBeNull();
  });
});

describe('a cookie', () => {
  it('represents the principal of the token that it was opened with', async () => {
    expect(await whoIs({ ...fromConsole, Cookie: await signIn() })).toMatchObject({
      account: 'anchore',
      role: 'READ_WRITE',
    });
  });

  it.each([
    ['a form of another site: without the header of Regway', {}],
    ['another value of the header', { 'X-Regway-Console': 'true' }],
    ['a page of another origin', { ...fromConsole, Origin: 'https://evil.example' }],
    ['a sandboxed frame', { ...fromConsole, Origin: 'null' }],
    ['the same host on another port', { ...fromConsole, Origin: 'http://127.0.0.1:1' }],
    ['another site, as the browser says', { ...fromConsole, 'Sec-Fetch-Site': 'cross-site' }],
    ['a neighboring subdomain, as the browser says', { ...fromConsole, 'Sec-Fetch-Site': 'same-site' }],
    ['an address typed by hand', { ...fromConsole, 'Sec-Fetch-Site': 'none' }],
  ])('is worth nothing in a request of %s (CSRF)', async (_, headers: Record<string, string>) => {
    const cookie = await signIn();
    expect(await whoIs({ ...headers, Cookie: cookie })).toBeNull();
    for (const method of ['GET', 'DELETE'])
      expect((await session(method, { ...headers, Cookie: cookie })).status).toBe(403);
    const login = await session('POST', { ...headers, 'Content-Type': 'application/json' }, JSON.stringify({ token }));
    expect([login.status, login.headers.get('set-cookie')]).toEqual([403, null]);
    // It was not ended either.
    expect(await whoIs({ ...fromConsole, Cookie: cookie })).not.toBeNull();
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data'])(
    'is not opened for a body of the type %s, which forms can send',
    async (type) => {
      expect((await session('POST', { ...fromConsole, 'Content-Type': type }, JSON.stringify({ token }))).status).toBe(
        401,
      );
    },
  );

  it('counts under the public address too, where a proxy changes the Host header', async () => {
    await serve({ isSecure: false, publicOrigin: 'https://regway.example.com' });
    expect(
      await whoIs({
        ...fromConsole,
        Cookie: await signIn(),
        Origin: 'https://regway.example.com',
        'Sec-Fetch-Site': 'same-origin',
      }),
    ).not.toBeNull();
  });

  it.each([
    ['none', () => ''],
    ['an empty one', () => 'regway-session='],
    ['a made-up one', () => 'regway-session=AAAA'],
    ['two of the name', (cookie: string) => `${cookie}; regway-session=planted`],
    ['the right value under another name', (cookie: string) => cookie.replace('regway', 'other')],
    ['the token itself', () => `regway-session=${token}`],
  ])('represents no principal: %s', async (_, change) => {
    expect(await whoIs({ ...fromConsole, Cookie: change(await signIn()) })).toBeNull();
  });
});

describe('a session ends', () => {
  it('at the next request after its token was revoked', async () => {
    const cookie = await signIn();
    for (const [id, stored] of access.tokens) access.tokens.set(id, { ...stored, revokedAt: time });
    expect(await whoIs({ ...fromConsole, Cookie: cookie })).toBeNull();
    for (const [id, stored] of access.tokens) access.tokens.set(id, { ...stored, revokedAt: null });
    expect(await whoIs({ ...fromConsole, Cookie: cookie })).toBeNull();
  });

  it('when its token expires', async () => {
    const cookie = await signIn(await newToken(new Date(time.getTime() + 60_000)));
    expect(await whoIs({ ...fromConsole, Cookie: cookie })).not.toBeNull();
    time = new Date(time.getTime() + 60_001);
    expect(await whoIs({ ...fromConsole, Cookie: cookie })).toBeNull();
  });

  it('after 2 hours without a request', async () => {
    const cookie = await signIn();
    time = new Date(time.getTime() + 2 * hourMs - 1);
    expect(await whoIs({ ...fromConsole, Cookie: cookie })).not.toBeNull();
    time = new Date(time.getTime() + 2 * hourMs);
    expect(await whoIs({ ...fromConsole, Cookie: cookie })).toBeNull();
  });

  it('after 12 hours, in use or not', async () => {
    const cookie = await signIn();
    const start = time.getTime();
    for (const hours of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]) {
      time = new Date(start + hours * hourMs);
      expect(await whoIs({ ...fromConsole, Cookie: cookie })).not.toBeNull();
    }
    time = new Date(start + 12 * hourMs - 1);
    expect(await whoIs({ ...fromConsole, Cookie: cookie })).not.toBeNull();
    time = new Date(start + 12 * hourMs);
    expect(await whoIs({ ...fromConsole, Cookie: cookie })).toBeNull();
  });

  it('when the clock of the machine is set back by more than its idle hours, instead of living on for as long again', async () => {
    const cookie = await signIn();
    time = new Date(time.getTime() - 24 * hourMs);
    expect(await whoIs({ ...fromConsole, Cookie: cookie })).toBeNull();
  });

  it('on sign-out, and the cookie is deleted', async () => {
    const cookie = await signIn();
    const answer = await session('DELETE', { ...fromConsole, Cookie: cookie });
    expect([answer.status, answer.headers.get('set-cookie')]).toEqual([200, expect.stringContaining('Max-Age=0')]);
    expect(await whoIs({ ...fromConsole, Cookie: cookie })).toBeNull();
  });

  it('when there are more than 10,000: the one that was idle longest goes', async () => {
    const [first, second] = [await sessions.open(token, nobody), await sessions.open(token, nobody)];
    await sessions.principalOf(first.id);
    for (let login = 0; login < 500; login++) {
      const other = await newToken();
      for (let count = 0; count < (login === 0 ? 18 : 20); count++) await sessions.open(other, nobody);
    }
    const third = await sessions.open(await newToken(), nobody);
    const [kept, closed] = [await sessions.principalOf(first.id), await sessions.principalOf(second.id)];
    expect([kept, closed, await sessions.principalOf(third.id)]).toEqual([
      expect.anything(),
      undefined,
      expect.anything(),
    ]);
  });

  it('when its login has more than 20: the oldest of that login goes, and no session of another', async () => {
    const other = await sessions.open(await newToken(), nobody);
    const mine: { readonly id: string }[] = [];
    for (let count = 0; count < 20; count++) mine.push(await sessions.open(token, nobody));
    const alive = async () => Promise.all(mine.map(async ({ id }) => (await sessions.principalOf(id)) !== undefined));
    expect(await alive()).toEqual(mine.map(() => true));
    for (let count = 0; count < 1_000; count++) mine.push(await sessions.open(token, nobody));
    expect(await alive()).toEqual(mine.map((_, index) => index >= 1_000));
    expect(await sessions.principalOf(other.id)).toBeDefined();
  });

  it('of whoever signs out makes room for another of the same login', async () => {
    const mine: { readonly id: string }[] = [];
    for (let count = 0; count < 20; count++) mine.push(await sessions.open(token, nobody));
    sessions.close(mine[7]?.id ?? '');
    const next = await sessions.open(token, nobody);
    expect(await sessions.principalOf(mine[0]?.id ?? '')).toBeDefined();
    expect(await sessions.principalOf(next.id)).toBeDefined();
  });
});

it('the response without a session is no error', async () => {
  const answer = await session('GET', fromConsole);
  expect([answer.status, await answer.json()]).toEqual([200, { principal: null, signIn: [] }]);
});

it.each(['PUT', 'PATCH', 'HEAD'])('%s is no way to a session', async (method) => {
  const answer = await session(method, fromConsole);
  expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, POST, DELETE']);
});
