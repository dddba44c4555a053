// Google's registries: assertions checked by a loopback Google, and keys that must not be taken.

import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createGcr } from '../../../../src/upstream/cloud/google/artifact-registry.ts';
import type { Minting } from '../../../../src/upstream/cloud/provider.ts';
import { failureOf, googleKeyFile, json, login, startCloud, startHttp, verifyAssertion } from '../servers.ts';
import type { Asked, LoopbackCloud, Reply } from '../servers.ts';

const now = new Date('2026-03-01T12:00:00Z');
const host = 'europe-docker.pkg.dev';
const keyText = JSON.stringify(googleKeyFile, null, 2);
const key = login('_json_key', keyText);

interface Options {
  readonly host?: string;
  readonly credential?: ReturnType<typeof login>;
  readonly ambient?: boolean;
  readonly google?: LoopbackCloud;
}

async function mint({ google, credential = key, ambient = false, ...options }: Options = {}): Promise<Minting> {
  const origin = google?.origin ?? 'http://127.0.0.1:1';
  const settings = {
    http: startHttp(),
    ambient,
    now: () => now,
    tokenUrl: new URL('/token', origin),
    metadataOrigin: new URL(origin),
  };
  return createGcr(settings).issueLogin(options.host ?? host, credential, AbortSignal.timeout(20_000));
}

function granted(more: Record<string, unknown> = {}): Reply {
  return json({ access_token: 'ya29.minted', expires_in: 3599, token_type: 'Bearer', ...more });
}

/** Answers as Google does: a token for a good assertion, `invalid_grant` for another. */
function judge({ method, url, headers, body }: Asked): Reply {
  const form = new URLSearchParams(body);
  try {
    if (method !== 'POST' || url !== '/token' || headers['content-type'] !== 'application/x-www-form-urlencoded')
      throw new Error('not a form');
    if (form.get('grant_type') !== 'urn:ietf:params:oauth:grant-type:jwt-bearer') throw new Error('grant type');
    const claims = verifyAssertion(form.get('assertion') ?? '', now.getTime());
    if (
      claims['iss'] !== googleKeyFile.client_email ||
      claims['scope'] !== 'https://www.googleapis.com/auth/cloud-platform'
    )
      throw new Error('claims');
    return granted();
  } catch (error) {
    return json({ error: 'invalid_grant', error_description: (error as Error).message }, 400);
  }
}

describe('the key of a service account', () => {
  it.each([
    ['_json_key', keyText],
    ['_json_key', ` \n${keyText}\n`],
    ['_json_key_base64', Buffer.from(keyText).toString('base64')],
  ])('as %s becomes an access token of one hour', async (username, password) => {
    const google = await startCloud(judge);
    const minted = await mint({ google, credential: login(username, password) });
    expect([minted.username, minted.secret.reveal(), minted.expiresAt.toISOString()]).toEqual([
      'oauth2accesstoken',
      'ya29.minted',
      '2026-03-01T12:59:59.000Z',
    ]);
    expect(google.asked).toHaveLength(1);
  });

  it('is not sent: the request contains an assertion, and neither the private key nor its text', async () => {
    const google = await startCloud(judge);
    await mint({ google });
    const [asked] = google.asked;
    const line = googleKeyFile.private_key.split('\n')[3]!;
    expect(decodeURIComponent(asked!.body)).not.toContain(line);
    expect(JSON.stringify(asked!.headers)).not.toContain(line);
  });

  it('is used at Google even if the key names another token server', async () => {
    const other = await startCloud(() => granted());
    const google = await startCloud(judge);
    const credential = login(
      '_json_key',
      JSON.stringify({ ...googleKeyFile, token_uri: `${other.origin}/token`, auth_uri: other.origin }),
    );
    await mint({ google, credential });
    expect([google.asked.length, other.asked.length]).toEqual([1, 0]);
  });

  it('of another account is rejected by the loopback Google, so that its acceptance is meaningful', async () => {
    const google = await startCloud(judge);
    const stranger = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
      type: 'pkcs8',
      format: 'pem',
    });
    const { message, hint } = await failureOf(
      mint({ google, credential: login('_json_key', JSON.stringify({ ...googleKeyFile, private_key: stranger })) }),
    );
    expect(message).toBe('Google issued no login for the stored key (invalid_grant).');
    expect(hint).toMatch(/deleted.*clock/);
  });
});

describe('an unusable key', () => {
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({ type: 'pkcs8', format: 'pem' });
  const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' });
  const external = {
    type: 'external_account',
    token_url: 'http://169.254.169.254/',
    credential_source: { executable: { command: '/bin/sh -c id' } },
  };
  it.each<[string, string, string]>([
    ['another user name', 'alice', keyText],
    ['a token', 'oauth2accesstoken', 'ya29.token'],
    ['no JSON', '_json_key', 'secret-of-mine'],
    ['a list', '_json_key', '[]'],
    ['null', '_json_key', 'null'],
    ['a path', '_json_key', '@/etc/passwd'],
    ['base64 where JSON is meant', '_json_key', Buffer.from(keyText).toString('base64')],
    ['an external account, which may name a program', '_json_key', JSON.stringify(external)],
    [
      'an impersonation',
      '_json_key',
      JSON.stringify({
        ...googleKeyFile,
        type: 'impersonated_service_account',
        service_account_impersonation_url: 'http://evil.net',
      }),
    ],
    [
      'the login of a person',
      '_json_key',
      JSON.stringify({ type: 'authorized_user', refresh_token: 'secret-of-mine' }),
    ],
    ['a key of another universe', '_json_key', JSON.stringify({ ...googleKeyFile, universe_domain: 'evil.net' })],
    ['no private key', '_json_key', JSON.stringify({ ...googleKeyFile, private_key: 'secret-of-mine' })],
    ['a private key that is too short', '_json_key', JSON.stringify({ ...googleKeyFile, private_key: small })],
    ['a key of another kind', '_json_key', JSON.stringify({ ...googleKeyFile, private_key: curve })],
    ['no address', '_json_key', JSON.stringify({ ...googleKeyFile, client_email: 'nobody' })],
    ['far too much', '_json_key', JSON.stringify({ ...googleKeyFile, padding: 'x'.repeat(40_000) })],
  ])('%s is refused before anything is sent, and not repeated', async (_, username, password) => {
    const google = await startCloud(judge);
    const { everything } = await failureOf(mint({ google, credential: login(username, password) }));
    expect(everything).toContain('Nothing was sent');
    expect(everything).not.toMatch(/secret-of-mine|PRIVATE KEY|169\.254|evil\.net|\/bin\/sh/);
    expect(google.asked).toEqual([]);
  });
});

describe('the identity of the server', () => {
  const ambient = login('gcpauto', 'gcpauto');

  it('is not used while the setting is off', async () => {
    const google = await startCloud(() => granted());
    expect((await failureOf(mint({ google, credential: ambient }))).hint).toContain('REGWAY_GCP_AMBIENT=true');
    expect(google.asked).toEqual([]);
  });

  it('comes from the metadata server', async () => {
    const google = await startCloud(({ headers }) =>
      headers['metadata-flavor'] === 'Google'
        ? { ...granted(), headers: { 'metadata-flavor': 'Google' } }
        : { status: 403 },
    );
    const minted = await mint({ google, credential: ambient, ambient: true });
    expect([minted.username, minted.secret.reveal()]).toEqual(['oauth2accesstoken', 'ya29.minted']);
    expect(google.asked.map(({ method, url }) => `${method} ${url}`)).toEqual([
      'GET /computeMetadata/v1/instance/service-accounts/default/token',
    ]);
  });

  it('is not accepted from a server that does not claim to be Google', async () => {
    const google = await startCloud(() => granted());
    expect((await failureOf(mint({ google, credential: ambient, ambient: true }))).message).toContain('not Google');
  });
});

describe('a hostile response', () => {
  it.each<[string, (asked: Asked) => Reply]>([
    ['that ended already', () => granted({ expires_in: 0 })],
    ['that ended in the past', () => granted({ expires_in: -3600 })],
    ['without an end', () => granted({ expires_in: undefined })],
    ['with an end that is no number', () => granted({ expires_in: '3599' })],
    ['with a line break in the token', () => granted({ access_token: 'ya29.minted\r\nX: y' })],
    ['without a token', () => granted({ access_token: undefined })],
    ['of 10 MB', () => granted({ access_token: 'ya29.minted'.repeat(1_000_000) })],
    ['that redirects', () => ({ status: 302, headers: { location: 'http://127.0.0.1:1/ya29.minted' } })],
    [
      'that redirects and keeps the method',
      () => ({ status: 307, headers: { location: 'http://127.0.0.1:1/ya29.minted' } }),
    ],
    ['that is no JSON', () => ({ body: 'ya29.minted' })],
    [
      'that sends back the assertion as its code',
      ({ body }) => json({ error: new URLSearchParams(body).get('assertion'), error_description: body }, 400),
    ],
    [
      'that sends back a piece of the key as its code',
      () =>
        json(
          {
            error: googleKeyFile.private_key.split('\n')[2]!.slice(0, 40),
            error_description: googleKeyFile.private_key,
          },
          400,
        ),
    ],
  ])('%s mints nothing and leaks nothing', async (_, reply) => {
    const google = await startCloud(reply);
    const { everything } = await failureOf(mint({ google }));
    expect(everything).not.toContain('ya29.minted');
    for (const { body } of google.asked)
      expect(everything).not.toContain(new URLSearchParams(body).get('assertion')!.slice(0, 20));
    for (const line of googleKeyFile.private_key.split('\n').slice(1, -2))
      expect(everything).not.toContain(line.slice(0, 16));
  });

  it('that expires in a hundred years is used for one hour', async () => {
    const google = await startCloud(() => granted({ expires_in: 3_153_600_000 }));
    expect((await mint({ google })).expiresAt.toISOString()).toBe('2026-03-01T13:00:00.000Z');
  });

  it('of a failing server can be tried again', async () => {
    const google = await startCloud(() => ({ status: 503, body: 'no' }));
    expect(await failureOf(mint({ google }))).toMatchObject({
      message: 'Google issued no login for the stored key (HTTP 503).',
      retryable: true,
    });
  });
});

describe('a host', () => {
  it.each(['gcr.io', 'us.gcr.io', 'eu.gcr.io', 'asia.gcr.io', 'europe-docker.pkg.dev', 'us-central1-docker.pkg.dev'])(
    '%s is one of Google',
    async (registryHost) => {
      const google = await startCloud(judge);
      expect((await mint({ google, host: registryHost })).username).toBe('oauth2accesstoken');
    },
  );

  it.each([
    'gcr.io.evil.net',
    'evil-gcr.io',
    'x.gcr.io',
    'gcr.io:8443',
    'a.b-docker.pkg.dev',
    'docker.pkg.dev',
    '-docker.pkg.dev',
    'europe-docker.pkg.dev.evil.net',
    'evildocker.pkg.dev',
    'europe-docker.pkg.dev\n',
  ])('such as %j is not one of Google, and nothing is minted for it', async (registryHost) => {
    const google = await startCloud(judge);
    expect((await failureOf(mint({ google, host: registryHost }))).message).toContain('not a registry of Google');
    expect(google.asked).toEqual([]);
  });
});
