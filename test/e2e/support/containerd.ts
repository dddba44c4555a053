// Starts a containerd whose hosts.toml sends every pull to one server, as on the nodes of a cluster.
// https://github.com/containerd/containerd/blob/main/docs/hosts.md

import { globSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram, startProgram } from './child-process.ts';
import type { PullClient, PullRequest, PullResult } from './pull-clients.ts';
import { makeTemporaryDirectory } from '../../support/temporary/directory.ts';

/** Need a kernel module, write outside of the root, or serve Kubernetes. */
const disabledPlugins = [
  'io.containerd.grpc.v1.cri',
  'io.containerd.internal.v1.opt',
  ...['aufs', 'btrfs', 'devmapper', 'zfs'].map((kind) => `io.containerd.snapshotter.v1.${kind}`),
];

/** Starts it. Its pulls are of the registry's own name, `127.0.0.1:5000/team-a/app`, and go to the server as a mirror. */
export async function startContainerd(): Promise<PullClient> {
  const directory = makeTemporaryDirectory('containerd');
  const socket = join(directory, 'containerd.sock');
  const settings = join(directory, 'containerd.toml');
  writeFileSync(
    settings,
    [
      'version = 2',
      `root = "${join(directory, 'root')}"`,
      `state = "${join(directory, 'state')}"`,
      `disabled_plugins = ${JSON.stringify(disabledPlugins)}`,
      '[grpc]',
      `  address = "${socket}"`,
    ].join('\n'),
  );
  const program = await startProgram({
    command: 'containerd',
    args: ['--config', settings],
    ready: [/successfully booted/],
  });
  let pulls = 0;
  return {
    name: 'containerd',
    /** In a namespace of its own, and emptied afterwards: content is shared by all. */
    async pull(request) {
      const namespace = `pull-${++pulls}`;
      const run = (...args: string[]) =>
        runProgram({ command: 'ctr', args: ['--address', socket, '--namespace', namespace, ...args] });
      try {
        return await pull(request, join(directory, namespace), run);
      } finally {
        await empty(run);
      }
    },
    expected: ({ blobDigests }) => blobDigests.toSorted(),
    async stop() {
      await program.end('SIGTERM');
    },
  };
}

type Run = (...args: string[]) => ReturnType<typeof runProgram>;

async function pull(request: PullRequest, hostsDirectory: string, run: Run): Promise<PullResult> {
  const registry = request.upstream ?? new URL(request.server).host;
  writeHosts(hostsDirectory, registry, request);
  const user =
    request.login !== undefined && request.challenged === true
      ? ['--user', `${request.login.username}:${request.login.password}`]
      : [];
  const { code, stdout, stderr } = await run(
    'images',
    'pull',
    '--hosts-dir',
    hostsDirectory,
    ...user,
    '--all-platforms',
    '--snapshotter',
    'native',
    `${registry}/${request.repository}:latest`,
  );
  const content = await run('content', 'ls', '--quiet');
  return {
    pulled: code === 0,
    output: stdout + stderr,
    digests: content.stdout.split('\n').filter(Boolean).toSorted(),
  };
}

/** The registry itself is named as a closed port: containerd falls back to it, and a pull that went round the mirror must not succeed. */
function writeHosts(
  hostsDirectory: string,
  registry: string,
  { server, certificateDirectory, login, challenged }: PullRequest,
): void {
  const folder = join(hostsDirectory, registry);
  mkdirSync(folder, { recursive: true });
  const certificate = certificateDirectory === undefined ? undefined : globSync(join(certificateDirectory, '*.crt'))[0];
  const basic =
    challenged === true ? undefined : login && Buffer.from(`${login.username}:${login.password}`).toString('base64');
  writeFileSync(
    join(folder, 'hosts.toml'),
    [
      'server = "http://127.0.0.1:1"',
      `[host."${server}"]`,
      '  capabilities = ["pull", "resolve"]',
      ...(certificate === undefined ? [] : [`  ca = "${certificate}"`]),
      ...(basic === undefined ? [] : [`  [host."${server}".header]`, `    Authorization = ["Basic ${basic}"]`]),
    ].join('\n'),
  );
}

async function empty(run: Run): Promise<void> {
  const images = await run('images', 'ls', '--quiet');
  await run('images', 'rm', '--sync', ...images.stdout.split('\n').filter(Boolean));
  const left = await run('content', 'ls', '--quiet');
  await run('content', 'rm', ...left.stdout.split('\n').filter(Boolean));
}
