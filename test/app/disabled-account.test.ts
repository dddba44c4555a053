// A disabled account is out at once, on every face and by every way to log in: tokens, JWTs, sessions of the console, grants for pulls, open streams.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { serve } from '../../src/app/server.ts';
import { readConfig } from '../../src/app/config.ts';
import { makeKey, sign, startIssuer } from '../server/auth/oidc/issuer-server.ts';
import { makeTemporaryDirectory } from '../support/temporary/directory.ts';

const audience = 'urn:regway:test';
const fromConsole = { 'x-regway-console': '1' };
const json = { 'content-type': 'application/json', accept: 'application/json' };
const query = '{ registries { totalCount } }';

type Send = (path: string, init?: RequestInit) => Promise<Response>;

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const basic = (token: string) => ({ authorization: `Basic ${Buffer.from(`any:${token}`).toString('base64')}` });
const post = (headers: Record<string, string>, body: object): RequestInit => ({
  method: 'POST',
  headers: { ...json, ...headers },
  body: JSON.stringify(body),
});

/** Each way in with the text of a token or a JWT. */
const faces: readonly (readonly [name: string, enter: (send: Send, text: string) => Promise<Response>])[] = [
  ['GraphQL', (send, text) => send('/graphql', post(bearer(text), { query }))],
  [
    'GraphQL by GET',
    (send, text) => send(`/graphql?query=${encodeURIComponent(query)}`, { headers: { ...json, ...bearer(text) } }),
  ],
  ['a trusted document', (send, text) => send('/graphql', post(bearer(text), { documentId: 'count' }))],
  [
    'a subscription',
    (send, text) =>
      send(
        '/graphql',
        post(
          { ...bearer(text), accept: 'text/event-stream' },
          {
            query:
              'subscription { registryCheck(input: { registry: "not a name", username: "u", password: "p" }) { report { outcome } } }',
          },
        ),
      ),
  ],
  ['REST as Bearer', (send, text) => send('/api/v2/registries', { headers: bearer(text) })],
  ['REST as Basic', (send, text) => send('/api/v2/registries', { headers: basic(text) })],
  ['pulls as Bearer', (send, text) => send('/v2/', { headers: bearer(text) })],
  ['pulls as Basic', (send, text) => send('/v2/', { headers: basic(text) })],
  ['a grant as Bearer', (send, text) => send('/v2/token', { headers: bearer(text) })],
  ['a grant as Basic', (send, text) => send('/v2/token', { headers: basic(text) })],
  [
    'a grant by password',
    (send, text) =>
      send('/v2/token', {
        method: 'POST',
        body: new URLSearchParams({ grant_type: 'password', username: 'any', password: text }),
      }),
  ],
  [
    'a grant by refresh token',
    (send, text) =>
      send('/v2/token', {
        method: 'POST',
        body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: text }),
      }),
  ],
  ['a new session', (send, text) => send('/session', post(fromConsole, { token: text }))],
];

async function startServer(issuer: string): Promise<{ readonly send: Send; readonly adminToken: string }> {
  const directory = makeTemporaryDirectory('disabled');
  const documents = join(directory, 'documents.json');
  writeFileSync(documents, JSON.stringify({ count: query }));
  const config = readConfig({
    REGWAY_LISTEN: '127.0.0.1:0',
    REGWAY_DATA_DIR: join(directory, 'data'),
    REGWAY_LOG_LEVEL: 'silent',
    REGWAY_FAILED_LOGINS_PER_MINUTE: '0',
    REGWAY_TRUSTED_DOCUMENTS: documents,
    REGWAY_OIDC_ISSUERS: JSON.stringify([
      { issuer, audience, account: { claim: 'tenant' }, roles: { claim: 'groups', map: { writers: 'READ_WRITE' } } },
    ]),
  });
  const server = await serve(config);
  onTestFinished(() => server.close());
  return { send: (path, init) => fetch(server.url + path, init), adminToken: server.firstToken?.reveal() ?? '' };
}

it('is rejected immediately', async () => {
  const key = await makeKey('one');
  const issuer = await startIssuer([key]);
  const { send, adminToken } = await startServer(issuer.url);
  const asAdmin = async (document: string): Promise<string> =>
    (await send('/graphql', post(bearer(adminToken), { query: document }))).text();
  await asAdmin('mutation { createAccount(name: "tenant") { errors { code } } }');
  const token =
    /rgw_\w+/.exec(
      await asAdmin('mutation { createToken(input: { role: READ_WRITE, account: "tenant" }) { text } }'),
    )?.[0] ?? '';
  const seconds = Math.floor(Date.now() / 1000);
  const jwt = await sign(key, {
    iss: issuer.url,
    aud: audience,
    sub: 'alice',
    iat: seconds,
    exp: seconds + 600,
    tenant: 'tenant',
    groups: ['writers'],
  });
  const logins = { token, jwt };

  const walk = async (): Promise<Record<string, number>> => {
    const seen: Record<string, number> = {};
    for (const [kind, text] of Object.entries(logins)) {
      for (const [face, enter] of faces) {
        const response = await enter(send, text);
        seen[`${face} with a ${kind}`] = response.status;
        await response.text();
      }
    }
    return seen;
  };
  const everywhere = (status: number) =>
    Object.fromEntries(
      Object.keys(logins).flatMap((kind) => faces.map(([face]) => [`${face} with a ${kind}`, status])),
    );
  // Twice, so that everything that is cached for a principal is cached.
  for (let time = 0; time < 2; time += 1) expect(await walk()).toEqual(everywhere(200));

  const cookieOf = async (text: string) =>
    (await send('/session', post(fromConsole, { token: text }))).headers.getSetCookie()[0]?.split(';')[0] ?? '';
  const grantOf = async (text: string) =>
    ((await (await send('/v2/token', { headers: bearer(text) })).json()) as { token: string }).token;
  const held = await Promise.all(
    Object.values(logins).map(async (text) => ({ cookie: await cookieOf(text), grant: await grantOf(text) })),
  );
  const useHeld = async (): Promise<unknown[]> => {
    const used = held.map(async ({ cookie, grant }) => {
      const graphql = await send('/graphql', post({ ...fromConsole, cookie }, { query }));
      const session = await send('/session', { headers: { ...fromConsole, cookie } });
      const { principal } = (await session.json()) as { principal: unknown };
      return {
        session: (await graphql.text()).includes('totalCount":'),
        told: principal !== null,
        grant: (await send('/v2/', { headers: bearer(grant) })).status,
      };
    });
    return Promise.all(used);
  };
  expect(await useHeld()).toEqual(held.map(() => ({ session: true, told: true, grant: 200 })));

  const watch = { query: 'subscription { registryChanged { registryId } }' };
  const ways = [bearer(token), bearer(jwt), ...held.map(({ cookie }) => ({ ...fromConsole, cookie }))];
  const streams = await Promise.all(
    ways.map((headers) => send('/graphql', post({ ...headers, accept: 'text/event-stream' }, watch))),
  );
  expect(streams.map(({ status }) => status)).toEqual([200, 200, 200, 200]);

  expect(await asAdmin('mutation { disableAccount(name: "tenant") { errors { code } } }')).toBe(
    '{"data":{"disableAccount":{"errors":[]}}}',
  );
  expect(await walk()).toEqual(everywhere(401));
  expect(await useHeld()).toEqual(held.map(() => ({ session: false, told: false, grant: 401 })));
  // The streams would report the next change.
  expect(
    await asAdmin(
      'mutation { createRegistry(input: { registry: "a.example", username: "u", password: "p", account: "tenant" }, validate: false) { errors { code } } }',
    ),
  ).toContain('"errors":[]');
  for (const text of await Promise.all(streams.map((stream) => stream.text()))) {
    expect(text).toContain('"code":"UNAUTHENTICATED"');
    expect(text).not.toContain('reg_');
  }

  await asAdmin('mutation { enableAccount(name: "tenant") { errors { code } } }');
  expect(await walk()).toEqual(everywhere(200));
  // Sessions that met the door are closed; grants are of the login, which is good again.
  expect(await useHeld()).toEqual(held.map(() => ({ session: false, told: false, grant: 200 })));
});
