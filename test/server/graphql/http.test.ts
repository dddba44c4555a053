// GraphQL over HTTP: the audit suite of the specification, and what is refused before anything runs.

import { serverAudits } from 'graphql-http';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { jsonHeaders, openEndpoint, type TestEndpoint } from './harness.ts';

let endpoint: TestEndpoint;

beforeAll(async () => {
  endpoint = await openEndpoint();
});

beforeEach(() => {
  endpoint.calls.length = 0;
  endpoint.log.length = 0;
});

afterAll(() => endpoint.close());

const post = (body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = jsonHeaders('ADMIN')) =>
  endpoint.request('/graphql', { method: 'POST', headers, body });

describe.each([
  ['anonymous', '', undefined],
  ['with a token', '', 'Bearer READ_WRITE'],
  // Yoga serves what has a query.
  ['past the short way', '?x', undefined],
])('the graphql-http audits pass, %s', (_who, search, authorization) => {
  const fetchFn = (input: string, init: RequestInit = {}) =>
    fetch(input, {
      ...init,
      headers: {
        ...(init.headers as Record<string, string>),
        ...(authorization === undefined ? {} : { authorization }),
      },
    });
  const audits = serverAudits({ url: () => endpoint.url + search, fetchFn });

  test.each(audits.map((audit) => [audit.name, audit] as const))('%s', async (_name, audit) => {
    const result = await audit.fn();
    expect({ status: result.status, reason: 'reason' in result ? result.reason : undefined }).toEqual({
      status: 'ok',
      reason: undefined,
    });
  });
});

test.each([
  ['application/json, application/graphql-response+json', 'application/json'],
  ['application/graphql-response+json, application/json', 'application/graphql-response+json'],
  ['text/html', 'application/json'],
])('a request that accepts %s is rejected in %s, the first supported type', async (accept, mediaType) => {
  const response = await post('{', { ...jsonHeaders('ADMIN'), accept });
  expect(response.status).toBe(400);
  expect(response.headers.get('content-type')).toBe(`${mediaType}; charset=utf-8`);
});

describe('only JSON in UTF-8 is taken, before any use case runs', () => {
  const query = 'mutation { deleteRegistry(id: "reg_1") { deletedId } }';
  test.each([
    ['a form', 'application/x-www-form-urlencoded', new URLSearchParams({ query }).toString()],
    [
      'multipart',
      'multipart/form-data; boundary=x',
      `--x\r\nContent-Disposition: form-data; name="query"\r\n\r\n${query}\r\n--x--`,
    ],
    ['plain text', 'text/plain', JSON.stringify({ query })],
    ['a bare document', 'application/graphql', query],
    ['JSON in another charset', 'application/json; charset=utf-16', JSON.stringify({ query })],
    ['JSON by another name', 'application/json-patch+json', JSON.stringify({ query })],
  ])('%s', async (_what, contentType, body) => {
    const answer = await post(body, { ...jsonHeaders('ADMIN'), 'content-type': contentType });
    expect(answer.status).toBe(415);
    expect(answer.body.errors?.[0]?.extensions['code']).toBe('UNSUPPORTED_MEDIA_TYPE');
    expect(endpoint.calls).toEqual([]);
  });

  test('no content type at all', async () => {
    const answer = await post(new TextEncoder().encode(JSON.stringify({ query })), { authorization: 'Bearer ADMIN' });
    expect(answer.status).toBe(415);
    expect(endpoint.calls).toEqual([]);
  });

  test('a compressed body', async () => {
    expect(
      (await post(JSON.stringify({ query }), { ...jsonHeaders('ADMIN'), 'content-encoding': 'gzip' })).status,
    ).toBe(415);
  });

  test('UTF-8 named in capitals and quotes is UTF-8', async () => {
    const answer = await post(JSON.stringify({ query: '{ __typename }' }), {
      ...jsonHeaders('ADMIN'),
      'content-type': 'Application/JSON; Charset="UTF-8"',
    });
    expect(answer.body).toEqual({ data: { __typename: 'Query' } });
  });
});

describe('what is not a request is refused with a status and a code', () => {
  test.each([
    [
      'a mutation by GET',
      'GET',
      `/graphql?query=${encodeURIComponent('mutation { deleteRegistry(id: "x") { deletedId } }')}`,
      undefined,
      405,
    ],
    [
      'a subscription by GET',
      'GET',
      `/graphql?query=${encodeURIComponent('subscription { registryCheck(input: { registry: "a.example", username: "u", password: "p" }) { step { kind } } }')}`,
      undefined,
      405,
    ],
    ['PUT', 'PUT', '/graphql', '{}', 405],
    ['DELETE', 'DELETE', '/graphql', undefined, 405],
    ['no query', 'GET', '/graphql', undefined, 400],
    ['broken JSON', 'POST', '/graphql', '{"query": "{ __type', 400],
    ['a batch', 'POST', '/graphql', '[{"query":"{ __typename }"}]', 400],
    ['a string', 'POST', '/graphql', '"{ __typename }"', 400],
    ['null', 'POST', '/graphql', 'null', 400],
    ['a query that is a number', 'POST', '/graphql', '{"query": 1}', 400],
    ['variables that are a list', 'POST', '/graphql', '{"query": "{ __typename }", "variables": []}', 400],
    [
      'an operation name that is an object',
      'POST',
      '/graphql',
      '{"query": "{ __typename }", "operationName": {}}',
      400,
    ],
    ['variables of a GET that are no JSON', 'GET', '/graphql?query=%7B__typename%7D&variables=%7B', undefined, 400],
    ['an unknown path', 'GET', '/graphql/other', undefined, 404],
    ['a path that ends like a health check', 'GET', '/graphql?x=/health', undefined, 400],
  ])('%s', async (_what, method, path, body, status) => {
    const answer = await endpoint.request(path, {
      method,
      headers: jsonHeaders('ADMIN'),
      ...(body === undefined ? {} : { body }),
    });
    expect(answer.status).toBe(status);
    const code = answer.body.errors?.[0]?.extensions['code'];
    if (status === 405) expect(code).toBe('METHOD_NOT_ALLOWED');
    else if (status !== 404) expect(code).toMatch(/^[A-Z_]+$/);
    expect(endpoint.calls).toEqual([]);
  });

  test('bytes that are no UTF-8', async () => {
    const answer = await post(new Uint8Array([0x7b, 0xff, 0xfe, 0x7d]));
    expect(answer.status).toBe(400);
  });
});

describe('a body is counted while it arrives', () => {
  const bodyOf = (bytes: number) => {
    const start = '{"query":"{ __typename }","extensions":{"pad":"';
    return `${start}${'x'.repeat(bytes - start.length - 3)}"}}`;
  };

  test('256 KiB pass', async () => {
    expect((await post(bodyOf(256 * 1024))).body).toEqual({ data: { __typename: 'Query' } });
  });

  test('one byte more is refused by its declared length', async () => {
    const answer = await post(bodyOf(256 * 1024 + 1));
    expect([answer.status, answer.body.errors?.[0]?.extensions]).toEqual([
      413,
      { code: 'LIMIT_EXCEEDED', reason: 'BODY_SIZE' },
    ]);
  });

  test('one byte more is refused without a declared length, and the connection serves the next request', async () => {
    const chunks = new Blob([bodyOf(256 * 1024 + 1)]).stream();
    const answer = await endpoint.request('/graphql', {
      method: 'POST',
      headers: jsonHeaders('ADMIN'),
      body: chunks,
      duplex: 'half',
    } as RequestInit);
    expect(answer.status).toBe(413);
    expect((await endpoint.send('{ __typename }')).status).toBe(200);
  });
});

describe('CORS', () => {
  test('a foreign origin gets no header that opens anything, and a preflight allows nothing', async () => {
    const headers = { ...jsonHeaders('ADMIN'), origin: 'https://evil.example' };
    const answer = await post('{"query":"{ __typename }"}', headers);
    const preflight = await endpoint.request('/graphql', {
      method: 'OPTIONS',
      headers: { ...headers, 'access-control-request-method': 'POST' },
    });
    for (const { headers: given } of [answer, preflight]) {
      expect([...given.keys()].filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
  });

  test('a listed origin may read answers, without credentials; one that only looks like it may not', async () => {
    const open = await openEndpoint({ corsOrigins: ['https://console.example'] });
    const preflight = (origin: string) =>
      open.request('/graphql', { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST' } });
    try {
      const allowed = await preflight('https://console.example');
      expect(allowed.status).toBe(204);
      expect(allowed.headers.get('access-control-allow-origin')).toBe('https://console.example');
      expect(allowed.headers.get('access-control-allow-headers')).toMatch(/Authorization/);
      expect(allowed.headers.get('access-control-allow-credentials')).toBeNull();
      for (const origin of [
        'https://console.example.evil.example',
        'http://console.example',
        'https://CONSOLE.example',
        'null',
      ]) {
        expect((await preflight(origin)).headers.get('access-control-allow-origin')).toBeNull();
      }
      const answer = await open.request('/graphql', {
        method: 'POST',
        headers: { ...jsonHeaders('ADMIN'), origin: 'https://console.example' },
        body: '{"query":"{ __typename }"}',
      });
      // When to come again is in a header alone where too many large requests run.
      expect(answer.headers.get('access-control-expose-headers')).toBe('Retry-After, X-Request-Id');
      expect([answer.headers.get('access-control-allow-origin'), answer.headers.get('vary')]).toEqual([
        'https://console.example',
        expect.stringContaining('Origin'),
      ]);
    } finally {
      await open.close();
    }
  });
});

describe('logins', () => {
  test('a refused token is 401 with a challenge, before the body is read', async () => {
    const answer = await post('not even JSON', { ...jsonHeaders(null), authorization: 'Bearer rgw_wrong' });
    expect([answer.status, answer.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    expect(answer.body.errors?.[0]?.extensions).toEqual({ code: 'UNAUTHENTICATED' });
  });

  test('no token is an error of each field that needs one, and 200', async () => {
    const answer = await endpoint.send('{ __typename principal { subject } }', {}, null);
    expect(answer.status).toBe(200);
    expect(answer.body.errors).toMatchObject([{ path: ['principal'], extensions: { code: 'UNAUTHENTICATED' } }]);
  });
});

test('every answer forbids guessing and keeping', async () => {
  const answers = [
    await endpoint.send('{ __typename }'),
    await post('{'),
    await endpoint.request('/graphql/other'),
    await endpoint.request('/graphql', { method: 'PUT' }),
  ];
  for (const { headers } of answers) {
    expect([headers.get('x-content-type-options'), headers.get('cache-control')]).toEqual(['nosniff', 'no-store']);
  }
});

describe('the findings of graphql-cop do not exist', () => {
  const anonymous = (body: object, headers = {}) => post(JSON.stringify(body), { ...jsonHeaders(null), ...headers });

  test('field suggestions', async () => {
    const { text } = await anonymous({ query: '{ principl { subjec } registr }' });
    expect(text).not.toMatch(/did you mean/i);
    expect(text).not.toMatch(/principal|subject/);
  });

  test('introspection', async () => {
    const answer = await anonymous({ query: '{ __schema { types { name } } }' });
    expect([answer.status, answer.body.data, answer.body.errors?.[0]?.extensions['code']]).toEqual([
      400,
      undefined,
      'INTROSPECTION_DISABLED',
    ]);
  });

  test('aliases, batches, directives, repeated fields and circular introspection', async () => {
    const repeat = (count: number, text: (index: number) => string) =>
      Array.from({ length: count }, (_, index) => text(index)).join(' ');
    const attacks = [
      { query: `{ ${repeat(101, (index) => `alias${index}: __typename`)} }` },
      Array.from({ length: 10 }, () => ({ query: '{ __typename }' })),
      { query: `{ __typename ${repeat(11, () => '@aa')} }` },
      { query: `{ ${repeat(500, () => '__typename')} }` },
      { query: `{ __schema { ${'types { fields { type { '.repeat(4)} name ${'} } }'.repeat(4)} } }` },
    ];
    for (const attack of attacks) {
      const answer = await anonymous(attack);
      expect(answer.body.data).toBeUndefined();
      expect(answer.body.errors?.length).toBeGreaterThan(0);
      expect(answer.body.errors?.length).toBeLessThan(10);
    }
  });

  test('type names: an unauthenticated caller cannot distinguish an existing type from a missing one', async () => {
    const ask = (name: string) =>
      anonymous({
        query: 'query ($name: String!) { __type(name: $name) { name fields { name } } }',
        variables: { name },
      });
    expect((await ask('Registry')).body).toEqual({ data: { __type: null } });
    expect((await ask('Nonsense')).body).toEqual({ data: { __type: null } });
    const literal = await anonymous({
      query: '{ ...F } fragment F on Query { one: __type(name: "Registry") { name } }',
    });
    expect(literal.body).toEqual({ data: { one: null } });
  });

  test('tracing, stacks and debug output', async () => {
    const { body } = await anonymous(
      { query: '{ abc }' },
      { 'apollo-query-plan-experimental': '1', 'x-apollo-tracing': '1' },
    );
    expect(Object.keys(body)).toEqual(['errors']);
    expect(Object.keys(body.errors?.[0]?.extensions ?? {})).toEqual(['code']);
  });
});

test('what is shown to one caller is not shown to the next: the verdict on introspection is not cached', async () => {
  const query = '{ __schema { queryType { name } } }';
  for (const [token, code] of [
    ['READ_ONLY', undefined],
    [null, 'INTROSPECTION_DISABLED'],
    ['PULL', undefined],
    [null, 'INTROSPECTION_DISABLED'],
  ] as const) {
    const { body } = await endpoint.send(query, {}, token);
    expect(body.errors?.[0]?.extensions['code']).toBe(code);
  }
});

test('introspection is open to all when the settings say so', async () => {
  const open = await openEndpoint({ introspection: true });
  try {
    expect((await open.send('{ __schema { queryType { name } } }', {}, null)).body.data).toEqual({
      __schema: { queryType: { name: 'Query' } },
    });
  } finally {
    await open.close();
  }
});
