// A password that was sent, wherever it was put, is in no answer and in no line of the log.

import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { Problem } from '../../../src/core/shared/problem.ts';
import { creation, openApi, type TestApi } from './harness.ts';

const marker = 'Sw0rdf1sh-marker';

let api: TestApi;

beforeAll(async () => {
  api = await openApi();
});

beforeEach(() => {
  api.domain.outcome = 'VALID';
  for (const name of Object.keys(api.overrides)) delete api.overrides[name as keyof typeof api.overrides];
});

afterAll(() => api.close());

const json = { 'content-type': 'application/json' };
const pass = { registry_pass: marker };
const base64 = Buffer.from(`u:${marker}`).toString('base64');
/** Method, path and the rest of requests that carry the marker. */
const requests: [string, string, string, { headers?: Record<string, string>; body?: unknown }][] = [
  ['a create', 'POST', '/registries', { body: creation('ok.example', pass) }],
  ['a create of an existing registry', 'POST', '/registries', { body: creation('ok.example', pass) }],
  ['an update', 'PUT', '/registries/ok.example', { body: pass }],
  ['an update of a missing registry', 'PUT', '/registries/missing.example', { body: pass }],
  ['an update to another registry', 'PUT', '/registries/ok.example', { body: { ...pass, registry: 'other.example' } }],
  ['a list for a password', 'POST', '/registries', { body: creation('a.example', { registry_pass: [marker] }) }],
  [
    'an object for a password',
    'POST',
    '/registries',
    { body: creation('a.example', { registry_pass: { [marker]: marker } }) },
  ],
  ['a password with NUL', 'POST', '/registries', { body: creation('a.example', { registry_pass: `${marker}\0` }) }],
  ['a long password', 'POST', '/registries', { body: creation('a.example', { registry_pass: marker.repeat(5_000) }) }],
  [
    'a body too large',
    'POST',
    '/registries',
    { body: creation('a.example', { registry_pass: marker.repeat(20_000) }) },
  ],
  ['the password as type', 'POST', '/registries', { body: creation('a.example', { registry_type: marker }) }],
  ['the password as TLS policy', 'POST', '/registries', { body: creation('a.example', { registry_verify: marker }) }],
  [
    'the password as a long name',
    'POST',
    '/registries',
    { body: creation('a.example', { registry_name: marker.repeat(50) }) },
  ],
  [
    'the password in the user name',
    'POST',
    '/registries',
    { body: creation('a.example', { registry_user: `u:${marker}` }) },
  ],
  [
    'the password in the registry',
    'POST',
    '/registries',
    { body: creation(`https://u:${marker}@a.example`, { registry_name: 'x' }) },
  ],
  [
    'the password in the registry without a scheme',
    'POST',
    '/registries',
    { body: creation(`u:${marker}@a.example`, { registry_name: 'x' }) },
  ],
  ['the password as a list', 'POST', '/registries', { body: [marker] }],
  ['only the password', 'POST', '/registries', { body: `"${marker}"`, headers: json }],
  ['JSON cut short', 'POST', '/registries', { body: `{"registry_pass": "${marker}`, headers: json }],
  ['JSON with the password unquoted', 'POST', '/registries', { body: `{"registry_pass": ${marker}}`, headers: json }],
  [
    'a form',
    'POST',
    '/registries',
    { body: `registry_pass=${marker}`, headers: { 'content-type': 'application/x-www-form-urlencoded' } },
  ],
  [
    'the password in the media type',
    'POST',
    '/registries',
    { body: '{}', headers: { 'content-type': `application/${marker}` } },
  ],
  ['the password in the query', 'POST', `/registries?validate=${marker}`, { body: creation('a.example', pass) }],
  ['the password in the path', 'GET', `/registries/u:${marker}@a.example`, {}],
  ['the password in a bad escape', 'GET', `/registries/${marker}%zz`, {}],
  ['the password in an address', 'GET', `/${marker}`, {}],
  ['the password as method of an address', 'DELETE', `/registries?${marker}`, {}],
  ['the password as account', 'GET', '/registries', { headers: { 'x-anchore-account': marker } }],
  ['the password as a token', 'GET', '/registries', { headers: { Authorization: `Bearer ${marker}` } }],
  ['the password as a login', 'GET', '/registries', { headers: { Authorization: `Basic ${base64}` } }],
  ['the password as a scheme', 'GET', '/registries', { headers: { Authorization: `${marker} x` } }],
];

const expectSilence = async (method: string, path: string, sent: (typeof requests)[number][3]): Promise<void> => {
  const who = sent.headers?.['Authorization'] === undefined ? ('READ_WRITE' as const) : null;
  const answer = await api.raw(method, `/api/v2${path}`, { ...sent, who });
  expect(JSON.stringify([answer.headers, answer.text])).not.toMatch(new RegExp(`${marker}|${base64}`));
  await sleep(5);
  expect(api.log.join('')).not.toMatch(new RegExp(`${marker}|${base64}`));
};

test.each(requests)('%s', async (_, method, path, sent) => {
  await expectSilence(method, path, sent);
});

test.each(requests)('%s, while every check fails', async (_, method, path, sent) => {
  api.domain.outcome = 'INVALID_CREDENTIALS';
  await expectSilence(method, path, sent);
});

test.each([
  [
    'an internal error',
    () => new Error(`INSERT failed: ${marker}\n    at ${marker} (file.ts:1:1)`, { cause: new Error(marker) }),
  ],
  ['no error at all', () => marker],
  [
    'a storage fault behind a problem',
    () => new Problem('STORAGE_UNAVAILABLE', 'The database does not answer.', { cause: new Error(marker) }),
  ],
])('%s that holds the password', async (_, fault) => {
  for (const name of ['list', 'get', 'create', 'update', 'delete'] as const) {
    api.overrides[name] = async () => {
      throw fault();
    };
  }
  await expectSilence('GET', '/registries', {});
  await expectSilence('POST', '/registries', { body: creation('a.example', pass) });
  await expectSilence('PUT', '/registries/ok.example', { body: pass });
  await expectSilence('DELETE', '/registries/ok.example', {});
});

test('what was sent with the password was understood', async () => {
  expect((await api.send('GET', '/registries')).body).toMatchObject([{ registry: 'ok.example' }]);
  expect(api.domain.asked.some(({ password }) => password === marker)).toBe(true);
});
