// Uses the results for other programs in those programs: a pull token at the upstream registry, and the files of pull clients.

import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApiToken } from './support/api-tokens.ts';
import { runProgram, startProgram } from './support/child-process.ts';
import { writeImage } from './support/images.ts';
import { operationsOn, registryOf, type RegistryNode } from './support/operations.ts';
import { startServer, type RegwayServer } from './support/server.ts';
import { startUpstreams, type Upstreams, type UpstreamUser } from './support/upstreams.ts';
import { makeTemporaryDirectory } from '../support/temporary/directory.ts';

const alice: UpstreamUser = {
  username: 'alice',
  password: 'MARKER-password-of-alice',
  rights: { 'team-a/': ['pull'] },
};

interface PullConfig {
  readonly fileName: string;
  readonly content: string;
}

interface PullToken {
  readonly token: string | null;
  readonly expiresAt: string | null;
  readonly lines: { readonly skopeo: string } | null;
  readonly errors: readonly { readonly code: string; readonly reason: string | null; readonly message: string }[];
}

let upstreams: Upstreams;
let server: RegwayServer;
let puller: string;
let registries: Readonly<Record<'token' | 'basic', RegistryNode>>;
let directory: string;

beforeAll(async () => {
  directory = makeTemporaryDirectory('hand-over');
  upstreams = await startUpstreams([alice]);
  const image = writeImage(join(upstreams.directory, 'image'));
  for (const repository of ['team-a/app', 'team-a/other']) await upstreams.push(image, repository);
  const plainHttpHosts = upstreams.basic.host;
  server = await startServer({
    settings: { REGWAY_CA_FILE: upstreams.authority.certificateFile, REGWAY_PLAIN_HTTP_HOSTS: plainHttpHosts },
  });
  const operations = operationsOn(server);
  const create = async (name: 'token' | 'basic') =>
    registryOf(await operations.create(upstreams.input(name, alice), upstreams.settings(name)));
  registries = { token: await create('token'), basic: await create('basic') };
  puller = await createApiToken(server.dataDirectory, { role: 'PULL' });
});

afterAll(async () => {
  await server?.stop();
  await upstreams?.stop();
});

async function pullToken(image: string): Promise<PullToken> {
  const { body } = await server.graphql(
    'mutation ($image: String!) { createPullToken(image: $image) { token expiresAt lines { skopeo } errors { code reason message } } }',
    { image },
    puller,
  );
  return (body.data as { createPullToken: PullToken }).createPullToken;
}

/** Writes the file where its client looks for it, and returns its path. */
async function writeConfig(format: string, hosts: readonly string[], folder = directory): Promise<string> {
  const variables = { format, hosts, token: puller };
  const { body } = await server.graphql(
    'query ($format: PullConfigFormat!, $hosts: [String!], $token: Secret) { pullConfig(format: $format, hosts: $hosts, token: $token) { fileName content } }',
    variables,
    puller,
  );
  const { fileName, content } = (body.data as { pullConfig: PullConfig }).pullConfig;
  const path = join(folder, fileName);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

async function skopeo(...args: readonly string[]): Promise<{ readonly code: number | null; readonly output: string }> {
  const { code, stdout, stderr } = await runProgram({
    command: 'skopeo',
    args: ['--insecure-policy', ...args],
    env: { PATH: process.env['PATH'], HOME: directory, XDG_RUNTIME_DIR: directory },
  });
  return { code, output: stdout + stderr };
}

test('a pull token is valid only for its repository at the upstream registry until it expires, and the password is not exposed', async () => {
  const { token, expiresAt, lines, errors } = await pullToken(`${upstreams.token.host}/team-a/app`);
  expect([errors, lines?.skopeo.includes(`--src-registry-token=${token}`)]).toEqual([[], true]);
  expect(new Date(expiresAt ?? 0).getTime()).toBeGreaterThan(Date.now());
  const inspect = (repository: string) =>
    skopeo(
      'inspect',
      '--no-tags',
      '--cert-dir',
      upstreams.authority.certificateDirectory,
      `--registry-token=${token}`,
      `docker://${upstreams.token.host}/${repository}:latest`,
    );
  expect(await inspect('team-a/app')).toMatchObject({ code: 0 });
  expect(await inspect('team-a/other')).not.toMatchObject({ code: 0 });
  expect(server.output()).not.toContain(token);
  expect(server.answers.join('\n')).not.toContain(alice.password);
});

test('a registry that accepts only passwords has no token; the image name in the error can be pulled', async () => {
  const { token, errors } = await pullToken(`${upstreams.basic.host}/team-a/app`);
  expect([token, errors]).toMatchObject([null, [{ code: 'UPSTREAM_FAILED', reason: 'NO_TOKENS' }]]);
  const name = /Pull it as (\S+),/.exec(errors[0]?.message ?? '')?.[1];
  const authFile = await writeConfig('AUTH_JSON', []);
  expect(
    await skopeo('inspect', '--no-tags', '--tls-verify=false', '--authfile', authFile, `docker://${name}:latest`),
  ).toMatchObject({ code: 0 });
});

test.each(['AUTH_JSON', 'DOCKER_CONFIG'])(
  "skopeo pulls by the registry's own name with %s and registries.conf",
  async (format) => {
    const [authFile, registriesFile] = [
      await writeConfig(format, []),
      await writeConfig('PODMAN_REGISTRIES_CONF', [upstreams.token.host]),
    ];
    const reference = `docker://${upstreams.token.host}/team-a/app:latest`;
    expect(
      await skopeo('--registries-conf', registriesFile, 'inspect', '--no-tags', '--authfile', authFile, reference),
    ).toMatchObject({ code: 0 });
    expect(await skopeo('--registries-conf', registriesFile, 'inspect', '--no-tags', reference)).not.toMatchObject({
      code: 0,
    });
  },
);

test.each([
  ['the file of one host', (host: string) => [host]],
  ['the file for all hosts', () => []],
])('containerd pulls with %s, and by no other way', async (_, hosts) => {
  const folder = makeTemporaryDirectory('containerd');
  const [socket, settings, hostsFolder] = [
    join(folder, 'c.sock'),
    join(folder, 'config.toml'),
    join(folder, 'certs.d'),
  ];
  await writeConfig('CONTAINERD_HOSTS_TOML', hosts(upstreams.token.host), hostsFolder);
  writeFileSync(
    settings,
    `version = 2\nroot = "${folder}/root"\nstate = "${folder}/state"\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n[grpc]\naddress = "${socket}"\n`,
  );
  const containerd = await startProgram({
    command: 'containerd',
    args: ['--config', settings],
    ready: [/successfully booted/],
  });
  try {
    const fetch = (repository: string) =>
      runProgram({
        command: 'ctr',
        args: [
          '--address',
          socket,
          'content',
          'fetch',
          '--hosts-dir',
          hostsFolder,
          `${upstreams.token.host}/${repository}:latest`,
        ],
      });
    const before = upstreams.tokenServer.requests().length;
    expect(await fetch('team-a/app')).toMatchObject({ code: 0 });
    const refused = await fetch('team-c/app');
    expect(refused.code).not.toBe(0);
    expect(refused.stdout + refused.stderr).not.toContain(`https://${upstreams.token.host}`);
    expect(
      upstreams.tokenServer
        .requests()
        .slice(before)
        .every(({ username }) => username === alice.username),
    ).toBe(true);
  } finally {
    await containerd.end('SIGTERM');
  }
});

test('each use is in the ledger about a second later, with who and what', async () => {
  await pullToken(`${upstreams.token.host}/team-a/app`);
  const document = 'query ($id: ID!) { registry(id: $id) { lastUsedAt uses { actor image version outcome count } } }';
  const read = async () =>
    (await server.graphql(document, { id: registries.token.id })).body.data as {
      registry: { lastUsedAt: string | null; uses: readonly object[] };
    };
  await expect.poll(async () => (await read()).registry.lastUsedAt, { timeout: 10_000 }).not.toBeNull();
  expect((await read()).registry.uses).toContainEqual({
    actor: expect.stringMatching(/^token:/),
    image: `${upstreams.token.host}/team-a/app`,
    version: 1,
    outcome: 'DONE',
    count: expect.any(Number),
  });
});
