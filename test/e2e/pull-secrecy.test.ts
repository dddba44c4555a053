// The traffic between clients and Regway never contains the upstream's password, in any common encoding.

import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApiToken, loginWith } from './support/api-tokens.ts';
import { freePort } from './support/free-port.ts';
import { writeImage } from './support/images.ts';
import { findMarker, randomMarker } from './support/marker.ts';
import { operationsOn, registryOf } from './support/operations.ts';
import { pullClientNames, startPullClient } from './support/pull-clients.ts';
import { basicAuthorization, getManifest, pullAll } from './support/raw-pull.ts';
import { startRecorder } from './support/recorder.ts';
import type { Recorder } from './support/recorder.ts';
import { startServer } from './support/server.ts';
import type { RegwayServer } from './support/server.ts';
import { startUpstreams, upstreamNames } from './support/upstreams.ts';
import type { Upstreams, UpstreamUser } from './support/upstreams.ts';

const marker = randomMarker();
const alice: UpstreamUser = { username: 'alice', password: marker, rights: { 'team-a/': ['pull'] } };
/** The same password is stored for her where it is wrong. */
const mallory = { username: 'mallory', password: marker };

let upstreams: Upstreams;
let recorder: Recorder;
let server: RegwayServer;
let token: string;
/** The output of the clients. */
const outputs: string[] = [];

beforeAll(async () => {
  [upstreams, recorder] = await Promise.all([startUpstreams([alice]), startRecorder()]);
  await upstreams.push(writeImage(join(upstreams.directory, 'image')), 'team-a/app');
  const listen = `127.0.0.1:${await freePort('127.0.0.1')}`;
  server = await startServer({
    settings: {
      REGWAY_CA_FILE: upstreams.authority.certificateFile,
      REGWAY_LISTEN: listen,
      // Clients request tokens from the address in the challenge.
      REGWAY_PUBLIC_URL: recorder.url,
      REGWAY_LOG_LEVEL: 'trace',
    },
  });
  recorder.forwardTo(`http://${listen}`);
  const operations = operationsOn(server);
  for (const name of upstreamNames) {
    registryOf(await operations.create(upstreams.input(name, alice, '/team-a/*'), upstreams.settings(name)));
    registryOf(
      await operations.create(upstreams.input(name, mallory, '/team-b/*'), {
        ...upstreams.settings(name),
        validate: false,
      }),
    );
  }
  token = await createApiToken(server.dataDirectory, { role: 'PULL' });
  // The one who stores a password sends it, of course.
  recorder.clear();
});

afterAll(async () => {
  await server?.stop();
  await recorder?.stop();
  await upstreams?.stop();
});

test.each(pullClientNames)(
  '%s pulls, is rejected with a bad credential, and requests content that does not exist',
  async (name) => {
    const client = await startPullClient[name]();
    for (const upstream of upstreamNames) {
      const request = { server: recorder.url, upstream: upstreams[upstream].host, login: loginWith(token) };
      const wanted = await client.pull({ ...request, repository: 'team-a/app' });
      const refused = await client.pull({ ...request, repository: 'team-b/app' });
      const missing = await client.pull({ ...request, repository: 'team-a/missing' });
      outputs.push(wanted.output, refused.output, missing.output);
      expect([wanted.pulled, refused.pulled, missing.pulled], wanted.output).toEqual([true, false, false]);
    }
    await client.stop();
  },
);

test.each([
  ['the right token', () => basicAuthorization(token), [200, 403, 404, 400]],
  ['no token', () => null, [401, 401, 401, 400]],
  ['an unknown token', () => basicAuthorization('rgw_unknown'), [401, 401, 401, 400]],
  [
    'a user name and password that are no token',
    () => `Basic ${Buffer.from('alice:x').toString('base64')}`,
    [401, 401, 401, 400],
  ],
])(
  'bare requests with %s for a good, a refused, a missing and an impossible repository',
  async (_what, authorization, statuses) => {
    for (const upstream of upstreamNames) {
      const actual: number[] = [];
      for (const repository of ['team-a/app', 'team-b/app', 'team-a/missing', 'TEAM-A/app']) {
        actual.push(
          (
            await pullAll({
              server: recorder.url,
              upstream: upstreams[upstream].host,
              repository,
              authorization: authorization(),
            })
          ).status,
        );
      }
      expect(actual, upstream).toEqual(statuses);
    }
  },
);

test('the password is nowhere on that wire, in what clients printed, or in the log', () => {
  const places = new Map<string, Buffer | string>([
    ['sent by clients', recorder.sent()],
    ['received by clients', recorder.received()],
    ['printed by clients', outputs.join('\n')],
    ['the log', server.output()],
  ]);
  expect(findMarker(marker, places)).toEqual([]);
});

test('the same search finds the token that clients sent, and what they received is all there', () => {
  const found = findMarker(token, new Map([['sent by clients', recorder.sent()]]));
  expect(found.map(({ place }) => place)).toContain('sent by clients');
  expect(recorder.received().includes('application/vnd.oci.image.manifest.v1+json')).toBe(true);
  expect(outputs.join('\n').length).toBeGreaterThan(100);
});

test('every challenge that clients received names Regway and no upstream', async () => {
  const challenges = [
    ...recorder
      .received()
      .toString('latin1')
      .matchAll(/^www-authenticate: *(.*)\r$/gim),
  ].map(([, value = '']) => value);
  expect(challenges.length).toBeGreaterThan(0);
  const { headers } = await getManifest({
    server: recorder.url,
    upstream: upstreams.basic.host,
    repository: 'team-a/app',
    authorization: null,
  });
  const scopeless = (challenge: string) => challenge.replace(/,\s*(scope|error)="[^"]*"/g, '');
  expect(new Set(challenges.map(scopeless))).toEqual(new Set([scopeless(headers.get('www-authenticate') ?? '')]));
  expect(challenges.filter((challenge) => !challenge.includes(`realm="${recorder.url}/`))).toEqual([]);
});
