// The registry name in the path: one encoded segment or the raw path, decoded once, and nothing else reaches a registry.

import { connect } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decodeName, parsePath } from '../../../src/server/rest/path.ts';
import { creation, openApi, verdictOf, type TestApi } from './harness.ts';

let api: TestApi;

beforeAll(async () => {
  api = await openApi();
  for (const name of ['docker.io/anchore/*', 'registry.example:5000', 'registry.example:5000/a/b', '[::1]:5000/a'])
    await api.send('POST', '/registries', { body: creation(name) });
});

afterAll(() => api.close());

test.each([
  ['docker.io%2Fanchore%2F%2A', 'docker.io/anchore/*'],
  ['docker.io%2fanchore%2f%2a', 'docker.io/anchore/*'],
  ['docker.io/anchore/*', 'docker.io/anchore/*'],
  ['docker.io/anchore%2F*', 'docker.io/anchore/*'],
  ['%64ocker.io/anchore/%2A', 'docker.io/anchore/*'],
  ['index.docker.io%2Fanchore%2F%2A', 'docker.io/anchore/*'],
  ['DOCKER.IO/anchore/*', 'docker.io/anchore/*'],
  ['registry.example%3A5000', 'registry.example:5000'],
  ['registry.example:5000', 'registry.example:5000'],
  ['registry.example:5000/', 'registry.example:5000'],
  ['registry.example%3A5000%2Fa%2Fb', 'registry.example:5000/a/b'],
  ['registry.example:5000/a/b?validate=true', 'registry.example:5000/a/b'],
  ['%5B%3A%3A1%5D%3A5000%2Fa', '[::1]:5000/a'],
  ['[::1]:5000/a', '[::1]:5000/a'],
])('%s is %s', async (spelling, registry) => {
  expect((await api.send('GET', `/registries/${spelling}`)).body).toMatchObject([{ registry }]);
});

test.each([
  ['encoded twice', 'docker.io%252Fanchore%252F%252A'],
  ['encoded three times', 'docker.io%25252Fanchore'],
  ['with a parent folder', 'docker.io%2F..%2Fregistry.example%3A5000'],
  ['with an encoded parent folder', 'docker.io/%2e%2e/registry.example:5000'],
  ['that leaves the collection', '../registries/registry.example:5000'],
  ['that leaves it encoded', '..%2Fregistries%2Fregistry.example%3A5000'],
  ['only %2F..', '%2F..'],
  ['only a slash', '%2F'],
  ['two slashes', '/registry.example:5000'],
  ['with a half escape', 'docker.io%2'],
  ['with an escape of nothing', 'docker.io%zz'],
  ['with bytes that are no UTF-8', 'docker.io%ff'],
  ['with an overlong slash', 'docker.io%c0%afanchore'],
  ['with a NUL', 'registry.example:5000%00'],
  ['with a line end inside', 'registry.example%0d%0a:5000'],
  ['with a plus for a space', 'registry.example:5000+'],
  ['with an encoded question mark', 'registry.example:5000%3Fvalidate=true'],
  ['with a parameter of the path', 'registry.example:5000;a=b'],
  ['with backslashes', 'docker.io\\anchore\\*'],
  ['of a URL', 'https%3A%2F%2Fregistry.example%3A5000'],
])('a name %s is no registry: %s', async (_, spelling) => {
  const before = (await api.send('GET', '/registries')).body;
  for (const method of ['GET', 'PUT', 'DELETE']) {
    const answer = await api.send(method, `/registries/${spelling}`, method === 'PUT' ? { body: {} } : {});
    expect([method, answer.status, verdictOf(answer)]).toEqual([method, 400, 'INVALID_REGISTRY']);
  }
  expect((await api.send('GET', '/registries')).body).toEqual(before);
});

test.each([
  'docker.io',
  'docker.io%2Fanchore%2Fengine',
  'registry.example',
  'registry.example:5000/a',
  'registry.example:5000/a/b/*',
])('%s is another registry: 404', async (spelling) => {
  expect((await api.send('GET', `/registries/${spelling}`)).status).toBe(404);
});

test('the collection has a slash at its end or not, and that slash deletes nothing', async () => {
  const [plain, slash] = [await api.send('GET', '/registries'), await api.send('GET', '/registries/')];
  expect(slash.body).toEqual(plain.body);
  expect((await api.send('DELETE', '/registries/')).status).toBe(405);
});

test('decoding undoes encoding, once', () => {
  for (const name of ['docker.io/anchore/*', 'a%2Fb', '%', 'käse', 'a b']) {
    expect(decodeName(encodeURIComponent(name))).toBe(name);
    expect(parsePath(`/api/v2/registries/${encodeURIComponent(name)}?x=/registries/y`)).toEqual({
      resource: 'registry',
      encodedName: encodeURIComponent(name),
    });
  }
});

test('a name of 1 MB in the path is refused at once', async () => {
  const answer = await firstLine(`GET /api/v2/registries/${'a'.repeat(1_000_000)} HTTP/1.1\r\nHost: x\r\n\r\n`);
  expect(answer).toMatch(/^HTTP\/1\.1 (?:400|413|414|431) /);
});

test('a name of 8 KB in the path is 400', async () => {
  expect((await api.send('GET', `/registries/${'a'.repeat(8000)}`)).status).toBe(400);
});

test.each([
  '//api/v2/registries',
  '/api//v2/registries',
  '/api/v2//registries',
  '/API/v2/registries',
  '/api/v2/Registries',
  '/%61pi/v2/registries',
  '/api/v2/registries/../../v2/registries',
  '/api/v2/./registries',
])('the path %s is not the list', async (path) => {
  const answer = await api.raw('GET', path);
  expect([400, 404]).toContain(answer.status);
});

/** The first line of the answer to raw bytes. */
function firstLine(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(api.port, '127.0.0.1', () => socket.write(bytes));
    socket.setEncoding('latin1');
    socket.on('error', reject);
    socket.once('data', (text: string) => {
      resolve(text.split('\r\n')[0] ?? '');
      socket.destroy();
    });
  });
}
