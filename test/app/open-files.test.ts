// Files that other users of the machine can read are warned about once, with the command that closes them.

import { execFileSync } from 'node:child_process';
import { chmodSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../../src/app/config.ts';
import { warnAboutOpenFiles } from '../../src/app/start/open-files.ts';
import type { Log } from '../../src/server/ops/log.ts';
import { makeTemporaryDirectory } from '../support/temporary/directory.ts';

function warnings(directory: string): { command: string }[] {
  const lines: { command: string }[] = [];
  const log = { warn: (fields: { command: string }) => lines.push(fields) } as unknown as Log;
  warnAboutOpenFiles(readConfig({ REGWAY_DATA_DIR: directory }), log);
  return lines;
}

function dataDirectory(directoryMode: number, fileMode: number): string {
  const directory = makeTemporaryDirectory("it's data");
  writeFileSync(join(directory, 'regway.db'), '');
  chmodSync(join(directory, 'regway.db'), fileMode);
  chmodSync(directory, directoryMode);
  return directory;
}

describe('a data directory', () => {
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
