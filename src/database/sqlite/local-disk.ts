// Refuses network file systems: SQLite's log requires memory that all its processes share, and reliable locks.

import { existsSync, readFileSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { StoreError } from '../errors.ts';

/** The kernel's numbers of file systems that a server on another machine keeps. https://man7.org/linux/man-pages/man2/statfs.2.html */
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

/** The number that all file systems in user space have, local ones such as fuse-overlayfs and shared folders of virtual machines too. */
const fuse = 0x65735546;

/** Programs that keep a FUSE file system on another machine, as the table of mounts names them. */
const networkFusePrograms: ReadonlySet<string> = new Set([
  // Of other servers.
  'sshfs',
  'glusterfs',
  'ceph-fuse',
  'juicefs',
  'mfs',
  'seaweedfs',
  'curlftpfs',
  'davfs',
  'smbnetfs',
  'fuse_dfs',
  // Of object stores.
  's3fs',
  'goofys',
  'mountpoint-s3',
  's3ql',
  'gcsfuse',
  'blobfuse',
  'blobfuse2',
  'rclone',
  'geesefs',
]);

/** Returns the kernel's number of the file system of a path, and for FUSE the name of its program if known. */
export type FileSystemOf = (path: string) => { readonly type: number; readonly fuseProgram?: string | undefined };

/**
 * Rejects network file systems. Only Linux has these numbers; elsewhere nothing is rejected.
 * @param path The path of an existing file, or of a new one in an existing directory.
 * @throws StoreError with the name of the file system.
 */
export function refuseNetworkFileSystem(path: string, fileSystemOf: FileSystemOf = askKernel): void {
  const { type, fuseProgram } = fileSystemOf(existsSync(path) ? path : dirname(path));
  // Where a long has 4 bytes, the largest numbers are negative.
  const name =
    networkFileSystems.get(type >>> 0) ??
    (fuseProgram !== undefined && networkFusePrograms.has(fuseProgram) ? fuseProgram : undefined);
  if (name === undefined) return;
  throw new StoreError(
    `The database file ${path} would be on a network file system (${name}), where SQLite loses data. Put REGWAY_DATA_DIR on a disk of this machine, or use PostgreSQL (REGWAY_DATABASE_URL).`,
  );
}

function askKernel(path: string): ReturnType<FileSystemOf> {
  if (process.platform !== 'linux') return { type: 0 };
  const { type } = statfsSync(path);
  return { type, fuseProgram: type === fuse ? fuseProgramOf(path) : undefined };
}

/**
 * Returns `major:minor` of a device number of stat(2): 12 bits of major between 8 low and 12 high ones of minor. File systems without a
 * device of their own share major 0, so a machine with many mounts has minors above 255.
 */
export function deviceText(device: number): string {
  return `${(device >>> 8) & 0xfff}:${(device & 0xff) | ((device >>> 12) & 0xfff00)}`;
}

/** Fields of a line: id, parent, device, root, mount point, options, tags …, `-`, type. https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html */
function fuseProgramOf(path: string): string | undefined {
  const device = deviceText(statSync(path).dev);
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  const type = lines
    .find((line) => line.split(' ', 3)[2] === device)
    ?.split(' - ')[1]
    ?.split(' ', 1)[0];
  return type?.startsWith('fuse.') === true ? type.slice('fuse.'.length) : undefined;
}
