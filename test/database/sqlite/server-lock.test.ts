// One SQLite file has one server, on a disk of this machine.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { maxActiveTokens } from '../../../src/core/accounts/tokens.ts';
import { StoreError } from '../../../src/database/errors.ts';
import { deviceText, refuseNetworkFileSystem } from '../../../src/database/sqlite/local-disk.ts';
import { openStore } from '../../../src/database/store.ts';
import { copiedMigrations, isReady, migrationsDir, openStarted, temporaryDirectory } from '../harness.ts';
import { sampleEvent, sampleToken } from '../samples.ts';

let directory: ReturnType<typeof temporaryDirectory>;
let url: string;
beforeEach(() => {
  directory = temporaryDirectory();
  url = join(directory.path, 'regway.db');
});
afterEach(() => directory[Symbol.dispose]());

const serve = (path = url) => openStore({ url: path, migrationsDir, owned: true });

describe('the server of a file', () => {
  it('keeps a second one out until it closes, through any path', async () => {
    const store = await serve();
    const link = join(directory.path, 'link.db');
    symlinkSync(url, link);
    await expect(serve()).rejects.toThrow(`Another process serves the database file ${url} already`);
    await expect(serve(link)).rejects.toThrow(StoreError);
    expect(await isReady(store)).toBe(true);
    await store.close();
    await (await serve(link)).close();
  });

  it('lets others write briefly at the same time, and sees their writes', async () => {
    const store = await serve();
    const command = await openStarted(url);
    await command.access.insertToken(sampleToken('made-beside'), sampleEvent(), maxActiveTokens);
    await command.close();
    expect(await store.access.tokenById('made-beside')).toBeDefined();
    await store.close();
  });

  it('holds no lock after it was killed', async () => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'serve.child.ts'), url], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    await expect(serve()).rejects.toThrow(StoreError);
    const ended = once(child, 'close');
    child.kill('SIGKILL');
    await ended;
    await (await serve()).close();
  });

  it('holds no lock after a failed start', async () => {
    using migrations = copiedMigrations('sqlite');
    migrations.add('0001_bad', ['NO SUCH STATEMENT']);
    await expect(openStore({ url, migrationsDir: migrations.path, owned: true })).rejects.toThrow(StoreError);
    await (await serve()).close();
  });

  it('does not have its tables changed by a command of a newer version', async () => {
    const store = await serve();
    using migrations = copiedMigrations('sqlite');
    migrations.add('9999_next', ['CREATE TABLE next_version (id TEXT PRIMARY KEY NOT NULL) STRICT']);
    await expect(openStore({ url, migrationsDir: migrations.path })).rejects.toThrow(
      'Another process serves the database file',
    );
    await store.close();
    await (await serve()).close();
    await (await openStore({ url, migrationsDir: migrations.path })).close();
    await expect(serve()).rejects.toThrow('The database is newer than this program');
  });
});

describe('the file system', () => {
  it.each([
    [0x6969, 'NFS'],
    [0x517b, 'SMB'],
    [0xff534d42, 'CIFS'],
    [0xff534d42 - 2 ** 32, 'CIFS'],
    [0xfe534d42, 'SMB2'],
    [0x00c36400, 'Ceph'],
    [0x01021997, '9p'],
  ])('of the number %i is refused as %s', (type, name) => {
    expect(() => refuseNetworkFileSystem(url, () => ({ type }))).toThrow(
      new RegExp(`network file system \\(${name}\\)`),
    );
  });

  it.each([
    ['ext4', 0xef53],
    ['tmpfs', 0x01021994],
    ['overlayfs', 0x794c7630],
    ['btrfs', 0x9123683e],
    ['xfs', 0x58465342],
    ['FUSE of an unknown program', 0x65735546],
  ])('%s is good', (_, type) => {
    expect(() => refuseNetworkFileSystem(url, () => ({ type }))).not.toThrow();
  });

  it.each(['sshfs', 'glusterfs', 'rclone', 's3fs'])('of FUSE is refused when it is %s', (fuseProgram) => {
    expect(() => refuseNetworkFileSystem(url, () => ({ type: 0x65735546, fuseProgram }))).toThrow(
      `network file system (${fuseProgram})`,
    );
  });

  it.each(['fuse-overlayfs', 'bindfs', 'virtiofs', 'toString'])(
    'of FUSE is good when it is %s, on this machine',
    (fuseProgram) => {
      expect(() => refuseNetworkFileSystem(url, () => ({ type: 0x65735546, fuseProgram }))).not.toThrow();
    },
  );

  it.each([
    [38, '0:38'],
    [0x803, '8:3'],
    [0x100000, '0:256'],
    [0x12304567, '69:74599'],
  ])('has its device %i named %s, as the table of mounts names it', (device, text) => {
    expect(deviceText(device)).toBe(text);
  });

  it('is read from the directory before the file is created, and from an existing file', async () => {
    const asked: string[] = [];
    const ask = () =>
      refuseNetworkFileSystem(url, (path) => {
        asked.push(path);
        return { type: 0 };
      });
    ask();
    expect(existsSync(url)).toBe(false);
    await (await serve()).close();
    ask();
    expect(asked).toEqual([directory.path, url]);
  });
});
