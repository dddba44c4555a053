// A password that was typed into every operation, right and wrong, is found nowhere afterwards, in no common encoding.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { filesBelow, findMarker, randomMarker } from './support/marker.ts';
import { documents, operationsOn, registryOf } from './support/operations.ts';
import type { Operations } from './support/operations.ts';
import { alice, startBasicRegistry } from './support/registries.ts';
import type { RealRegistry } from './support/registries.ts';
import { newDataDirectory, startServer } from './support/server.ts';
import type { RegwayServer } from './support/server.ts';

const insecure = { secureConnection: false };
const marker = randomMarker();
/** Shown by design: the same search must find it, or the search proves nothing. */
const username = `visible${randomMarker().slice(0, 21)}`;

let registry: RealRegistry;
let server: RegwayServer;
let operations: Operations;
let dataDirectory: string;
/** Answers that did not come through `server.graphql`. */
const otherAnswers: string[] = [];
/** The places where the search found the username at any time. */
const placesOfUsername = new Set<string>();

beforeAll(async () => {
  registry = await startBasicRegistry([alice, { username, password: marker }]);
  dataDirectory = newDataDirectory();
  server = await startServer({ dataDirectory, settings: { REGWAY_LOG_LEVEL: 'trace' } });
  operations = operationsOn(server);
});

afterAll(async () => {
  await server?.stop();
  await registry?.stop();
});

const mistakes: [string, unknown][] = [
  ['an unknown field next to it', { registry: 'a.example', username: 'u', password: marker, bogus: 1 }],
  ['its field misspelled', { registry: 'a.example', username: 'u', passwort: marker }],
  ['it in a list', { registry: 'a.example', username: 'u', password: [marker] }],
  ['it in an object', { registry: 'a.example', username: 'u', password: { value: marker } }],
  ['a required field missing', { registry: 'a.example', password: marker }],
  ['another field of the wrong type', { registry: 7, username: 'u', password: marker }],
  ['an unknown enum value next to it', { registry: 'a.example', username: 'u', password: marker, type: 'DOCKER_V9' }],
  ['it in place of the enum value', { registry: 'a.example', username: 'u', password: 'x', type: marker }],
  ['it in place of the whole input', marker],
  ['a list in place of the whole input', [{ password: marker }]],
  ['a lone surrogate behind it', { registry: 'a.example', username: 'u', password: `${marker}\ud800` }],
  ['a line break behind it', { registry: 'a.example', username: 'u', password: `${marker}\r\nX-Injected: 1` }],
  [
    'a far too long password that begins with it',
    { registry: 'a.example', username: 'u', password: marker.repeat(2000) },
  ],
  ['an invalid registry next to it', { registry: 'https://a.example/', username: 'u', password: marker }],
];

const quoted = JSON.stringify(marker);
const literals: [string, string][] = [
  [
    'in its place',
    `mutation { checkRegistry(input: { registry: "a.invalid", username: "u", password: ${quoted} }) { errors { message } } }`,
  ],
  [
    'next to an unknown field',
    `mutation { checkRegistry(input: { registry: "a", username: "u", password: ${quoted}, bogus: 1 }) { errors { message } } }`,
  ],
  [
    'in a list',
    `mutation { checkRegistry(input: { registry: "a", username: "u", password: [${quoted}] }) { errors { message } } }`,
  ],
  [
    'in an object',
    `mutation { checkRegistry(input: { registry: "a", username: "u", password: { value: ${quoted} } }) { errors { message } } }`,
  ],
  [
    'in place of a boolean',
    `mutation { checkRegistry(secureConnection: ${quoted}, input: { registry: "a", username: "u", password: "x" }) { errors { message } } }`,
  ],
  [
    'in place of an enum value',
    `mutation { checkRegistry(input: { registry: "a", username: "u", password: "x", type: ${quoted} }) { errors { message } } }`,
  ],
  ['of an unknown argument', `mutation { checkRegistry(password: ${quoted}) { errors { message } } }`],
  ['of an unknown field', `{ nothing(password: ${quoted}) }`],
  [
    'as a bare word',
    `mutation { checkRegistry(input: { registry: "a", username: "u", password: ${marker.slice(0, 21).replace(/^\d/, 'x')} }) { errors { message } } }`,
  ],
  [
    'as the default of a variable',
    `mutation($input: CreateRegistryInput! = { registry: "a", username: "u", password: ${quoted}, bogus: 1 }) { checkRegistry(input: $input) { errors { message } } }`,
  ],
  ['behind a syntax error', `mutation { checkRegistry(input: { password: ${quoted} } }`],
  ['that never ends', `mutation { checkRegistry(input: { password: ${quoted.slice(0, -1)}`],
  ['followed by another', `mutation { checkRegistry(input: { password: ${quoted} ${quoted}`],
];

const json = JSON.stringify({
  query: documents.check,
  variables: { input: { registry: 'a', username: 'u', password: marker } },
});
const requests: [string, string, RequestInit][] = [
  [
    'JSON that is cut off',
    '/graphql',
    { method: 'POST', headers: { 'content-type': 'application/json' }, body: json.slice(0, -3) },
  ],
  [
    'JSON that begins with the password',
    '/graphql',
    { method: 'POST', headers: { 'content-type': 'application/json' }, body: marker },
  ],
  ['another media type', '/graphql', { method: 'POST', headers: { 'content-type': 'text/plain' }, body: json }],
  [
    'a form',
    '/graphql',
    {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `query=${encodeURIComponent(marker)}`,
    },
  ],
  [
    'variables in the address',
    `/graphql?query=${encodeURIComponent(documents.check)}&variables=${encodeURIComponent(JSON.stringify({ input: { password: marker } }))}`,
    {},
  ],
  ['it in the path', `/${encodeURIComponent(marker)}`, {}],
  [
    'it in the place of the token',
    '/graphql',
    {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${marker.slice(0, 21)}` },
      body: json,
    },
  ],
  [
    'it in a Basic login',
    '/graphql',
    {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: `Basic ${Buffer.from(`u:${marker}`).toString('base64')}`,
      },
      body: json,
    },
  ],
];

describe('a password', () => {
  test('is nowhere after every operation that accepts it', async () => {
    const credential = { username, password: marker };
    const wrong = { username: alice.username, password: marker };
    const input = (path: string, login: { username: string; password: string }) => ({
      registry: registry.host + path,
      ...login,
    });

    expect(await operations.check(input('', credential), insecure)).toMatchObject({ outcome: 'VALID' });
    expect(await operations.check(input('', wrong), insecure)).toMatchObject({ outcome: 'INVALID_CREDENTIALS' });
    expect(await operations.check(input('', wrong))).toMatchObject({ valid: false });
    const made = registryOf(await operations.create(input('/team-a/*', credential), insecure));
    expect(await operations.create(input('', wrong), insecure)).toMatchObject({ registry: null });
    expect(await operations.create(input('/team-a/*', credential), insecure)).toMatchObject({
      errors: [{ code: 'ALREADY_EXISTS' }],
    });
    registryOf(await operations.create(input('/unchecked', wrong), { ...insecure, validate: false }));
    registryOf(await operations.update(made.id, { name: 'renamed' }, insecure));
    registryOf(await operations.update(made.id, { password: marker }, insecure));
    expect(await operations.update(made.id, wrong, insecure)).toMatchObject({
      errors: [{ code: 'VALIDATION_FAILED' }],
    });
    expect(await operations.validate(made.id)).toMatchObject({ validation: { outcome: 'VALID' } });
    expect(await operations.get({ id: made.id })).toMatchObject({ username });
    expect((await operations.list()).totalCount).toBe(2);
    expect((await operations.image(`${registry.host}/team-a/app`)).registry).toMatchObject({ username });
    for (const login of [credential, wrong]) {
      await rawProgress({ input: input('', login), ...insecure });
    }
    await expectNowhere();
    expect(await operations.delete(made.id)).toMatchObject({ errors: [] });
    await expectNowhere();
  });

  test.each(mistakes)('is nowhere after a call with %s as a variable', async (_what, input) => {
    const id = `reg_${'0'.repeat(32)}`;
    for (const document of [documents.create, documents.check, documents.update, documents.progress]) {
      await server.graphql(document, { id, input });
    }
    await rawProgress({ input });
    await expectNowhere();
  });

  test.each(literals)('is nowhere after a document with it as a literal %s', async (_what, document) => {
    await server.graphql(document);
    await expectNowhere();
  });

  test.each(requests)('is nowhere after a request with %s', async (_what, path, request) => {
    const headers = {
      authorization: `Bearer ${server.firstToken()}`,
      ...(request.headers as Record<string, string> | undefined),
    };
    const response = await fetch(server.url + path, { ...request, headers });
    otherAnswers.push(JSON.stringify([...response.headers]) + (await response.text()));
    await expectNowhere();
  });

  test('is nowhere once the server ended, and neither is the first token on the disk', async () => {
    const token = server.firstToken();
    await server.stop();
    expect(findMarker(marker, placesNow())).toEqual([]);
    const secretPart = token.slice(token.lastIndexOf('_') + 1);
    expect(secretPart.length).toBeGreaterThan(30);
    expect(findMarker(secretPart, filesBelow(dataDirectory))).toEqual([]);
  });

  test('would have been found: the same search found the username, which is no secret, where it belongs', () => {
    const places = [...placesOfUsername];
    expect(places).toContain('answers');
    expect(places.filter((place) => place.startsWith(dataDirectory)).length).toBeGreaterThan(0);
    expect(places.filter((place) => place.endsWith('-wal')).length).toBeGreaterThan(0);
  });
});

/** Runs the subscription and keeps the event stream as it came. */
async function rawProgress(variables: object): Promise<void> {
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'text/event-stream',
      authorization: `Bearer ${server.firstToken()}`,
    },
    body: JSON.stringify({ query: documents.progress, variables }),
  });
  otherAnswers.push(await response.text());
}

async function expectNowhere(): Promise<void> {
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  expect(metrics).toContain('regway_validations_total');
  expect(server.output().length).toBeGreaterThan(100);
  const places = placesNow().set('metrics', metrics);
  findMarker(username, places).forEach(({ place }) => placesOfUsername.add(place));
  expect(findMarker(marker, places)).toEqual([]);
}

/** Returns all output of the server so far, and the files on its disk. */
function placesNow(): Map<string, Uint8Array | string> {
  return new Map<string, Uint8Array | string>(filesBelow(dataDirectory))
    .set('answers', [...server.answers, ...otherAnswers].join('\n'))
    .set('output', server.output());
}
