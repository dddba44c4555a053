// Azure's registries: the login server, the metadata server and the registry's exchange, each checking the forms that it gets.

import { describe, expect, it } from 'vitest';
import { createAcr } from '../../../../src/upstream/cloud/azure/acr.ts';
import type { HttpsClient, HttpsRequest } from '../../../../src/upstream/transport/https-client.ts';
import type { Minting } from '../../../../src/upstream/cloud/provider.ts';
import { failureOf, json, jwt, login, startCloud, startHttp } from '../servers.ts';
import type { Asked, LoopbackCloud, Reply } from '../servers.ts';

const now = new Date('2026-03-01T12:00:00Z');
const nowSeconds = now.getTime() / 1000;
const host = 'example.azurecr.io';
const tenant = '11111111-2222-3333-4444-555555555555';
const app = 'aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee';
const secret = 'Client~Secret-7fQ2Zk9+pX4v&x=1';
const principal = login(`${tenant}/${app}`, secret);
const managed = login('azureauto', 'azureauto');
const entraToken = jwt({ tid: tenant, aud: 'https://containerregistry.azure.net' });

function refreshToken(claims: Record<string, unknown> = {}): string {
  return jwt({ iss: 'minted', exp: nowSeconds + 3 * 3600, ...claims });
}

interface Answers {
  readonly entra?: (asked: Asked) => Reply;
  readonly metadata?: (asked: Asked) => Reply;
  readonly exchange?: (asked: Asked) => Reply;
}

/** A cloud that answers as Azure does. */
function startAzure(answers: Answers = {}): Promise<LoopbackCloud> {
  return startCloud((asked) => {
    if (asked.url === '/oauth2/exchange') return (answers.exchange ?? exchange)(asked);
    return asked.url.startsWith('/metadata/') ? (answers.metadata ?? metadata)(asked) : (answers.entra ?? entra)(asked);
  });
}

function entra({ method, url, body }: Asked): Reply {
  const expected = {
    grant_type: 'client_credentials',
    client_id: app,
    client_secret: secret,
    scope: 'https://containerregistry.azure.net/.default',
  };
  if (method !== 'POST' || url !== `/${tenant}/oauth2/v2.0/token` || !isForm(body, expected))
    return json({ error: 'invalid_request' }, 400);
  return json({ token_type: 'Bearer', expires_in: 3599, access_token: entraToken });
}

function metadata({ method, url, headers }: Asked): Reply {
  const { searchParams, pathname } = new URL(url, 'http://unused');
  const right =
    method === 'GET' &&
    pathname === '/metadata/identity/oauth2/token' &&
    headers['metadata'] === 'true' &&
    searchParams.get('api-version') === '2018-02-01';
  if (!right || searchParams.get('resource') !== 'https://containerregistry.azure.net')
    return json({ error: 'invalid_request' }, 400);
  return json({ access_token: entraToken, expires_in: '3599' });
}

function exchange({ method, body }: Asked): Reply {
  const expected = { grant_type: 'access_token', service: host, tenant, access_token: entraToken };
  return method === 'POST' && isForm(body, expected)
    ? json({ refresh_token: refreshToken() })
    : json({ errors: [{ code: 'UNAUTHORIZED' }] }, 401);
}

function isForm(body: string, expected: Record<string, string>): boolean {
  const form = new URLSearchParams(body);
  const entries = Object.entries(expected);
  return form.size === entries.length && entries.every(([name, value]) => form.get(name) === value);
}

interface Options {
  readonly host?: string;
  readonly credential?: ReturnType<typeof login>;
  readonly ambient?: boolean;
  readonly azure?: LoopbackCloud;
  readonly http?: HttpsClient;
}

async function mint({
  azure,
  credential = principal,
  ambient = false,
  http = startHttp(),
  ...options
}: Options = {}): Promise<Minting> {
  const origin = azure && new URL(azure.origin);
  const settings = {
    http,
    ambient,
    now: () => now,
    authority: origin,
    metadataOrigin: origin,
    registryOrigin: origin && (() => origin),
  };
  return createAcr(settings).issueLogin(options.host ?? host, credential, AbortSignal.timeout(20_000));
}

describe('a service principal', () => {
  it('with its tenant becomes a refresh token of the registry', async () => {
    const azure = await startAzure();
    const minted = await mint({ azure });
    expect([minted.username, minted.secret.reveal(), minted.expiresAt.toISOString()]).toEqual([
      '00000000-0000-0000-0000-000000000000',
      refreshToken(),
      '2026-03-01T15:00:00.000Z',
    ]);
    expect(azure.asked.map(({ method, url }) => `${method} ${url}`)).toEqual([
      `POST /${tenant}/oauth2/v2.0/token`,
      'POST /oauth2/exchange',
    ]);
  });

  it('does not send its secret to the registry', async () => {
    const azure = await startAzure();
    await mint({ azure });
    expect(decodeURIComponent(azure.asked[1]!.body)).not.toContain(secret);
    expect(azure.asked[1]!.body).not.toContain('client_secret');
  });

  it('without a tenant is sent unchanged to the registry, which accepts it', async () => {
    const azure = await startAzure();
    const minted = await mint({ azure, credential: login(app, secret) });
    expect([minted.username, minted.secret.reveal(), azure.asked.length]).toEqual([app, secret, 0]);
  });

  it.each([
    ['example.azurecr.io', 'https://login.microsoftonline.com', 'https://containerregistry.azure.net'],
    ['example-a1b2c3.azurecr.io', 'https://login.microsoftonline.com', 'https://containerregistry.azure.net'],
    ['example.azurecr.us', 'https://login.microsoftonline.us', 'https://management.usgovcloudapi.net'],
    ['example.azurecr.cn', 'https://login.partner.microsoftonline.cn', 'https://management.chinacloudapi.cn'],
  ])(
    'for %s is sent to %s and requests %s, and its token is sent only to the registry',
    async (registryHost, authority, audience) => {
      const sent: HttpsRequest[] = [];
      const send = async (request: HttpsRequest) => {
        sent.push(request);
        const answer =
          request.url.pathname === '/oauth2/exchange'
            ? { refresh_token: refreshToken() }
            : { access_token: entraToken };
        return { status: 200, headers: {}, body: Buffer.from(JSON.stringify(answer)) };
      };
      await mint({ host: registryHost, http: { send, close: async () => undefined } });
      expect(sent.map(({ url }) => url.href)).toEqual([
        `${authority}/${tenant}/oauth2/v2.0/token`,
        `https://${registryHost}/oauth2/exchange`,
      ]);
      expect(new URLSearchParams(String(sent[0]!.body)).get('scope')).toBe(`${audience}/.default`);
    },
  );
});

describe('the managed identity of the server', () => {
  it('is not used while the setting is off', async () => {
    const azure = await startAzure();
    expect((await failureOf(mint({ azure, credential: managed }))).hint).toContain('REGWAY_AZURE_AMBIENT=true');
    expect(azure.asked).toEqual([]);
  });

  it.each([
    ['azureauto', null],
    [app, app],
  ])('with the password %s is asked for client id %s', async (password, clientId) => {
    const azure = await startAzure();
    const minted = await mint({ azure, credential: login('azureauto', password), ambient: true });
    expect(minted.secret.reveal()).toBe(refreshToken());
    expect(new URL(azure.asked[0]!.url, azure.origin).searchParams.get('client_id')).toBe(clientId);
  });
});

describe('an unusable identity', () => {
  it.each([
    ['example', 'admin-password'],
    ['alice', 'password'],
    [`${tenant}/`, 'password'],
    [`/${app}`, 'password'],
    [`${tenant}/${app}/x`, 'password'],
    [`../${app}`, 'password'],
    [`evil.net?x=/${app}`, 'password'],
    [`tenant/${app}`, 'password'],
    ['azureauto', 'secret-of-mine'],
  ])('%s is refused before anything is sent', async (username, password) => {
    const azure = await startAzure();
    const { everything } = await failureOf(mint({ azure, credential: login(username, password), ambient: true }));
    expect(everything).toContain('Nothing was sent');
    expect(everything).not.toContain('secret-of-mine');
    expect(azure.asked).toEqual([]);
  });
});

describe('a rejection', () => {
  it.each([
    [7000215, /stored secret is wrong/],
    [7000222, /has expired/],
    [700016, /app ID and tenant/],
    [90002, /no such tenant/],
    [700024, /clock/],
    [123456, /documentation/],
  ])('of Entra with AADSTS%i says that code and what to do', async (number, hint) => {
    const azure = await startAzure({
      entra: ({ body }) =>
        json(
          { error: 'invalid_client', error_description: `AADSTS${number}: you sent ${body}`, error_codes: [number] },
          401,
        ),
    });
    const failure = await failureOf(mint({ azure }));
    expect(failure.message).toBe(`Microsoft Entra issued no login for the stored identity (AADSTS${number}).`);
    expect(failure.hint).toMatch(hint);
    expect(azure.asked).toHaveLength(1);
  });

  it('of the registry names its role', async () => {
    const azure = await startAzure({
      exchange: () => json({ errors: [{ code: 'UNAUTHORIZED', message: 'no' }] }, 401),
    });
    expect(await failureOf(mint({ azure }))).toMatchObject({
      message: 'The registry issued no login for the stored identity (UNAUTHORIZED).',
      hint: expect.stringContaining('AcrPull'),
    });
  });
});

describe('a hostile response', () => {
  it.each<[string, Answers]>([
    ['of Entra that redirects', { entra: () => ({ status: 307, headers: { location: 'http://127.0.0.1:1/' } }) }],
    ['of Entra of 10 MB', { entra: () => json({ access_token: 'x'.repeat(10_000_000) }) }],
    ['of Entra without a token', { entra: () => json({}) }],
    [
      'of Entra that sends back the secret as its code',
      { entra: () => json({ error: secret, error_description: secret }, 401) },
    ],
    [
      'of the registry that redirects',
      { exchange: () => ({ status: 307, headers: { location: 'http://127.0.0.1:1/' } }) },
    ],
    [
      'of the registry of 10 MB',
      { exchange: () => json({ refresh_token: jwt({ exp: nowSeconds + 3600, padding: 'x'.repeat(10_000_000) }) }) },
    ],
    [
      'of the registry that ended in the past',
      { exchange: () => json({ refresh_token: refreshToken({ exp: nowSeconds - 1 }) }) },
    ],
    ['of the registry without an end', { exchange: () => json({ refresh_token: refreshToken({ exp: undefined }) }) }],
    ['of the registry that is no token', { exchange: () => json({ refresh_token: ['minted'] }) }],
    [
      'of the registry that sends back the token as its code',
      { exchange: ({ body }) => json({ errors: [{ code: new URLSearchParams(body).get('access_token') }] }, 401) },
    ],
  ])('%s mints nothing and leaks nothing', async (_, answers) => {
    const azure = await startAzure(answers);
    const { everything } = await failureOf(mint({ azure }));
    expect(everything).not.toContain(secret);
    expect(everything).not.toContain(entraToken.slice(0, 30));
    expect(everything).not.toContain(entraToken.split('.')[1]!.slice(0, 30));
  });

  it('that expires in a hundred years is used for three hours', async () => {
    const azure = await startAzure({ exchange: () => json({ refresh_token: refreshToken({ exp: nowSeconds * 2 }) }) });
    expect((await mint({ azure })).expiresAt.toISOString()).toBe('2026-03-01T15:00:00.000Z');
  });
});

describe('a host that only looks like Azure', () => {
  it.each([
    'evil-azurecr.io',
    'azurecr.io',
    'x.azurecr.io.evil.net',
    'example.azurecr.io:8443',
    'a.b.azurecr.io',
    'evil.example.azurecr.io',
    'evil_example.azurecr.io',
    'exam.azurecr.io',
    'example.azurecr.de',
    'example.azurecr.com',
    'example.azurecr.io\n',
    'example-.azurecr.io',
  ])('such as %j gets no token, for any identity', async (registryHost) => {
    const azure = await startAzure();
    for (const credential of [principal, managed, login(app, secret)]) {
      expect((await failureOf(mint({ azure, credential, ambient: true, host: registryHost }))).message).toContain(
        'not a registry of Azure',
      );
    }
    expect(azure.asked).toEqual([]);
  });
});
