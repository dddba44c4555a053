// The status of every case, as existing clients branch on it; each answer is held against the OpenAPI document by the harness.

import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { AdvisedProblem } from '../../../src/core/registry/report.ts';
import { Problem, problemCodes } from '../../../src/core/shared/problem.ts';
import { statusOf } from '../../../src/server/rest/errors.ts';
import { creation, openApi, verdictOf, type Answer, type TestApi } from './harness.ts';

let api: TestApi;

beforeAll(async () => {
  api = await openApi();
});

afterAll(() => api.close());

/** Starts each test with one registry, `quay.io/team/*` of the account admin. */
beforeEach(async () => {
  api.domain.outcome = 'VALID';
  for (const name of Object.keys(api.overrides)) delete api.overrides[name as keyof typeof api.overrides];
  const { body } = await api.send('GET', '/registries');
  for (const { registry } of body as { registry: string }[])
    await api.send('DELETE', `/registries/${encodeURIComponent(registry)}`);
  await api.send('POST', '/registries', { body: creation('quay.io/team/*') });
});

const detailOf = ({ body }: Answer) => (body as { detail: Record<string, unknown> }).detail;
const messageOf = ({ body }: Answer) => (body as { message: string }).message;

describe('the five operations', () => {
  test('create answers 200 with a list of one, and no password', async () => {
    const answer = await api.send('POST', '/registries?validate=True', {
      body: creation('index.docker.io/anchore/*', { registry_name: 'Anchore', registry_verify: false }),
    });
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual([
      {
        registry: 'docker.io/anchore/*',
        registry_user: 'robot',
        registry_type: 'docker_v2',
        registry_name: 'Anchore',
        registry_verify: false,
        created_at: '2026-01-02T03:04:05Z',
        last_updated: '2026-01-02T03:04:05Z',
        account_name: 'admin',
        userId: 'admin',
      },
    ]);
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  test('create with only a credential verifies certificates, is docker_v2, and uses the registry pattern as the name', async () => {
    const answer = await api.send('POST', '/registries', {
      body: { registry: 'a.example', registry_user: 'u', registry_pass: 'p' },
    });
    expect(answer.body).toMatchObject([
      { registry_type: 'docker_v2', registry_name: 'a.example', registry_verify: true },
    ]);
    expect(api.domain.asked.at(-1)).toMatchObject({
      username: 'u',
      password: 'p',
      target: { secureConnection: true, type: 'DOCKER_V2' },
    });
  });

  test.each(['', '  ', null])('a name of %j is no name', async (registry_name) => {
    const answer = await api.send('POST', '/registries', { body: creation('a.example', { registry_name }) });
    expect(answer.body).toMatchObject([{ registry_name: 'a.example' }]);
  });

  test('get and list answer lists', async () => {
    const one = await api.send('GET', '/registries/quay.io%2Fteam%2F%2A');
    const all = await api.send('GET', '/registries');
    expect([one.status, all.status]).toEqual([200, 200]);
    expect(one.body).toEqual(all.body);
    expect(one.body).toMatchObject([{ registry: 'quay.io/team/*' }]);
  });

  test('delete answers 204 without a body, and 404 the second time', async () => {
    const first = await api.send('DELETE', '/registries/quay.io%2Fteam%2F%2A', {
      headers: { 'content-length': 0, 'content-type': 'application/json' },
    });
    expect([first.status, first.text, first.headers['content-type']]).toEqual([204, '', undefined]);
    const second = await api.send('DELETE', '/registries/quay.io%2Fteam%2F%2A');
    expect([second.status, verdictOf(second)]).toEqual([404, 'NOT_FOUND']);
    expect((await api.send('GET', '/registries')).body).toEqual([]);
  });

  test('times are whole seconds, and an update changes only the second one', async () => {
    api.domain.time = new Date('2026-02-03T04:05:06.789Z');
    const answer = await api.send('PUT', '/registries/quay.io%2Fteam%2F%2A', { body: { registry_pass: 'new' } });
    expect(answer.body).toMatchObject([{ created_at: '2026-01-02T03:04:05Z', last_updated: '2026-02-03T04:05:06Z' }]);
    api.domain.time = new Date('2026-01-02T03:04:05Z');
  });
});

describe('an update', () => {
  const put = (body: unknown, query = '') => api.send('PUT', `/registries/quay.io%2Fteam%2F%2A${query}`, { body });

  test('keeps what is left out, the password and TLS policy included', async () => {
    await put({ registry_verify: false, registry_pass: 'hunter2' });
    const answer = await put({ registry_name: 'Team' });
    expect(answer.body).toMatchObject([
      { registry_user: 'robot', registry_name: 'Team', registry_verify: false, registry_type: 'docker_v2' },
    ]);
    expect(api.domain.asked.at(-1)).toMatchObject({
      username: 'robot',
      password: 'hunter2',
      target: { secureConnection: false },
    });
  });

  test('with nothing in it checks the stored login again', async () => {
    const asked = api.domain.asked.length;
    expect((await put({})).status).toBe(200);
    expect(api.domain.asked.length).toBe(asked + 1);
  });

  test('turns verification on without the password, and off only with it', async () => {
    const off = await put({ registry_verify: false });
    expect([off.status, verdictOf(off), detailOf(off)['field']]).toEqual([400, 'PASSWORD_REQUIRED', 'registry_pass']);
    expect(messageOf(off)).toContain('turning TLS verification off');
    expect((await put({ registry_verify: false, registry_pass: 'p' })).status).toBe(200);
    expect((await put({ registry_verify: true })).body).toMatchObject([{ registry_verify: true }]);
  });

  test.each([{ registry_user: 'other' }, { registry_type: 'awsecr' }])('%j needs the password', async (body) => {
    expect(verdictOf(await put(body))).toBe('PASSWORD_REQUIRED');
    expect((await put({ ...body, registry_pass: 'p' })).body).toMatchObject([body]);
  });

  test.each(['quay.io/team/*', 'QUAY.IO/team/*', 'quay.io:443/team/*'])(
    'may repeat its registry as %s',
    async (registry) => {
      expect((await put({ registry })).status).toBe(200);
    },
  );

  test('to another registry is 409 and changes nothing', async () => {
    const answer = await put({ registry: 'quay.io/other/*', registry_name: 'moved' });
    expect([answer.status, verdictOf(answer), detailOf(answer)['field']]).toEqual([409, 'CONFLICT', 'registry']);
    expect((await api.send('GET', '/registries')).body).toMatchObject([
      { registry: 'quay.io/team/*', registry_name: 'quay.io/team/*' },
    ]);
  });

  test('of a registry that another caller changes concurrently is 409', async () => {
    api.domain.meanwhile = async () => {
      api.domain.meanwhile = undefined;
      await api.send('PUT', '/registries/quay.io%2Fteam%2F%2A', { body: { registry_name: 'first' } });
    };
    const answer = await put({ registry_name: 'second' });
    expect([answer.status, verdictOf(answer)]).toEqual([409, 'CONFLICT']);
  });

  test('whose check fails is 406 and changes nothing', async () => {
    api.domain.outcome = 'INVALID_CREDENTIALS';
    const answer = await put({ registry_pass: 'wrong', registry_name: 'x' });
    expect([answer.status, verdictOf(answer)]).toEqual([406, 'VALIDATION_FAILED']);
    expect(detailOf(answer)).toMatchObject({
      reason: 'INVALID_CREDENTIALS',
      field: 'registry_pass',
      validation: { outcome: 'INVALID_CREDENTIALS', hint: null },
    });
    expect((await api.send('GET', '/registries')).body).toMatchObject([{ registry_name: 'quay.io/team/*' }]);
  });
});

test('validate=false in any letter case stores without validation; true, in any letter case, validates', async () => {
  for (const [index, [value, asks]] of (
    [
      ['false', 0],
      ['False', 0],
      ['FALSE', 0],
      ['true', 1],
      ['True', 1],
      ['TRUE', 1],
    ] as const
  ).entries()) {
    const asked = api.domain.asked.length;
    expect(
      (await api.send('POST', `/registries?validate=${value}`, { body: creation(`r${index}.example`) })).status,
    ).toBe(200);
    expect(api.domain.asked.length - asked).toBe(asks);
  }
});

test.each(['', '1', 'yes', 'no', '0', 'truee', ' true', 'true&validate=false', 'null'])(
  'validate=%s is 400 and stores nothing',
  async (value) => {
    const answer = await api.send('POST', `/registries?validate=${encodeURI(value)}`, { body: creation('a.example') });
    expect([answer.status, verdictOf(answer), detailOf(answer)['field']]).toEqual([400, 'INVALID_INPUT', 'validate']);
    expect((await api.send('GET', '/registries/a.example')).status).toBe(404);
  },
);

describe('a rejected create stores nothing and contacts no registry', () => {
  const bad: [string, unknown, number, string, string | undefined][] = [
    ['without registry', { ...creation('a.example'), registry: undefined }, 400, 'INVALID_INPUT', 'registry'],
    [
      'without registry_user',
      { ...creation('a.example'), registry_user: undefined },
      400,
      'INVALID_INPUT',
      'registry_user',
    ],
    [
      'without registry_pass',
      { ...creation('a.example'), registry_pass: undefined },
      400,
      'INVALID_INPUT',
      'registry_pass',
    ],
    [
      'with an empty registry_user',
      creation('a.example', { registry_user: '' }),
      400,
      'INVALID_INPUT',
      'registry_user',
    ],
    [
      'with an empty registry_pass',
      creation('a.example', { registry_pass: '' }),
      400,
      'INVALID_INPUT',
      'registry_pass',
    ],
    ['with a number for registry', creation('a.example', { registry: 7 }), 400, 'INVALID_INPUT', 'registry'],
    [
      'with a list for registry_pass',
      creation('a.example', { registry_pass: ['hunter2'] }),
      400,
      'INVALID_INPUT',
      'registry_pass',
    ],
    [
      'with null for registry_user',
      creation('a.example', { registry_user: null }),
      400,
      'INVALID_INPUT',
      'registry_user',
    ],
    [
      'with a text for registry_verify',
      creation('a.example', { registry_verify: 'true' }),
      400,
      'INVALID_INPUT',
      'registry_verify',
    ],
    [
      'with null for registry_verify',
      creation('a.example', { registry_verify: null }),
      400,
      'INVALID_INPUT',
      'registry_verify',
    ],
    ['with an unknown type', creation('a.example', { registry_type: 'docker' }), 400, 'INVALID_INPUT', 'registry_type'],
    [
      'with an upper-case type',
      creation('a.example', { registry_type: 'DOCKER_V2' }),
      400,
      'INVALID_INPUT',
      'registry_type',
    ],
    [
      'with a number for registry_name',
      creation('a.example', { registry_name: 1 }),
      400,
      'INVALID_INPUT',
      'registry_name',
    ],
    [
      'with a long registry_name',
      creation('a.example', { registry_name: 'n'.repeat(201) }),
      400,
      'INVALID_INPUT',
      'registry_name',
    ],
    [
      'with a colon in registry_user',
      creation('a.example', { registry_user: 'a:b' }),
      400,
      'INVALID_INPUT',
      'registry_user',
    ],
    [
      'with an unknown key',
      creation('a.example', { registry_username: 'u' }),
      400,
      'INVALID_INPUT',
      'registry_username',
    ],
    ['with the key of another account', creation('a.example', { userId: 'tenant' }), 400, 'INVALID_INPUT', 'userId'],
    [
      'with a key of the database',
      creation('a.example', { registry_meta: '{}' }),
      400,
      'INVALID_INPUT',
      'registry_meta',
    ],
    [
      'with __proto__',
      JSON.parse('{"registry":"a.example","registry_user":"u","registry_pass":"p","__proto__":{"a":1}}'),
      400,
      'INVALID_INPUT',
      '__proto__',
    ],
    ['with constructor', creation('a.example', { constructor: 1 }), 400, 'INVALID_INPUT', 'constructor'],
    ['that is a list', [creation('a.example')], 400, 'INVALID_INPUT', undefined],
    ['that is null', null, 400, 'INVALID_INPUT', undefined],
    ['that is a number', 3, 400, 'INVALID_INPUT', undefined],
    ['of a URL', creation('https://a.example'), 400, 'INVALID_REGISTRY', 'registry'],
    ['of a path with a slash at its end', creation('a.example/team/'), 400, 'INVALID_REGISTRY', 'registry'],
    ['of nothing', creation('', { registry: '' }), 400, 'INVALID_REGISTRY', 'registry'],
    ['of everything', creation('*'), 400, 'INVALID_REGISTRY', 'registry'],
    ['of a look-alike wildcard', creation('quay.io*'), 400, 'INVALID_REGISTRY', 'registry'],
    ['of a host with a login inside', creation('u:p@a.example'), 400, 'INVALID_REGISTRY', 'registry'],
    [
      'of 200 KB',
      creation(`a.example/${'a'.repeat(200_000)}`, { registry_name: 'x' }),
      400,
      'INVALID_REGISTRY',
      'registry',
    ],
    [
      'of 1 MB',
      creation(`a.example/${'a'.repeat(1_000_000)}`, { registry_name: 'x' }),
      413,
      'BODY_TOO_LARGE',
      undefined,
    ],
    ['of an existing registry', creation('quay.io/team/*'), 409, 'ALREADY_EXISTS', 'registry'],
    ['of an existing registry in another spelling', creation('QUAY.io:443/team/*'), 409, 'ALREADY_EXISTS', 'registry'],
  ];

  test.each(bad)('%s', async (_, body, status, type, field) => {
    const asked = api.domain.asked.length;
    const before = (await api.send('GET', '/registries')).body;
    const answer = await api.send('POST', '/registries', { body });
    expect([answer.status, verdictOf(answer), detailOf(answer)['field']]).toEqual([status, type, field]);
    if (type === 'INVALID_INPUT' && field !== undefined) expect(messageOf(answer)).toMatch(new RegExp(`^${field} `));
    expect(answer.text).not.toContain('hunter2');
    expect((await api.send('GET', '/registries')).body).toEqual(before);
    expect(api.domain.asked.length).toBe(asked);
  });

  test('an empty login is refused with the way to pull anonymously', async () => {
    const answer = await api.send('POST', '/registries', { body: creation('a.example', { registry_pass: '' }) });
    expect(messageOf(answer)).toContain('anonymously');
  });

  test.each(['hunter2 hunter2', 'x'.repeat(41), 'a"b', ''])('a key %j that is no word is not repeated', async (key) => {
    const answer = await api.send('POST', '/registries', { body: creation('a.example', { [key]: 1 }) });
    expect([answer.status, messageOf(answer), detailOf(answer)['field']]).toEqual([
      400,
      'A key is not a key of this body.',
      undefined,
    ]);
  });
});

describe('a body that cannot be read', () => {
  test.each(['', '{', '{"registry_pass": "hunter2" x}', 'registry=a.example', '\uFEFF', "{'a': 1}", '[]]'])(
    '%j is 400',
    async (body) => {
      const answer = await api.send('POST', '/registries', { body, headers: { 'content-type': 'application/json' } });
      expect([answer.status, verdictOf(answer)]).toEqual([400, 'INVALID_INPUT']);
      expect(answer.text).not.toContain('hunter2');
    },
  );

  test.each([
    undefined,
    '',
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonp',
    'application/problem+json',
    'application/json; charset=utf-16',
    'text/plain, application/json',
  ])('with the media type %s is 415', async (type) => {
    for (const [method, path] of [
      ['POST', '/registries'],
      ['PUT', '/registries/quay.io%2Fteam%2F%2A'],
    ] as const) {
      const answer = await api.send(method, path, {
        body: JSON.stringify(creation('quay.io/team/*')),
        headers: type === undefined ? {} : { 'content-type': type },
      });
      expect([answer.status, verdictOf(answer), answer.headers['accept']]).toEqual([
        415,
        'UNSUPPORTED_MEDIA_TYPE',
        'application/json',
      ]);
    }
  });

  test('that is compressed is 415', async () => {
    expect(
      (await api.send('POST', '/registries', { body: creation('a.example'), headers: { 'content-encoding': 'gzip' } }))
        .status,
    ).toBe(415);
  });

  test.each([
    'application/json',
    'APPLICATION/JSON',
    'application/json;charset=UTF-8',
    'application/json; charset="utf-8"',
  ])('%s is JSON', async (type) => {
    expect(
      (
        await api.send('POST', '/registries', {
          body: JSON.stringify(creation('a.example')),
          headers: { 'content-type': type },
        })
      ).status,
    ).toBe(200);
  });

  test.each([
    ['with its length', {}],
    ['in chunks of an unknown number', { 'transfer-encoding': 'chunked' }],
  ])('above 256 KiB is 413, sent %s', async (_, headers) => {
    const fits = JSON.stringify(creation('a.example')).padEnd(256 * 1024);
    expect(
      (
        await api.send('POST', '/registries', {
          body: fits,
          headers: { 'content-type': 'application/json', ...headers },
        })
      ).status,
    ).toBe(200);
    const answer = await api.send('POST', '/registries', {
      body: `${fits} `,
      headers: { 'content-type': 'application/json', ...headers },
    });
    expect([answer.status, verdictOf(answer)]).toEqual([413, 'BODY_TOO_LARGE']);
  });
});

describe('an address or method that is not served', () => {
  test.each([
    '/',
    '/x',
    '/registry',
    '/registriesx',
    '/registries.json',
    '/v1/registries',
    '/openapi.yaml',
    '/../v2/registries',
  ])('%s is 404 with the body of every error', async (path) => {
    const answer = await api.raw('GET', path === '/' ? '/api' : `/api/v2${path}`, { who: null });
    expect([answer.status, verdictOf(answer), answer.headers['content-type']]).toEqual([
      404,
      'NOT_FOUND',
      'application/json',
    ]);
  });

  test.each([
    ['PATCH', '/registries', 'GET, HEAD, POST'],
    ['DELETE', '/registries', 'GET, HEAD, POST'],
    ['DELETE', '/registries/', 'GET, HEAD, POST'],
    ['PUT', '/registries', 'GET, HEAD, POST'],
    ['OPTIONS', '/registries', 'GET, HEAD, POST'],
    ['POST', '/registries/quay.io', 'GET, HEAD, PUT, DELETE'],
    ['PATCH', '/registries/quay.io', 'GET, HEAD, PUT, DELETE'],
    ['POST', '', 'GET, HEAD'],
    ['DELETE', '/openapi.json', 'GET, HEAD'],
  ])('%s %s is 405 and says what is', async (method, path, allow) => {
    const answer = await api.send(method, path);
    expect([answer.status, verdictOf(answer), answer.headers.allow]).toEqual([405, 'METHOD_NOT_ALLOWED', allow]);
  });

  test('HEAD is GET without the body', async () => {
    for (const path of ['', '/registries', '/registries/quay.io%2Fteam%2F%2A', '/openapi.json']) {
      const [head, get] = [await api.raw('HEAD', `/api/v2${path}`), await api.raw('GET', `/api/v2${path}`)];
      expect([head.status, head.text, head.headers['content-length']]).toEqual([
        200,
        '',
        get.headers['content-length'],
      ]);
    }
  });
});

describe('every problem of the domain', () => {
  test.each(problemCodes.map((code) => [code, statusOf[code]] as const))(
    '%s is %i with its code as error_type',
    async (code, status) => {
      api.overrides.list = async () => {
        throw new Problem(code, 'A sentence.', { reason: 'FINER', field: ['username'], cause: new Error('hunter2') });
      };
      const answer = await api.raw('GET', '/api/v2/registries');
      expect(answer.status).toBe(status);
      expect(answer.body).toEqual({
        message: 'A sentence.',
        httpcode: status,
        code: status,
        error_type: code,
        detail: { error_codes: [], reason: 'FINER', field: 'registry_user' },
      });
    },
  );

  test('a stored password that cannot be opened is 409, and sending it again fixes it', async () => {
    api.overrides.update = async () => {
      throw new Problem('SECRET_UNREADABLE', 'The stored password cannot be read.');
    };
    const answer = await api.send('PUT', '/registries/quay.io%2Fteam%2F%2A', { body: {} });
    expect([answer.status, verdictOf(answer)]).toEqual([409, 'SECRET_UNREADABLE']);
  });

  test('advice is in the words of this face, and sentences stay as they are', async () => {
    api.overrides.list = async () => {
      throw new AdvisedProblem('VALIDATION_FAILED', 'It has secureConnection.', [{ kind: 'ALLOW_PLAIN_HTTP' }], {
        field: ['secureConnection'],
      });
    };
    const answer = await api.raw('GET', '/api/v2/registries');
    expect([messageOf(answer), detailOf(answer)['field']]).toEqual([
      'It has secureConnection. To use plain HTTP for this host, send "registry_verify": false; an update requires registry_pass in the same request.',
      'registry_verify',
    ]);
  });
});

test('an internal error is 500 with the request ID, masked, and logged without its message', async () => {
  api.overrides.list = async () => {
    throw new Error('insert failed: hunter2\n    at hunter2', { cause: new TypeError('hunter2') });
  };
  const answer = await api.send('GET', '/registries', { headers: { 'x-request-id': 'the-request-42' } });
  expect([answer.status, verdictOf(answer), detailOf(answer)]).toEqual([
    500,
    'INTERNAL_ERROR',
    { error_codes: [], request_id: 'the-request-42' },
  ]);
  expect(answer.text).not.toContain('hunter2');
  const lines = api.log.filter((line) => line.includes('the-request-42') && line.includes('"level":"error"'));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/"errorName":"Error".*statuses\.test\.ts.*"cause":\{"errorName":"TypeError"/);
  expect(lines[0]).not.toContain('hunter2');
});

test('a client that disconnects in the middle of its body is no internal error, and nothing is stored', async () => {
  const head = [
    'POST /api/v2/registries HTTP/1.1',
    'Host: x',
    'X-Request-Id: left-in-the-body',
    `Authorization: Bearer ${api.tokenOf('READ_WRITE')}`,
    'Content-Type: application/json',
    'Content-Length: 1000',
  ];
  const socket = connect(api.port, '127.0.0.1', () => socket.write(`${head.join('\r\n')}\r\n\r\n{"registry":`));
  await sleep(100);
  socket.destroy();
  while (!api.log.some((line) => line.includes('left-in-the-body'))) await sleep(20);
  await sleep(50);
  expect(
    api.log
      .filter((line) => line.includes('left-in-the-body'))
      .map((line) => (JSON.parse(line) as { level: string }).level),
  ).toEqual(['info']);
  expect((await api.send('GET', '/registries')).body).toHaveLength(1);
});
