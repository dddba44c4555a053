// Attacks by a registry, or by an attacker in its place: a password never arrives at a host that its owner did not name.

import type { RequestListener } from 'node:http';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import type { ValidationReport } from '../../../src/core/registry/report.ts';
import { Secret } from '../../../src/core/shared/secret.ts';
import { defaultLimits } from '../../../src/upstream/transport/settings.ts';
import { createValidator } from '../../../src/upstream/validation/validator.ts';
import {
  basicHeader,
  certificate,
  check,
  createCertificate,
  credential,
  marker,
  secure,
  startServer,
  type TestServer,
  withCa,
} from '../fixtures.ts';
import { basicRegistry, bearerServer, ociError, sendJson } from '../personalities.ts';

const isToken = (url: string | undefined) => (url ?? '').startsWith('/token');

describe('a realm that steals', () => {
  let thief: TestServer;
  beforeEach(async () => {
    thief = await startServer(bearerServer().tokenServer, { tls: certificate, address: '127.0.0.2' });
  });

  it.each([
    ['another host', () => `https://${thief.host}/token`],
    ['another host by protocol-relative URL', () => `//${thief.host}/token`],
    ['another host by backslashes', () => `\\\\\\\\${thief.host}\\\\token`],
    ['another host behind a user name', () => `https://127.0.0.1@${thief.host}/token`],
    ['another host without TLS', () => `http://${thief.host}/token`],
    ['a metadata service', () => 'http://169.254.169.254/latest/meta-data/'],
    ['a file', () => 'file:///etc/passwd'],
  ])('%s is FORBIDDEN_REALM, and nothing is sent', async (_case, realm) => {
    const server = await secure(bearerServer({ realm }).registry);
    for (const secureConnection of [true, false]) {
      expect(await check({ host: server.host, secureConnection }, withCa)).toMatchObject({
        outcome: 'FORBIDDEN_REALM',
      });
    }
    expect(thief.connections()).toBe(0);
    expect(server.authorizations()).toEqual([]);
  });

  it('is not followed when the token server redirects to it', async () => {
    const registry = bearerServer().registry;
    const server = await secure((request, response) =>
      isToken(request.url)
        ? void response.writeHead(302, { location: `https://${thief.host}/token` }).end()
        : registry(request, response),
    );
    expect(await check({ host: server.host }, withCa)).toMatchObject({ outcome: 'TOKEN_ENDPOINT_ERROR' });
    expect(thief.connections()).toBe(0);
  });

  it('is not followed when it is only named after the login, by the repository', async () => {
    const { both } = bearerServer();
    const server = await secure((request, response) =>
      request.url?.includes('tags') === true
        ? sendJson(
            response,
            401,
            {},
            { 'www-authenticate': `Bearer realm="https://${thief.host}/token",error="insufficient_scope"` },
          )
        : both(request, response),
    );
    expect(await check({ host: server.host, repository: 'a/b' }, withCa)).toMatchObject({
      outcome: 'FORBIDDEN_REALM',
      realmHost: thief.host,
    });
    expect(thief.connections()).toBe(0);
  });

  it.each([301, 302, 303, 307, 308])(
    'is not reached by HTTP %i from any request, with any challenge there',
    async (status) => {
      const thiefRegistry = await startServer(basicRegistry, { tls: certificate, address: '127.0.0.2' });
      const redirect = (response: Parameters<RequestListener>[1]) =>
        void response.writeHead(status, { location: `https://${thiefRegistry.host}/v2/` }).end();
      const atPing = await secure((_request, response) => redirect(response));
      const atLogin = await secure((request, response) =>
        request.headers.authorization === undefined ? basicRegistry(request, response) : redirect(response),
      );
      const atRepository = await secure((request, response) =>
        request.url === '/v2/' ? basicRegistry(request, response) : redirect(response),
      );
      for (const server of [atPing, atLogin, atRepository]) {
        expect(await check({ host: server.host, repository: 'a/b' }, withCa)).toMatchObject({ outcome: 'REDIRECTED' });
      }
      expect(thiefRegistry.connections()).toBe(0);
    },
  );
});

describe('a token server on a weaker channel', () => {
  it('gets nothing over an unverified channel: secureConnection false covers only the registry', async () => {
    const { registry, tokenServer } = bearerServer({ realm: () => `${tokens.origin}/token` });
    const tokens = await startServer(tokenServer, { tls: await createCertificate({}), address: '127.0.0.1' });
    const server = await startServer(registry, { tls: await createCertificate({}) });
    const report = await check({ host: server.host, secureConnection: false, trustedRealm: tokens.host }, withCa);
    expect(report).toMatchObject({ outcome: 'TLS_UNTRUSTED', realmHost: tokens.host });
    expect(report.message).toContain(tokens.host);
    expect(tokens.received).toEqual([]);
  });

  it('gets nothing over plain HTTP from a registry with TLS, even when it is trusted', async () => {
    const { registry, tokenServer } = bearerServer({ realm: () => `${tokens.origin}/token` });
    const tokens = await startServer(tokenServer);
    const server = await secure(registry);
    const report = await check(
      { host: server.host, secureConnection: false, trustedRealm: tokens.host },
      { ...withCa, plainHttpHosts: ['127.0.0.1'] },
    );
    expect(report).toMatchObject({ outcome: 'FORBIDDEN_REALM' });
    expect(tokens.connections()).toBe(0);
  });

  it('control: gets the credential over TLS, once it is named', async () => {
    const { registry, tokenServer } = bearerServer({ realm: () => `${tokens.origin}/token` });
    const tokens = await secure(tokenServer);
    const server = await secure(registry);
    expect(await check({ host: server.host, trustedRealm: tokens.host }, withCa)).toMatchObject({ outcome: 'VALID' });
    expect(tokens.authorizations()).toEqual([basicHeader]);
  });
});

describe('connections are not shared', () => {
  it('between a check without verification and one with it, in the same moment', async () => {
    const server = await startServer(basicRegistry, { tls: await createCertificate({}) });
    const validator = createValidator({
      loopbackAllowed: true,
      egressAllow: [],
      egressDeny: [],
      plainHttpHosts: [],
      extraCa: undefined,
      now: () => new Date(),
    });
    const target = {
      host: server.host,
      repository: null,
      type: 'DOCKER_V2',
      trustedRealm: null,
      probeRepository: null,
    } as const;
    const both = [true, false, true, false].map((secureConnection) =>
      validator.check({ ...target, secureConnection }, credential),
    );
    expect((await Promise.all(both)).map(({ outcome }) => outcome)).toEqual([
      'TLS_UNTRUSTED',
      'VALID',
      'TLS_UNTRUSTED',
      'VALID',
    ]);
    await validator.close();
    await expect(validator.check({ ...target, secureConnection: false }, credential)).rejects.toThrow('closed');
  });

  it('nor tokens between two credentials', async () => {
    const server = await secure((request, response) => {
      const token = Buffer.from(request.headers.authorization ?? 'nobody').toString('hex');
      if (isToken(request.url)) sendJson(response, 200, { token });
      else if (request.headers.authorization?.startsWith('Bearer') === true) sendJson(response, 200, {});
      else bearerServer().registry(request, response);
    });
    await check({ host: server.host }, withCa);
    const before = server.received.length;
    await check({ host: server.host }, withCa, {}, { username: 'alice', password: new Secret('a new password') });
    const oldToken = Buffer.from(basicHeader).toString('hex');
    expect(server.authorizations()).toContain(`Bearer ${oldToken}`);
    expect(server.received.slice(before).map(({ authorization }) => authorization)).not.toContain(`Bearer ${oldToken}`);
  });
});

describe('what is asked for', () => {
  it('is pull on exactly the repository, for any challenge and realm', async () => {
    const realm = () => `https://${server.host}/token?scope=repository:a/b:push&scope=registry:catalog:*&keep=1`;
    const { both } = bearerServer({ realm });
    const server: TestServer = await secure(both);
    expect(await check({ host: server.host, repository: 'a/b' }, withCa)).toMatchObject({ outcome: 'VALID' });
    const asked = server.received
      .filter(({ url }) => isToken(url))
      .map(({ url }) => new URL(url, server.origin).searchParams);
    expect(asked.map((params) => params.getAll('scope'))).toEqual([[], [], ['repository:a/b:pull']]);
    for (const params of asked) expect(params.get('keep')).toBe('1');
  });

  it('holds no empty scope and no service that was not named', async () => {
    const server = await secure((request, response) =>
      isToken(request.url)
        ? sendJson(response, 401, {})
        : sendJson(response, 401, {}, { 'www-authenticate': [`Bearer realm="/token",scope=""`, 'Basic'] }),
    );
    await check({ host: server.host }, withCa);
    const [tokenRequest] = server.received.filter(({ url }) => isToken(url));
    expect(tokenRequest?.url).toBe('/token?client_id=regway&account=alice');
  });

  it('holds the password in no address and no cookie, and is only ever GET', async () => {
    const server = await secure(bearerServer().both);
    await check({ host: server.host, repository: 'a/b' }, withCa);
    expect(server.received.length).toBeLessThanOrEqual(9);
    for (const { method, url, headers } of server.received) {
      expect(method).toBe('GET');
      expect(decodeURIComponent(url)).not.toContain(marker);
      expect(headers.cookie).toBeUndefined();
      expect(headers['accept-encoding']).toBe('identity');
    }
  });

  it('a rejected credential is not tried again', async () => {
    const server = await secure(bearerServer({ anonymous: 'FULL_TOKEN' }).both);
    await check(
      { host: server.host, repository: 'a/b' },
      withCa,
      {},
      { username: 'alice', password: new Secret('wrong') },
    );
    expect(server.received.map(({ url }) => url.split('?')[0])).toEqual(['/v2/', '/token']);
  });
});

describe('an upstream that echoes what it was sent', () => {
  const forms = [
    marker,
    basicHeader,
    Buffer.from(marker).toString('base64'),
    Buffer.from(marker).toString('hex'),
    encodeURIComponent(marker),
    JSON.stringify(marker),
    `${'x'.repeat(190)}${marker}`,
    marker.toUpperCase(),
  ];

  function expectClean(report: ValidationReport): void {
    const text = JSON.stringify(report).toLowerCase();
    for (const form of [marker, basicHeader.slice(6), ...forms]) expect(text).not.toContain(form.toLowerCase());
    expect(text).not.toContain(marker.slice(0, 10).toLowerCase());
  }

  it.each(forms)('in the body, headers and status text shows nothing: %s', async (form) => {
    const server = await secure((request, response) => {
      if (request.headers.authorization === undefined)
        return sendJson(response, 401, {}, { 'www-authenticate': 'Basic realm="x"' });
      response.statusMessage = form.replaceAll(/[^\x20-\x7e]/g, '');
      return sendJson(response, 401, ociError('DENIED', form), { 'x-echo': form });
    });
    expectClean(await check({ host: server.host }, withCa));
  });

  it.each([
    [
      'the error code',
      (_form: string) => ({ status: 401, body: { errors: [{ code: 'MARKER', message: 'x' }] }, headers: {} }),
    ],
    [
      'Location',
      (form: string) => ({ status: 307, body: {}, headers: { location: `https://${form}.evil.example/${form}` } }),
    ],
    [
      'a second challenge',
      (form: string) => ({ status: 401, body: {}, headers: { 'www-authenticate': `${form} realm="${form}"` } }),
    ],
  ])('in %s shows nothing', async (_case, answer) => {
    const plain = { username: 'alice', password: new Secret('marker') };
    const server = await secure((_request, response) => {
      const { status, body, headers } = answer('marker');
      sendJson(response, status, body, headers);
    });
    const report = await check({ host: server.host }, withCa, {}, plain);
    expect(JSON.stringify(report).toLowerCase()).not.toContain('marker');
  });

  it('in the name of its realm shows nothing', async () => {
    const plain = { username: 'alice', password: new Secret('marker-7f') };
    const server = await secure(bearerServer({ realm: () => 'https://MARKER-7f.evil.example/token' }).registry);
    const report = await check({ host: server.host }, withCa, {}, plain);
    expect(report).toMatchObject({ outcome: 'FORBIDDEN_REALM', realmHost: null });
    expect(JSON.stringify(report).toLowerCase()).not.toContain('marker');
  });

  it.each([
    ['HTML-escaped', (password: string) => password.replaceAll('&', '&amp;')],
    ['with invisible characters between', (password: string) => Array.from(password).join('\u200b')],
    ['backwards', (password: string) => Array.from(password).toReversed().join('')],
    ['all but its last character', (password: string) => password.slice(0, -1)],
    ['as an error code', (password: string) => password.toUpperCase()],
    ['as a scheme', (password: string) => password],
  ])('in a form that no filter knows shows nothing: %s', async (form, spell) => {
    const password = form.startsWith('as a') ? 'ssword_marker' : 'p&ssw0rd-Mark3r';
    const echo = spell(password);
    const server = await secure((request, response) => {
      const login =
        request.headers.authorization === undefined
          ? 'Basic realm="x"'
          : `${form === 'as a scheme' ? echo : 'Basic'} realm="x"`;
      sendJson(response, 401, ociError(form === 'as an error code' ? echo : 'UNAUTHORIZED', `no such login: ${echo}`), {
        'www-authenticate': login,
      });
    });
    const report = await check(
      { host: server.host },
      withCa,
      {},
      { username: 'alice', password: new Secret(password) },
    );
    expect(JSON.stringify(report).toLowerCase()).not.toContain(echo.slice(2, -2).toLowerCase());
    expect(report.outcome).toBe('INVALID_CREDENTIALS');
  });

  it('control: an honest code is shown', async () => {
    const server = await secure((request, response) =>
      request.headers.authorization === undefined
        ? sendJson(response, 401, {}, { 'www-authenticate': 'Basic' })
        : sendJson(response, 401, ociError('UNAUTHORIZED', 'account disabled')),
    );
    expect((await check({ host: server.host }, withCa)).message).toMatch(/ Its error code is UNAUTHORIZED\.$/);
  });
});

describe('an answer that never ends, or never begins', () => {
  const limits = { checkTimeoutMs: 700 };
  const block = Buffer.alloc(64 * 1024, 'a');

  /** Sends a gibibyte as fast as the client reads it. */
  const flood: RequestListener = (_request, response) => {
    let left = 16 * 1024;
    const send = () => {
      while (left > 0 && !response.destroyed) {
        left -= 1;
        if (!response.write(block)) return void response.once('drain', send);
      }
      response.end();
    };
    send();
  };

  const drip = (response: Parameters<RequestListener>[1]) => {
    const timer = setInterval(() => response.write(' '), 50);
    response.on('close', () => clearInterval(timer));
  };

  const atToken =
    (handler: RequestListener): RequestListener =>
    (request, response) =>
      (isToken(request.url) ? handler : bearerServer().registry)(request, response);

  let layers = Buffer.from('{"token":"x"}');
  for (let layer = 0; layer < 10; layer += 1) layers = gzipSync(layers);

  it.each<[string, RequestListener, ValidationReport['outcome']]>([
    ['a gibibyte from /v2/', flood, 'NOT_A_V2_REGISTRY'],
    ['a gibibyte from the token server', atToken(flood), 'RESPONSE_TOO_LARGE'],
    [
      '10,000 headers',
      (_request, response) => {
        for (let index = 0; index < 10_000; index += 1) response.setHeader(`x-${index}`, 'y');
        response.end();
      },
      'RESPONSE_TOO_LARGE',
    ],
    [
      'ten layers of gzip',
      atToken(
        (_request, response) =>
          void response
            .writeHead(200, { 'content-encoding': Array.from({ length: 10 }, () => 'gzip').join(', ') })
            .end(layers),
      ),
      'TOKEN_ENDPOINT_ERROR',
    ],
    [
      'a gzip bomb',
      atToken(
        (_request, response) =>
          void response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(Buffer.alloc(20 * 1024 * 1024))),
      ),
      'TOKEN_ENDPOINT_ERROR',
    ],
    ['one byte now and then, from /v2/', (_request, response) => drip(response.writeHead(200)), 'TIMEOUT'],
    [
      'one byte now and then, from the token server',
      atToken((_request, response) => drip(response.writeHead(200))),
      'TIMEOUT',
    ],
    [
      'headers one by one',
      (request) => {
        request.socket.write('HTTP/1.1 200 OK\r\n');
        const timer = setInterval(() => request.socket.write('x: y\r\n'), 50);
        request.socket.on('close', () => clearInterval(timer));
      },
      'TIMEOUT',
    ],
    ['silence', () => undefined, 'TIMEOUT'],
    [
      'informational answers for ever',
      (_request, response) => {
        const timer = setInterval(() => response.writeProcessing(), 20);
        response.on('close', () => clearInterval(timer));
      },
      'TIMEOUT',
    ],
  ])('%s: %#', async (_case, handler, outcome) => {
    const server = await secure(handler);
    const rssBefore = process.memoryUsage().rss;
    const report = await check({ host: server.host }, { ...withCa, limits });
    expect(report.outcome).toBe(outcome);
    expect(report.durationMs).toBeLessThan(5_000);
    expect(process.memoryUsage().rss - rssBefore).toBeLessThan(50 * 1024 * 1024);
  });

  it('is abandoned after 15 seconds in total, unless a test shortens that', () => {
    expect(defaultLimits.checkTimeoutMs).toBeLessThanOrEqual(15_000);
  });
});
