// A disk of its own for a test: an ext4 file system in an image file on a loop device. Copying the image is what a power cut leaves.

import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { makeTemporaryDirectory } from '../../support/temporary/directory.ts';

export interface Disk {
  /** Where it is mounted. */
  readonly path: string;
  /** Mounts what the image holds at this moment as another disk: what was not synced is not in it. */
  cutPower(): Disk;
  /** Unmounts and removes it. */
  remove(): void;
}

/** The kernel writes nothing back by itself while an image is copied, so that a copy shows one moment. */
const mountOptions = 'loop,commit=600';

const programs = ['mkfs.ext4', 'mount', 'umount', 'losetup'];

/**
 * Makes a disk.
 * @throws Error naming what is missing: root, a program, or the right to mount.
 */
export function makeDisk(sizeBytes: number): Disk {
  refuseWithoutMeans();
  // What reaches the image counts as being on the disk, so the image may be in memory.
  const folder = makeTemporaryDirectory('disk', 'memory');
  const image = join(folder, 'image');
  writeFileSync(image, '');
  truncateSync(image, sizeBytes);
  // No blocks are kept for root, who runs this.
  run('mkfs.ext4', '-q', '-m', '0', image);
  return mounted(folder);
}

function mounted(folder: string): Disk {
  const [image, path] = [join(folder, 'image'), join(folder, 'mount')];
  mkdirSync(path);
  run('mount', '-o', mountOptions, image, path);
  return {
    path,
    cutPower() {
      const copy = makeTemporaryDirectory('disk', 'memory');
      copyFileSync(image, join(copy, 'image'));
      return mounted(copy);
    },
    remove() {
      run('umount', path);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function refuseWithoutMeans(): void {
  if (process.getuid?.() !== 0)
    throw new Error('This suite mounts its own disks, which requires root on Linux: sudo npm run test:crash');
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  const missing = programs.filter((program) => !folders.some((directory) => existsSync(join(directory, program))));
  if (missing.length > 0)
    throw new Error(
      `These programs are missing: ${missing.join(', ')}. On Debian: sudo apt-get install mount e2fsprogs`,
    );
  if (!existsSync('/dev/loop-control'))
    throw new Error('This machine has no loop devices (/dev/loop-control). In a container, run it privileged.');
}

function run(program: string, ...args: string[]): void {
  execFileSync(program, args, {
    stdio: 'pipe',
    env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
  });
}
