// The clients of the API that this one succeeds, byte by byte: what the Python command line and the generated Go client send, and what they insist on.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { openApi, type TestApi } from './harness.ts';

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** One keep-alive connection that sends exactly the passed lines. */
interface Wire {
  send(requestLine: string, headers: readonly string[], body?: string): Promise<Answer>;
}

let api: TestApi;
let socket: Socket;
let wire: Wire;

beforeAll(async () => {
  api = await openApi();
  socket = connect(api.port, '127.0.0.1');
  await once(socket, 'connect');
  wire = wireOver(socket);
});

afterEach(async () => {
  for (const { registry } of (await api.send('GET', '/registries')).body as { registry: string }[])
    await api.send('DELETE', `/registries/${encodeURIComponent(registry)}`);
});

afterAll(async () => {
  socket.destroy();
  await api.close();
});

function wireOver(connection: Socket): Wire {
  let received = Buffer.alloc(0);
  connection.on('data', (bytes: Buffer) => (received = Buffer.concat([received, bytes])));
  const more = () => once(connection, 'data');
  return {
    async send(requestLine, headers, body = '') {
      connection.write([requestLine, `Host: 127.0.0.1:${api.port}`, ...headers, '', body].join('\r\n'));
      while (!received.includes('\r\n\r\n')) await more();
      const end = received.indexOf('\r\n\r\n');
      const [statusLine = '', ...lines] = received.subarray(0, end).toString('latin1').split('\r\n');
      const fields: Record<string, string> = {};
      for (const line of lines) {
        const [name, value] = [
          line.slice(0, line.indexOf(':')).toLowerCase(),
          line.slice(line.indexOf(':') + 1).trim(),
        ];
        // RFC 9110 §5.3: lines of one name are one list.
        fields[name] = name in fields ? `${fields[name]}, ${value}` : value;
      }
      // These answers all say their length, or have no body.
      const length = Number(fields['content-length'] ?? 0);
      while (received.length < end + 4 + length) await more();
      const text = received.subarray(end + 4, end + 4 + length).toString('utf8');
      received = received.subarray(end + 4 + length);
      return { status: Number(statusLine.split(' ')[1]), headers: fields, text };
    },
  };
}

const basic = (user = 'admin') =>
  `Authorization: Basic ${Buffer.from(`${user}:${api.tokenOf('READ_WRITE')}`).toString('base64')}`;

/** Checks a response as both clients parse it: JSON if it has a body, and lists with these keys for registries. */
const itemKeys = [
  'registry',
  'registry_user',
  'registry_type',
  'registry_name',
  'registry_verify',
  'created_at',
  'last_updated',
];

describe('the Python command line', () => {
  /** Python's HTTP library sends these on every request, and the command line adds a content type even where there is no body. */
  const headers = () => [
    'User-Agent: python-requests/2.31.0',
    'Accept-Encoding: gzip, deflate',
    'Accept: */*',
    'Connection: keep-alive',
    'Content-Type: application/json',
    basic(),
  ];
  const quote = (text: string) =>
    encodeURIComponent(text).replaceAll(
      /[!'()*]/g,
      (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
    );
  const call = async (method: string, path: string, body?: object) => {
    // Each command requests the base path first and requires any 2xx.
    const probe = await wire.send('GET /api/v2 HTTP/1.1', headers());
    expect([probe.status, probe.text]).toEqual([200, '"v2"']);
    const text = body === undefined ? '' : JSON.stringify(body);
    const length = body !== undefined || method === 'DELETE' ? [`Content-Length: ${Buffer.byteLength(text)}`] : [];
    return wire.send(`${method} /api/v2${path} HTTP/1.1`, [...headers(), ...length], text);
  };
  const payload = (registry: string, password: string, more: object = {}) => ({
    registry,
    registry_user: 'robot',
    registry_pass: password,
    registry_type: 'docker_v2',
    registry_verify: true,
    registry_name: registry,
    ...more,
  });

  /** Returns whether the command line accepts the response as a success, and prints it as a table. */
  const expectTable = ({ status, text }: Answer, registries: readonly string[]): void => {
    expect(status >= 200 && status < 299).toBe(true);
    const items = JSON.parse(text) as Record<string, unknown>[];
    expect(items.map(({ registry }) => registry)).toEqual(registries);
    for (const item of items) for (const key of itemKeys) expect(item).toHaveProperty(key);
  };

  test.each(['/api/v2', '/api/v2/'])('finds the service at %s, with a wrong login too', async (path) => {
    const answer = await wire.send(`GET ${path} HTTP/1.1`, ['Authorization: Basic YWRtaW46Zm9vYmFy', 'Accept: */*']);
    expect([answer.status, answer.text]).toEqual([200, '"v2"']);
  });

  test('adds, lists, gets, updates and deletes', async () => {
    const name = 'docker.io/anchore/*';
    const path = `/registries/${quote(name)}`;
    expect(path).toBe('/registries/docker.io%2Fanchore%2F%2A');
    expectTable(await call('GET', '/registries'), []);
    expectTable(await call('POST', '/registries?validate=True', payload(name, 'hunter2')), [name]);
    expectTable(await call('GET', '/registries'), [name]);
    expectTable(await call('GET', path), [name]);
    expectTable(await call('PUT', `${path}?validate=False`, payload(name, 'hunter3', { registry_verify: false })), [
      name,
    ]);
    expect(api.domain.asked.map(({ password }) => password)).toEqual(['hunter2']);
    const deleted = await call('DELETE', path);
    expect([deleted.status, deleted.text]).toEqual([204, '']);
  });

  test.each(['registry.example:5000', 'registry.example:5000/a/b', '123456789012.dkr.ecr.us-east-1.amazonaws.com'])(
    'quotes %s into one segment',
    async (name) => {
      await call('POST', '/registries?validate=False', payload(name, 'hunter2'));
      expectTable(await call('GET', `/registries/${quote(name)}`), [name]);
    },
  );

  test('reads message, httpcode and detail of an error', async () => {
    const missing = await call('GET', '/registries/missing.example');
    expect([missing.status, JSON.parse(missing.text)]).toEqual([
      404,
      expect.objectContaining({
        message: expect.any(String),
        httpcode: 404,
        detail: expect.objectContaining({ error_codes: [] }),
      }),
    ]);
  });

  test('with a wrong password is 401 with a challenge that its library can answer', async () => {
    const answer = await wire.send('GET /api/v2/registries HTTP/1.1', ['Authorization: Basic YWRtaW46Zm9vYmFy']);
    expect([answer.status, answer.headers['www-authenticate']]).toEqual([
      401,
      'Basic realm="regway", charset="UTF-8", Bearer realm="regway"',
    ]);
  });
});

describe('the generated Go client', () => {
  const headers = () => [
    'User-Agent: anchore-client/5.0.0/go',
    'Accept: application/json',
    'Accept-Encoding: gzip',
    basic('_api_key'),
  ];
  const call = (method: string, path: string, body?: object) => {
    const text = body === undefined ? '' : `${JSON.stringify(body)}\n`;
    const typed =
      body === undefined ? [] : ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(text)}`];
    return wire.send(`${method} /api/v2${path} HTTP/1.1`, [...headers(), ...typed], text);
  };
  /** Go's time.Parse with RFC 3339, in the whole seconds that the API promises. */
  const rfc3339 = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$/;

  /** Decodes as the client does: by content type, with one type per field, and parsed dates. */
  const expectDecodable = ({ status, headers: { 'content-type': type }, text }: Answer): void => {
    expect([status, /^(?:application|text)\/(?:vnd\.[^;]+\+)?json/i.test(type ?? '')]).toEqual([200, true]);
    for (const item of JSON.parse(text) as Record<string, unknown>[]) {
      for (const key of ['registry', 'registry_user', 'registry_type', 'registry_name', 'account_name'])
        expect(item[key]).toBeTypeOf('string');
      expect(item['registry_verify']).toBeTypeOf('boolean');
      for (const key of ['created_at', 'last_updated']) expect(item[key]).toMatch(rfc3339);
    }
  };

  test('creates, lists, gets, updates and deletes, leaving out what is not set', async () => {
    const path = '/registries/docker.io%2Fanchore%2F%2A';
    expectDecodable(
      await call('POST', '/registries?validate=true', {
        registry: 'docker.io/anchore/*',
        registry_pass: 'p',
        registry_type: 'docker_v2',
        registry_user: 'u',
        registry_verify: true,
      }),
    );
    expectDecodable(await call('GET', '/registries'));
    expectDecodable(await call('GET', path));
    expectDecodable(await call('PUT', `${path}?validate=true`, { registry_name: 'Anchore' }));
    expect((await call('DELETE', path)).status).toBeLessThan(300);
  });

  test('decodes the errors that it knows: code as a number, the rest as text and object', async () => {
    for (const [status, answer] of [
      [404, await call('GET', '/registries/missing.example')],
      [400, await call('POST', '/registries', {})],
    ] as const) {
      expect([answer.status, answer.headers['content-type']]).toEqual([status, 'application/json']);
      expect(JSON.parse(answer.text)).toMatchObject({
        code: status,
        error_type: expect.any(String),
        message: expect.any(String),
        detail: expect.any(Object),
      });
    }
  });
});
