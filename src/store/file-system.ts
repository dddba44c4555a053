// Refuses file systems of other machines: SQLite's log needs memory that all its processes share, and locks that hold.

import { existsSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';

import { StoreRefused } from './migrate.ts';

/**
 * The kernel's numbers of file systems that a server on another machine keeps. https://man7.org/linux/man-pages/man2/statfs.2.html
 * FUSE is not among them: its number covers sshfs, but also local ones that work, such as fuse-overlayfs and the shared folders of virtual machines.
 */
const networkFileSystems: ReadonlyMap<number, string> = new Map([
  [0x6969, 'NFS'],
  [0x517b, 'SMB'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x5346414f, 'AFS'],
  [0x6b414653, 'AFS'],
  [0x73757245, 'Coda'],
  [0x564c, 'NCP'],
  [0x00c36400, 'Ceph'],
  [0x0bd00bd0, 'Lustre'],
  [0x01021997, '9p'],
]);

/** Gives the kernel's number of the file system that holds a path. */
export type FileSystemType = (path: string) => number;

/**
 * Only Linux has these numbers; elsewhere nothing is refused.
 * @param path of a file that is there, or of one to be made in a directory that is.
 * @throws StoreRefused naming the file system.
 */
export function refuseNetworkFileSystem(path: string, typeOf: FileSystemType = fileSystemType): void {
  // Where a long is 4 bytes, the largest numbers come out negative.
  const name = networkFileSystems.get(typeOf(existsSync(path) ? path : dirname(path)) >>> 0);
  if (name === undefined) return;
  throw new StoreRefused(
    `The database file ${path} would lie on a network file system (${name}), where SQLite loses data. Put REGWAY_DATA_DIR on a disk of this machine, or use PostgreSQL (REGWAY_DATABASE_URL).`,
  );
}

function fileSystemType(path: string): number {
  return process.platform === 'linux' ? statfsSync(path).type : 0;
}
