// The token request and its answer, as units that minting will use.

import { describe, expect, it } from 'vitest';
import { Secret } from '../../../src/core/shared/secret.ts';
import {
  pullScope,
  requestToken,
  type TokenResponse,
  type TokenRequest,
  tokenSubject,
} from '../../../src/upstream/login/token.ts';
import { createAgents } from '../../../src/upstream/transport/agents.ts';
import { clientOver } from '../../../src/upstream/transport/client.ts';
import { createEgressPolicy } from '../../../src/upstream/transport/addresses/egress.ts';
import { defaultLimits } from '../../../src/upstream/transport/settings.ts';
import { createTrust } from '../../../src/upstream/transport/trust.ts';
import { authority, credential, jwt, secure } from '../fixtures.ts';
import { sendJson } from '../personalities.ts';

async function ask(url: string, request: Partial<TokenRequest> = {}): Promise<TokenResponse> {
  const agents = createAgents({
    egress: createEgressPolicy({ loopbackAllowed: true, allow: [], deny: [] }),
    secureContext: createTrust(authority.cert),
    limits: defaultLimits,
  });
  const client = clientOver(agents, { userAgent: 'test', unverifiedOrigin: undefined });
  try {
    return await requestToken(client, {
      realm: new URL(url),
      service: undefined,
      scope: undefined,
      credential,
      maxBodyBytes: 128 * 1024,
      signal: AbortSignal.timeout(5_000),
      ...request,
    });
  } finally {
    await agents.close();
  }
}

it.each([
  ['/token', {}, '/token?client_id=regway&account=alice'],
  ['/token', { credential: undefined }, '/token?client_id=regway'],
  [
    '/token?realm=a%20b&x=1',
    { service: 'my service' },
    '/token?realm=a+b&x=1&service=my+service&client_id=regway&account=alice',
  ],
  ['/token?service=old', { service: 'new' }, '/token?service=new&client_id=regway&account=alice'],
  [
    '/token?scope=registry:catalog:*',
    { service: '', scope: pullScope('a/b') },
    '/token?scope=repository%3Aa%2Fb%3Apull&client_id=regway&account=alice',
  ],
  [
    '/token',
    { credential: { username: 'robot$x&y=z', password: new Secret('p') } },
    '/token?client_id=regway&account=robot%24x%26y%3Dz',
  ],
])('a realm of %s with %j is asked as %s', async (path, request, asked) => {
  const server = await secure((_request, response) => sendJson(response, 200, { token: 't' }));
  await ask(server.origin + path, request);
  expect(server.received.map(({ url }) => url)).toEqual([asked]);
});

describe('a token lives', () => {
  it.each([
    [undefined, 60],
    [300, 300],
    [300.9, 300],
    [5, 60],
    [0, 60],
    [0.5, 60],
    [-1, 60],
    ['300', 300],
    ['-300', 60],
    ['soon', 60],
    [1e30, 315_360_000],
    [null, 60],
  ])('with expires_in %j for %i seconds', async (expiresIn, seconds) => {
    const server = await secure((_request, response) =>
      sendJson(response, 200, { access_token: 't', expires_in: expiresIn }),
    );
    expect(await ask(server.origin)).toMatchObject({ granted: true, token: { expiresInSeconds: seconds } });
  });
});

it.each([
  [{ token: 't' }, 't'],
  [{ access_token: 't' }, 't'],
  [{ token: 't', access_token: 't' }, 't'],
  [{ token: '', access_token: 't' }, 't'],
  [{ token: 1, access_token: 't' }, 't'],
])('the token is read from %j, and never shown', async (body, expected) => {
  const server = await secure((_request, response) => sendJson(response, 200, body, { 'content-type': 'text/html' }));
  const answer = await ask(server.origin);
  expect(answer.granted && answer.token.token.reveal()).toBe(expected);
  expect(JSON.stringify(answer)).not.toContain('"t"');
});

it('a compressed answer is refused even when it is readable: identity was asked for', async () => {
  const server = await secure((_request, response) =>
    sendJson(response, 200, { token: 't' }, { 'content-encoding': 'br' }),
  );
  await expect(ask(server.origin)).rejects.toMatchObject({
    outcome: 'TOKEN_ENDPOINT_ERROR',
    facts: { reason: expect.stringContaining('compressed') },
  });
});

it.each([
  [jwt({ sub: 'alice' }), 'alice'],
  [jwt({ sub: '' }), undefined],
  [jwt({ sub: 1 }), undefined],
  [jwt({}), undefined],
  ['opaque', undefined],
  ['a.b.c', undefined],
  [`a.${Buffer.from('null').toString('base64url')}.c`, undefined],
  ['', undefined],
])('%s is about %s', (token, subject) => {
  expect(tokenSubject(new Secret(token))).toBe(subject);
});

it.each([
  ['a time', '2026-01-02T03:04:05Z', Date.UTC(2026, 0, 2, 3, 4, 5)],
  ['one with nanoseconds', '2026-01-02T03:04:05.123456789Z', Date.UTC(2026, 0, 2, 3, 4, 5, 123)],
  ['one with an offset', '2026-01-02T05:04:05+02:00', Date.UTC(2026, 0, 2, 3, 4, 5)],
  ['one in no zone', '2026-01-02T03:04:05', undefined],
  ['a number', 1_700_000_000, undefined],
  ['words', 'yesterday', undefined],
  ['a day', '2026-01-02', undefined],
])('issued_at is read where it is %s', async (_case, issuedAt, expected) => {
  const server = await secure((_request, response) => sendJson(response, 200, { token: 't', issued_at: issuedAt }));
  expect(await ask(server.origin)).toMatchObject({ granted: true, token: { issuedAtMs: expected } });
});

it.each([200, 201, 203])('a token comes with HTTP %i', async (status) => {
  const server = await secure((_request, response) => sendJson(response, status, { token: 't' }));
  expect(await ask(server.origin)).toMatchObject({ granted: true });
});
