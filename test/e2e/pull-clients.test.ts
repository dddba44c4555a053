// Pulls with real clients: each gets each image through Regway from each kind of registry, with nothing but an API token.

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createApiToken, loginWith } from './support/api-tokens.ts';
import { writeBigImage, writeImage, writeIndex } from './support/images.ts';
import type { ImageLayout } from './support/images.ts';
import { operationsOn, registryOf } from './support/operations.ts';
import { pullClientNames, startPullClient } from './support/pull-clients.ts';
import type { PullClient } from './support/pull-clients.ts';
import type { Login } from './support/registries.ts';
import { pullsIn } from './support/registry-log.ts';
import { startServer } from './support/server.ts';
import type { RegwayServer } from './support/server.ts';
import { startUpstreams, upstreamNames } from './support/upstreams.ts';
import type { UpstreamName, Upstreams, UpstreamUser } from './support/upstreams.ts';

const alice: UpstreamUser = {
  username: 'alice',
  password: 'correct:horse "bättery" /+%',
  rights: { 'team-a/': ['pull'] },
};
/** A layer of the size that machine-learning images have many of. */
const bigLayerBytes = 200 * 1024 * 1024;

const imageNames = ['single', 'index', 'big'] as const;

let upstreams: Upstreams;
let server: RegwayServer;
let login: Login;
let images: Readonly<Record<(typeof imageNames)[number], ImageLayout>>;

beforeAll(async () => {
  upstreams = await startUpstreams([alice]);
  images = {
    single: writeImage(join(upstreams.directory, 'single-image')),
    index: writeIndex(join(upstreams.directory, 'index-image'), ['amd64', 'arm64', 'arm']),
    big: writeBigImage(join(upstreams.directory, 'big-image'), bigLayerBytes),
  };
  for (const name of imageNames) {
    await upstreams.push(images[name], `team-a/${name}`);
  }
  server = await startServer({ settings: { REGWAY_CA_FILE: upstreams.authority.certificateFile } });
  const operations = operationsOn(server);
  for (const name of upstreamNames) {
    registryOf(await operations.create(upstreams.input(name, alice, '/team-a/*'), upstreams.settings(name)));
  }
  login = loginWith(await createApiToken(server.dataDirectory, { role: 'PULL' }));
});

afterAll(async () => {
  await server?.stop();
  await upstreams?.stop();
});

describe('the registries behind Regway', () => {
  test.each(upstreamNames)('the registry "%s" serves nothing without a login and the image with one', async (name) => {
    const skopeo = await startPullClient.skopeo();
    const direct = {
      server: `${name === 'basic' ? 'http' : 'https'}://${upstreams[name].host}`,
      certificateDirectory: name === 'basic' ? undefined : upstreams.authority.certificateDirectory,
      repository: 'team-a/single',
    };
    expect(await skopeo.pull(direct)).toMatchObject({ pulled: false });
    expect(await skopeo.pull({ ...direct, login: alice })).toMatchObject({
      pulled: true,
      digests: skopeo.expected(images.single),
    });
  });

  test('every blob of the redirecting registry is at a server that answers 400 to an Authorization header', async () => {
    const {
      blobDigests: [digest = ''],
    } = images.single;
    const path = `/docker/registry/v2/blobs/sha256/${digest.slice(7, 9)}/${digest.slice(7)}/data`;
    const ask = (headers: Record<string, string>) => statusOf(`${upstreams.storage.url}${path}`, headers);
    expect(await ask({})).toBe(200);
    expect(await ask({ authorization: 'Basic Og==' })).toBe(400);
  });
});

describe.each(pullClientNames)('%s', (clientName) => {
  let client: PullClient;

  beforeAll(async () => {
    client = await startPullClient[clientName]();
  });

  afterAll(async () => client?.stop());

  describe.each(upstreamNames)('from the registry "%s"', (upstreamName) => {
    test.each(imageNames)(
      'pulls the image "%s" with the credential of its owner, which it never had',
      async (imageName) => {
        const before = upstreams[upstreamName].log().length;
        const { pulled, output, digests } = await client.pull(behindRegway(upstreamName, imageName));
        expect(pulled, output).toBe(true);
        expect(digests).toEqual(client.expected(images[imageName]));
        const pulls = pullsIn(upstreams[upstreamName].log().slice(before));
        expect(pulls.length).toBeGreaterThan(0);
        expect(pulls).toEqual(
          pulls.map(({ kind }) => ({ username: alice.username, repository: `team-a/${imageName}`, kind })),
        );
      },
    );
  });

  test('gets nothing without a token', async () => {
    expect(await client.pull({ ...behindRegway('basic', 'single'), login: undefined })).toMatchObject({
      pulled: false,
    });
  });
});

test('containerd that answers the challenge itself, without a login in hosts.toml, pulls from every registry', async () => {
  const containerd = await startPullClient.containerd();
  for (const name of upstreamNames) {
    const { pulled, output, digests } = await containerd.pull({ ...behindRegway(name, 'single'), challenged: true });
    expect(pulled, output).toBe(true);
    expect(digests).toEqual(containerd.expected(images.single));
  }
  await containerd.stop();
});

test('no Authorization header reached the storage behind the redirecting registry, and the blobs did come from there', () => {
  const requests = upstreams.storage.requests().filter(({ status }) => status !== 400);
  expect(requests.length).toBeGreaterThan(pullClientNames.length * imageNames.length);
  expect(requests.filter(({ authorization }) => authorization !== null)).toEqual([]);
});

function behindRegway(upstream: UpstreamName, image: (typeof imageNames)[number]) {
  return { server: server.url, upstream: upstreams[upstream].host, repository: `team-a/${image}`, login };
}

async function statusOf(url: string, headers: Record<string, string>): Promise<number | undefined> {
  const request = get(url, { headers, ca: readFileSync(upstreams.authority.certificateFile) });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  response.resume();
  return response.statusCode;
}
