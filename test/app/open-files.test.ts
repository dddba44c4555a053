// Files that other users of the machine can read are warned about once, with the command that closes them.

import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../src/app/config.ts';
import { warnAboutOpenFiles } from '../../src/app/start/open-files.ts';
import type { Log } from '../../src/server/ops/log.ts';
import { makeTemporaryDirectory } from '../support/temporary/directory.ts';

function warnings(directory: string, more: Readonly<Record<string, string>> = {}): { command: string }[] {
  const lines: { command: string }[] = [];
  const log = { warn: (fields: { command: string }) => lines.push(fields) } as unknown as Log;
  warnAboutOpenFiles(readConfig({ REGWAY_DATA_DIR: directory, ...more }), log);
  return lines;
}

function dataDirectory(directoryMode: number, fileMode: number): string {
  const directory = makeTemporaryDirectory("it's data");
  writeFileSync(join(directory, 'regway.db'), '');
  chmodSync(join(directory, 'regway.db'), fileMode);
  chmodSync(directory, directoryMode);
  return directory;
}

/** A directory that everybody may use, such as /etc, /run, or one that Kubernetes mounts. */
function sharedDirectory(): string {
  const directory = join(makeTemporaryDirectory('shared'), 'run');
  mkdirSync(directory);
  chmodSync(directory, 0o755);
  return directory;
}

describe('a directory that Regway shares with others', () => {
  it('is not to be closed because the database or the keyring is in it', () => {
    const shared = sharedDirectory();
    const database = join(shared, 'some.db');
    writeFileSync(database, '');
    chmodSync(database, 0o600);
    const settings = { REGWAY_DATABASE_URL: database, REGWAY_KEYRING_FILE: join(shared, 'keyring') };
    expect(warnings(join(shared, 'absent'), settings)).toEqual([]);
    chmodSync(database, 0o644);
    expect(warnings(join(shared, 'absent'), settings)).toEqual([{ command: `chmod go-rwx ${database}` }]);
  });

  it('is not to be closed because it has the name of a data directory that nothing is in', () => {
    const settings = { REGWAY_DATABASE_URL: 'postgres://db/regway', REGWAY_KEYRING_FILE: '/run/secrets/keyring' };
    expect(warnings(sharedDirectory(), settings)).toEqual([]);
    expect(warnings(sharedDirectory(), { REGWAY_DATABASE_URL: 'postgres://db/regway' })).toHaveLength(1);
  });
});

describe('a data directory', () => {
  it('that cannot be looked at does not end the start', () => {
    const loop = join(makeTemporaryDirectory('loop'), 'loop');
    symlinkSync(loop, loop);
    expect(warnings(loop)).toEqual([]);
  });

  it('of its owner alone is not warned about', () => {
    expect(warnings(dataDirectory(0o700, 0o600))).toEqual([]);
    expect(warnings(join(dataDirectory(0o700, 0o600), 'absent'))).toEqual([]);
  });

  it.each([
    [0o755, 0o600],
    [0o750, 0o600],
    [0o700, 0o644],
    [0o700, 0o640],
    [0o777, 0o666],
  ])('of mode %o with a database of mode %o is, and the command ends that', (directoryMode, fileMode) => {
    const directory = dataDirectory(directoryMode, fileMode);
    const [warning, ...more] = warnings(directory);
    expect(more).toEqual([]);
    execFileSync('sh', ['-c', warning!.command]);
    expect(warnings(directory)).toEqual([]);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(statSync(join(directory, 'regway.db')).mode & 0o777).toBe(0o600);
  });
});
