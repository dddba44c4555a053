// Logging in to the pull endpoint: its challenge, its token endpoint in every form that clients use, and what a grant is good for.

import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Role } from '../../../src/core/authz/principal.ts';
import { revokeToken } from '../../../src/server/auth/token-issuer.ts';
import { createGrants } from '../../../src/server/oci/grant.ts';
import { callerOf } from '../../support/domain.ts';
import { createOriginOf } from '../../../src/server/http/proxies/origin.ts';
import { inPath, openPullEndpoint, type PullAnswer, type PullEndpoint } from './harness.ts';
import { layerDigest, startRegistry } from './registry.ts';

interface Granted {
  readonly token: string;
  readonly access_token: string;
  readonly expires_in: number;
  readonly issued_at: string;
}

function basic(password: string, user = 'anyone'): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` };
}

function grantOf(answer: PullAnswer): Granted {
  expect(answer.status).toBe(200);
  return JSON.parse(answer.body.toString()) as Granted;
}

async function grantFor(endpoint: PullEndpoint, scope: string, password: string, service = 'regway'): Promise<string> {
  const query = new URLSearchParams({ service, scope });
  return grantOf(await endpoint.get(`/v2/token?${query}`, basic(password))).token;
}

function post(
  endpoint: PullEndpoint,
  form: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<PullAnswer> {
  return endpoint.get(
    '/v2/token',
    { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    'POST',
    new URLSearchParams(form).toString(),
  );
}

/** A form with a wrong password that is so many bytes long. */
function formOf(bytes: number): Record<string, string> {
  return { grant_type: 'password', password: 'x'.repeat(bytes - 'grant_type=password&password='.length) };
}

describe('/v2/', () => {
  it('responds with 401 and its own realm to an unauthenticated caller, also where anonymous pulls are allowed', async () => {
    const endpoint = await openPullEndpoint();
    const answer = await endpoint.get('/v2/', {});
    expect(answer).toMatchObject({
      status: 401,
      code: 'UNAUTHORIZED',
      headers: { 'www-authenticate': `Bearer realm="http://127.0.0.1:${endpoint.port}/v2/token",service="regway"` },
    });
  });

  it.each(['/v2/', '/v2'])('answers 200 at %s to an API token as Bearer, as Basic, and to a grant', async (path) => {
    const endpoint = await openPullEndpoint();
    const token = await endpoint.token('PULL');
    for (const headers of [
      { authorization: `Bearer ${token}` },
      basic(token),
      basic(token, ''),
      { authorization: `bearer ${await grantFor(endpoint, '', token)}` },
    ]) {
      expect(await endpoint.get(path, headers)).toMatchObject({
        status: 200,
        headers: { 'docker-distribution-api-version': 'registry/2.0' },
      });
    }
  });

  it.each([
    ['an empty Basic, as podman sends to mirrors', { authorization: 'Basic Og==' }],
    ['a wrong password', basic('wrong')],
    ['an unknown token', { authorization: `Bearer rgw_000000000000_${'0'.repeat(49)}` }],
    ['a made-up grant', { authorization: 'Bearer rgg_e30.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' }],
    ['an upstream credential', basic('hunter2', 'alice')],
    ['another scheme', { authorization: 'Negotiate abc' }],
  ])('answers 401 to %s', async (_case, headers) => {
    const endpoint = await openPullEndpoint();
    expect(await endpoint.get('/v2/', headers)).toMatchObject({ status: 401, code: 'UNAUTHORIZED' });
  });

  it('names the address of REGWAY_PUBLIC_URL, for any Host of a client', async () => {
    const endpoint = await openPullEndpoint({ settings: { originOf: () => ({ origin: 'https://regway.example' }) } });
    expect((await endpoint.get('/v2/', { host: 'evil.example' })).headers['www-authenticate']).toContain(
      'realm="https://regway.example/v2/token"',
    );
  });

  it.each(['evil.example",service="x', 'evil.example/path', 'user@evil.example', 'evil.example#', '<script>'])(
    'rejects an invalid Host header: %s',
    async (host) => {
      const endpoint = await openPullEndpoint();
      const answer = await endpoint.get('/v2/', { host });
      expect(answer.status).toBe(400);
      expect(answer.headers).not.toHaveProperty('www-authenticate');
    },
  );

  it('accepts no other method, and says so before authentication', async () => {
    const endpoint = await openPullEndpoint();
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      expect(await endpoint.get('/v2/ghcr.io/a/b/manifests/latest', {}, method)).toMatchObject({
        status: 405,
        code: 'UNSUPPORTED',
        headers: { allow: 'GET, HEAD' },
      });
    }
  });
});

describe('the challenge of a pull', () => {
  it.each([
    ['ghcr.io/team/app/manifests/latest', 'service="regway",scope="repository:ghcr.io/team/app:pull"'],
    ['team/app/manifests/latest?ns=ghcr.io', 'service="regway/ghcr.io",scope="repository:team/app:pull"'],
    [
      `127.0.0.1_5000/team/app/blobs/${layerDigest}`,
      'service="regway",scope="repository:127.0.0.1_5000/team/app:pull"',
    ],
  ])('%s: %s', async (path, expected) => {
    const endpoint = await openPullEndpoint();
    expect((await endpoint.get(`/v2/${path}`, {})).headers['www-authenticate']).toContain(expected);
  });
});

describe('the token endpoint', () => {
  it('returns both names of a token, its lifetime, and its start', async () => {
    const endpoint = await openPullEndpoint();
    const granted = grantOf(
      await endpoint.get(
        '/v2/token?service=regway&scope=repository:ghcr.io/a/b:pull&account=x&client_id=docker&offline_token=true',
        basic(await endpoint.token('PULL')),
      ),
    );
    expect(granted.token).toBe(granted.access_token);
    expect(granted.expires_in).toBe(300);
    expect(granted.issued_at).toBe(endpoint.domain.time.toISOString());
  });

  it('accepts the password grant and the refresh-token grant, with any username', async () => {
    const endpoint = await openPullEndpoint();
    const token = await endpoint.token('PULL');
    const common = { service: 'regway', client_id: 'containerd-client', scope: 'repository:ghcr.io/a/b:pull' };
    for (const form of [
      { grant_type: 'password', username: 'x', password: token },
      { grant_type: 'refresh_token', refresh_token: token },
    ]) {
      const { access_token } = grantOf(await post(endpoint, { ...common, ...form }));
      expect((await endpoint.get('/v2/', { authorization: `Bearer ${access_token}` })).status).toBe(200);
    }
  });

  it.each([
    ['no login', (endpoint: PullEndpoint) => endpoint.get('/v2/token?service=regway', {}), 401],
    ['an empty login', (endpoint: PullEndpoint) => endpoint.get('/v2/token', { authorization: 'Basic Og==' }), 401],
    ['a wrong password', (endpoint: PullEndpoint) => endpoint.get('/v2/token', basic('wrong')), 401],
    [
      'a wrong password in a form',
      (endpoint: PullEndpoint) => post(endpoint, { grant_type: 'password', username: 'x', password: 'wrong' }),
      401,
    ],
    ['a form without password', (endpoint: PullEndpoint) => post(endpoint, { grant_type: 'password' }), 401],
    ['another grant type', (endpoint: PullEndpoint) => post(endpoint, { grant_type: 'client_credentials' }), 400],
    ['no form', (endpoint: PullEndpoint) => post(endpoint, {}, { 'content-type': 'application/json' }), 415],
    ['a form of 16 KiB with a wrong password', (endpoint: PullEndpoint) => post(endpoint, formOf(16 * 1024)), 401],
    ['a form above 16 KiB', (endpoint: PullEndpoint) => post(endpoint, formOf(16 * 1024 + 1)), 413],
    ['PUT', (endpoint: PullEndpoint) => endpoint.get('/v2/token', {}, 'PUT'), 405],
  ])('refuses %s', async (_case, ask, status) => {
    const endpoint = await openPullEndpoint();
    expect((await ask(endpoint)).status).toBe(status);
  });

  it('grants of the wish what is permitted and leaves out the rest', async () => {
    const registry = await startRegistry();
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    const name = inPath(registry.host);
    const token = await endpoint.token('PULL', [`${registry.host}/team/*`]);
    const scopes = [
      `repository:${name}/team/app:pull,push`,
      `repository:${name}/other/app:pull`,
      `repository:${name}/team/pushed:push`,
      'registry:catalog:*',
      'nonsense',
    ];
    const grant = grantOf(
      await endpoint.get(`/v2/token?${new URLSearchParams(scopes.map((scope) => ['scope', scope]))}`, basic(token)),
    ).token;
    const statusOf = async (repository: string) =>
      (await endpoint.get(`/v2/${name}/${repository}/manifests/latest`, { authorization: `Bearer ${grant}` })).status;
    expect(await Promise.all(['team/app', 'other/app', 'team/pushed'].map(statusOf))).toEqual([200, 403, 401]);
  });

  it('knows the registry of a namespace from the service', async () => {
    const registry = await startRegistry();
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    const grant = await grantFor(
      endpoint,
      'repository:team/app:pull',
      await endpoint.token('PULL'),
      `regway/${registry.host}`,
    );
    expect(
      (await endpoint.get(`/v2/team/app/manifests/latest?ns=${registry.host}`, { authorization: `Bearer ${grant}` }))
        .status,
    ).toBe(200);
    const elsewhere = await endpoint.get('/v2/team/app/manifests/latest?ns=ghcr.io', {
      authorization: `Bearer ${grant}`,
    });
    expect(elsewhere).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': expect.stringContaining('error="insufficient_scope"') as string },
    });
  });
});

describe('a grant', () => {
  const key = new Uint8Array(32).fill(7);

  it('for one repository is not valid for another: the challenge names the scope for that', async () => {
    const registry = await startRegistry();
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    const name = inPath(registry.host);
    const grant = await grantFor(endpoint, `repository:${name}/team/app:pull`, await endpoint.token('PULL'));
    const answer = await endpoint.get(`/v2/${name}/team/other/manifests/latest`, { authorization: `Bearer ${grant}` });
    expect(answer).toMatchObject({ status: 401, code: 'UNAUTHORIZED' });
    expect(answer.headers['www-authenticate']).toContain(
      `scope="repository:${name}/team/other:pull",error="insufficient_scope"`,
    );
    expect(registry.received).toEqual([]);
  });

  it('expires by the clock of the server', async () => {
    const endpoint = await openPullEndpoint();
    const token = await endpoint.token('PULL');
    const { token: grant } = grantOf(await endpoint.get('/v2/token', basic(token)));
    const startMs = endpoint.domain.time.getTime();
    endpoint.domain.time = new Date(startMs + 299_000);
    expect((await endpoint.get('/v2/', { authorization: `Bearer ${grant}` })).status).toBe(200);
    endpoint.domain.time = new Date(startMs + 300_000);
    const answer = await endpoint.get('/v2/', { authorization: `Bearer ${grant}` });
    expect(answer).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': expect.stringContaining('error="invalid_token"') as string },
    });
  });

  it('dies with the API token behind it', async () => {
    const endpoint = await openPullEndpoint();
    const token = await endpoint.token('PULL');
    const grant = await grantFor(endpoint, '', token);
    const id = token.split('_')[1] ?? '';
    await revokeToken({
      access: endpoint.domain.store.access,
      now: () => endpoint.domain.time,
      actor: 'test',
      requestId: 'test',
      id,
    });
    expect((await endpoint.get('/v2/', { authorization: `Bearer ${grant}` })).status).toBe(401);
  });

  it('of a registry that was deleted gets its credential no longer', async () => {
    const registry = await startRegistry();
    const endpoint = await openPullEndpoint();
    const { id } = await endpoint.add(registry.host);
    const name = inPath(registry.host);
    const grant = await grantFor(endpoint, `repository:${name}/team/app:pull`, await endpoint.token('PULL'));
    const pull = () => endpoint.get(`/v2/${name}/team/app/manifests/latest`, { authorization: `Bearer ${grant}` });
    expect((await pull()).status).toBe(200);
    await endpoint.domain.registries.delete(callerOf('READ_WRITE'), id);
    const before = registry.authorizations().length;
    expect((await pull()).status).toBe(403);
    expect(registry.authorizations()).toHaveLength(before);
  });

  it('cannot get another grant', async () => {
    const endpoint = await openPullEndpoint();
    const grant = await grantFor(endpoint, 'repository:ghcr.io/a/b:pull', await endpoint.token('PULL'));
    for (const answer of [
      await endpoint.get('/v2/token', { authorization: `Bearer ${grant}` }),
      await endpoint.get('/v2/token', basic(grant)),
      await post(endpoint, { grant_type: 'refresh_token', refresh_token: grant }),
    ]) {
      expect(answer.status).toBe(401);
    }
  });

  it('holds no API token and no password', async () => {
    const endpoint = await openPullEndpoint();
    const token = await endpoint.token('PULL');
    const grant = await grantFor(endpoint, 'repository:ghcr.io/a/b:pull', token);
    const inside = Buffer.from(grant.slice(4).split('.')[0] ?? '', 'base64url').toString();
    expect(inside).toContain('ghcr.io/a/b');
    expect(inside).not.toContain(token.split('_')[2]?.slice(0, 20));
  });

  it('with any bit changed is invalid', () => {
    const now = () => new Date(1_800_000_000_000);
    const grants = createGrants(key, now);
    const login = { subject: 'token:0123456789ab', account: 'admin', role: 'PULL', expiresAt: null } as const;
    const text = grants.issue(login, ['ghcr.io/a/b']).token;
    expect(grants.read(text)).toMatchObject({ login, images: ['ghcr.io/a/b'] });
    const [body = ''] = text.slice(4).split('.');
    // The last characters of base64url have spare bits, which change no byte that is signed or compared.
    const positions = Array.from({ length: text.length }, (_, index) => index).filter(
      (index) => index !== text.length - 1 && index !== 4 + body.length - 1,
    );
    for (const index of positions) {
      const changed = text.slice(0, index) + (text[index] === 'A' ? 'B' : 'A') + text.slice(index + 1);
      expect(grants.read(changed), changed).toBeUndefined();
    }
  });

  it('expires with the login that it was issued for, and says so', () => {
    let time = 1_800_000_000_000;
    const grants = createGrants(key, () => new Date(time));
    const { token, lifetimeSeconds } = grants.issue(
      { subject: 'https://issuer.example#alice', account: 'admin', role: 'PULL', expiresAt: new Date(time + 60_000) },
      [],
    );
    expect(lifetimeSeconds).toBe(60);
    time += 59_000;
    expect(grants.read(token)).toBeDefined();
    time += 1_000;
    expect(grants.read(token)).toBeUndefined();
  });

  it.each([
    ['another key', createHmac('sha256', 'other')],
    ['no key', createHmac('sha256', '')],
  ])('signed with %s is invalid', (_case, hmac) => {
    const body = Buffer.from(
      JSON.stringify(['token:0123456789ab', 'admin', 'PULL', null, 9_999_999_999, 'ghcr.io/a/b']),
    ).toString('base64url');
    const text = `rgg_${body}.${hmac.update(`rgg_${body}`).digest('base64url')}`;
    expect(createGrants(key, () => new Date(0)).read(text)).toBeUndefined();
  });
});

describe('who may pull what', () => {
  const principals: readonly {
    readonly role: Role;
    readonly images: readonly string[] | null;
    readonly account: string;
  }[] = [
    { role: 'ADMIN', images: null, account: 'admin' },
    { role: 'READ_WRITE', images: null, account: 'admin' },
    { role: 'READ_ONLY', images: null, account: 'admin' },
    { role: 'PULL', images: null, account: 'admin' },
    { role: 'PULL', images: ['HOST/team/*'], account: 'admin' },
    { role: 'PULL', images: ['HOST/other/app'], account: 'admin' },
  ];
  const expected: Record<string, readonly number[]> = {
    'team/app': [200, 200, 403, 200, 200, 403],
    'team/deep/app': [200, 200, 403, 200, 200, 403],
    'other/app': [200, 200, 403, 200, 403, 200],
    'other/app2': [200, 200, 403, 200, 403, 403],
  };

  it('is as the table says, with the API token itself and with a grant', async () => {
    const registry = await startRegistry();
    const endpoint = await openPullEndpoint();
    await endpoint.add(registry.host);
    const name = inPath(registry.host);
    for (const [column, { role, images, account }] of principals.entries()) {
      const token = await endpoint.token(
        role,
        images?.map((image) => image.replace('HOST', registry.host)) ?? null,
        account,
      );
      for (const [repository, row] of Object.entries(expected)) {
        const grant = await grantFor(endpoint, `repository:${name}/${repository}:pull`, token);
        for (const headers of [
          { authorization: `Bearer ${token}` },
          basic(token),
          { authorization: `Bearer ${grant}` },
        ]) {
          const { status } = await endpoint.get(`/v2/${name}/${repository}/manifests/latest`, headers);
          expect(status, `${role} ${String(images)} ${repository}`).toBe(row[column]);
        }
      }
    }
  });
});

it('a client that reached the server by a name and without TLS is sent nowhere with its token, and is told what helps', async () => {
  const originOf = createOriginOf({ publicUrl: undefined, trustedProxies: [], loopbackOnly: false });
  const endpoint = await openPullEndpoint({ settings: { originOf } });
  const answer = await endpoint.get('/v2/', { host: 'regway.example' });
  expect(answer).toMatchObject({ status: 400, code: 'UNSUPPORTED' });
  expect(answer.headers).not.toHaveProperty('www-authenticate');
  for (const setting of ['REGWAY_PUBLIC_URL', 'REGWAY_TRUSTED_PROXIES']) expect(String(answer.body)).toContain(setting);
  expect((await endpoint.get('/v2/', {})).status).toBe(401);
});
