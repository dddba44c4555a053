// Lays out the last stage of the Dockerfile as a directory, and runs it as a container engine would: read-only, as another user, without capabilities.
// By chroot, because containers cannot be started everywhere; the base image is this machine's Node and the libraries that it loads.

import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeTemporaryDirectory } from '../../support/temporary/directory.ts';
import type { ProgramOptions } from './child-process.ts';
import { projectRoot } from './server.ts';

/** What the last stage says. */
export interface ImageConfig {
  readonly copies: readonly { readonly from: string; readonly to: string }[];
  readonly environment: Readonly<Record<string, string>>;
  /** ENTRYPOINT and CMD. */
  readonly command: readonly string[];
  readonly healthCheck: readonly string[];
}

export interface ImageMounts {
  /** At `/data`, writable. */
  readonly data: string;
  /** At `/keys`, read-only. */
  readonly keys: string;
}

/** Reads the last stage of the Dockerfile. */
export function readImageConfig(): ImageConfig {
  const text = readFileSync(join(projectRoot, 'Dockerfile'), 'utf8').replaceAll(/\\\n\s*/g, '');
  const stage = text.slice(text.lastIndexOf('\nFROM '));
  const json = (pattern: RegExp) => JSON.parse(pattern.exec(stage)?.[1] ?? '[]') as string[];
  const copies = [...stage.matchAll(/^COPY --from=build (.+)$/gm)].flatMap(([, paths = '']) => {
    const sources = paths.split(' ');
    const target = sources.pop() ?? '';
    return sources.map((source) => {
      const from = source.replace(/^\/source\//, '');
      return { from, to: join('/app', target, target.endsWith('/') ? from : '') };
    });
  });
  const pairs =
    /^ENV (.+)$/m
      .exec(stage)?.[1]
      ?.split(' ')
      .map((pair) => pair.split('=') as [string, string]) ?? [];
  return {
    copies,
    environment: Object.fromEntries(pairs),
    command: [...json(/^ENTRYPOINT (.+)$/m), ...json(/^CMD (.+)$/m)],
    healthCheck: json(/^HEALTHCHECK .*?CMD (.+)$/m),
  };
}

/** Lays out the image. Returns its directory. */
export function layOutImage({ copies }: ImageConfig): string {
  const root = makeTemporaryDirectory('image-root');
  chmodSync(root, 0o755);
  for (const directory of ['data', 'keys', 'tmp', 'proc', 'dev', 'usr/local/bin', 'app'])
    mkdirSync(join(root, directory), { recursive: true });
  const node = realpathSync(process.execPath);
  cpSync(node, join(root, 'usr/local/bin/node'));
  const libraries = [...execFileSync('ldd', [node], { encoding: 'utf8' }).matchAll(/(\/\S+) \(0x/g)];
  for (const [, library = ''] of libraries) {
    mkdirSync(join(root, dirname(library)), { recursive: true });
    cpSync(realpathSync(library), join(root, library));
  }
  for (const { from, to } of copies)
    cpSync(join(projectRoot, from), join(root, to), { recursive: true, dereference: true });
  return root;
}

/** Returns how to run a command of the image as a user and group with this number, with an empty environment but for the image's and `more`. */
export function runInImage(
  root: string,
  id: number,
  { data, keys }: ImageMounts,
  { environment }: ImageConfig,
  command: readonly string[],
  more: Readonly<Record<string, string>>,
): Pick<ProgramOptions, 'command' | 'args' | 'env'> {
  const mounts = `
    set -e
    mount --make-rprivate /
    mount --bind "$1" "$1"
    mount --bind "$2" "$1/data"
    mount --bind "$3" "$1/keys"
    mount -o remount,bind,ro "$1/keys"
    mount -t tmpfs tmpfs "$1/tmp"
    mount --rbind /proc "$1/proc"
    mount -o remount,bind,ro "$1"
    root=$1 id=$4
    shift 4
    exec setpriv --no-new-privs chroot --userspec="$id:$id" --groups= "$root" "$@"`;
  return {
    command: 'unshare',
    args: ['--mount', 'sh', '-c', mounts, 'image', root, data, keys, String(id), ...command],
    env: { PATH: '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin', ...environment, ...more },
  };
}
