// The programs that people pull images with, each with a store of its own that is empty before every pull.

import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from './child-process.ts';
import { startContainerd } from './containerd.ts';
import type { ImageLayout } from './images.ts';
import type { Login } from './registries.ts';
import { makeTemporaryDirectory } from '../../support/temporary/directory.ts';

/** One pull. */
export interface PullRequest {
  /** Where the client connects to: Regway, or a registry itself. `http://…` or `https://…`, no path. */
  readonly server: string;
  /** Folder with the authority's certificate as `*.crt`, for https. */
  readonly certificateDirectory?: string | undefined;
  /** The registry's `host:port` when `server` is Regway. */
  readonly upstream?: string | undefined;
  readonly repository: string;
  /** None pulls without a login. */
  readonly login?: Login | undefined;
  /** For containerd, that it answers the server's challenge with the login; otherwise its settings send it along from the start. */
  readonly challenged?: boolean;
}

export interface PullResult {
  /** Exit code 0. */
  readonly pulled: boolean;
  /** All that the client printed. */
  readonly output: string;
  /** Digests of what the client has now, in order. */
  readonly digests: readonly string[];
}

export interface PullClient {
  readonly name: PullClientName;
  /** Pulls the tag `latest` into an empty store. */
  pull(request: PullRequest): Promise<PullResult>;
  /** Returns the digests that a pull of the image reports. */
  expected(image: ImageLayout): readonly string[];
  stop(): Promise<void>;
}

export const pullClientNames = ['skopeo', 'podman', 'buildah', 'containerd'] as const;
export type PullClientName = (typeof pullClientNames)[number];

/** Starts what the client needs; most need nothing. */
export const startPullClient: Readonly<Record<PullClientName, () => Promise<PullClient>>> = {
  skopeo: async () => skopeo,
  podman: async () => storageClient('podman'),
  buildah: async () => storageClient('buildah'),
  containerd: startContainerd,
};

/** Go's name of this machine's architecture. */
const architecture = process.arch === 'x64' ? 'amd64' : process.arch;

/** Makes an empty folder for one pull and removes it afterwards. */
export async function withDirectory<Result>(run: (directory: string) => Promise<Result>): Promise<Result> {
  const directory = makeTemporaryDirectory('pull');
  try {
    return await run(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** As a client spells an image behind Regway: the port of the registry's host is written with an underscore. */
export function pathStyleReference({ server, upstream, repository }: PullRequest): string {
  const prefix = upstream === undefined ? '' : `${upstream.replace(':', '_')}/`;
  return `${new URL(server).host}/${prefix}${repository}:latest`;
}

/** Copies to an OCI layout, every image of an index. */
const skopeo: PullClient = {
  name: 'skopeo',
  pull: (request) =>
    withDirectory(async (directory) => {
      const layout = join(directory, 'layout');
      const login =
        request.login === undefined
          ? ['--src-no-creds']
          : ['--src-creds', `${request.login.username}:${request.login.password}`];
      const trust =
        request.certificateDirectory === undefined
          ? ['--src-tls-verify=false']
          : ['--src-cert-dir', request.certificateDirectory];
      const { code, stdout, stderr } = await runProgram({
        command: 'skopeo',
        args: [
          '--insecure-policy',
          'copy',
          '--all',
          '--preserve-digests',
          ...login,
          ...trust,
          `docker://${pathStyleReference(request)}`,
          `oci:${layout}:latest`,
        ],
        env: bareEnvironment(directory),
      });
      const digests = code === 0 ? readdirSync(join(layout, 'blobs/sha256')).map((hex) => `sha256:${hex}`) : [];
      return { pulled: code === 0, output: stdout + stderr, digests: digests.toSorted() };
    }),
  expected: (image) => image.blobDigests.toSorted(),
  stop: async () => undefined,
};

/** podman and buildah unpack into containers/storage, and know an image by the digest of its configuration. */
function storageClient(name: 'podman' | 'buildah'): PullClient {
  return {
    name,
    pull: (request) =>
      withDirectory(async (directory) => {
        const storage = [
          '--root',
          join(directory, 'root'),
          '--runroot',
          join(directory, 'run'),
          '--storage-driver',
          'vfs',
        ];
        const login =
          request.login === undefined ? [] : ['--creds', `${request.login.username}:${request.login.password}`];
        const trust =
          request.certificateDirectory === undefined
            ? ['--tls-verify=false']
            : ['--cert-dir', request.certificateDirectory];
        const environment = bareEnvironment(directory);
        const run = (...args: string[]) => runProgram({ command: name, args: [...storage, ...args], env: environment });
        const { code, stdout, stderr } = await run('pull', ...login, ...trust, pathStyleReference(request));
        const images = code === 0 ? await run('images', '--no-trunc', '--quiet') : undefined;
        return {
          pulled: code === 0,
          output: stdout + stderr,
          digests: images?.stdout.split('\n').filter(Boolean) ?? [],
        };
      }),
    expected: ({ configDigests }) => [configDigests[architecture] ?? configDigests['amd64'] ?? 'none'],
    stop: async () => undefined,
  };
}

/** Nothing that this machine's user has set up or logged in to. */
function bareEnvironment(directory: string): NodeJS.ProcessEnv {
  const home = join(directory, 'home');
  mkdirSync(home, { mode: 0o700 });
  writeFileSync(join(home, 'registries.conf'), '');
  return {
    PATH: process.env['PATH'],
    HOME: home,
    XDG_RUNTIME_DIR: home,
    TMPDIR: directory,
    CONTAINERS_REGISTRIES_CONF: join(home, 'registries.conf'),
  };
}
