// Archives audit events of a data directory as the command does: through rotations of the keys, backups, and restores.

import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Config, readConfig } from '../../src/app/config.ts';
import { archiveAudit } from '../../src/app/maintenance/archive.ts';
import { backUpData, restoreData } from '../../src/app/maintenance/backup.ts';
import { rotateDataKeyOf, rotateRootKeyOf } from '../../src/app/maintenance/keys.ts';
import { verify, verifyAuditTrail } from '../../src/app/maintenance/verify.ts';
import { onData } from '../../src/app/wiring/store.ts';
import { temporaryDirectory } from '../database/harness.ts';
import { sampleEvent } from '../database/samples.ts';

const dayMs = 24 * 60 * 60 * 1_000;

let directory: ReturnType<typeof temporaryDirectory>;
let config: Config;
beforeEach(async () => {
  directory = temporaryDirectory();
  config = readConfig({ REGWAY_DATA_DIR: join(directory.path, 'data') });
  await append(config, [400, 300, 200, 100, 10, 0]);
});
afterEach(() => directory[Symbol.dispose]());

const file = (name: string): string => join(directory.path, name);

/** Appends events of so many days ago. */
async function append(target: Config, daysAgo: readonly number[]): Promise<void> {
  await onData(target, async ({ registries }) => {
    for (const days of daysAgo)
      await registries.appendAudit(sampleEvent({ at: new Date(Date.now() - days * dayMs), target: `${days}` }));
  });
}

const archive = (name: string, days: number, dryRun = false) =>
  archiveAudit(config, { olderThanMs: days * dayMs, file: file(name), dryRun });
const trail = (...names: string[]) => verifyAuditTrail(config, { archives: names.map(file) });

it('archives before and after both keys were rotated prove one trail', async () => {
  expect(await archive('one', 250)).toMatchObject({ events: 2, file: file('one') });
  await rotateRootKeyOf(config);
  await rotateDataKeyOf(config);
  expect(await archive('two', 150)).toMatchObject({ events: 1 });
  await rotateRootKeyOf(config);
  expect(await trail('one', 'two')).toMatchObject({ intact: true, archives: { events: 3, previousSeq: 0 } });
  expect(await trail()).toMatchObject({ intact: true, archived: { lastSeq: 3, undeleted: 0 } });
});

it('a dry run counts the events, and writes neither a file nor a byte of the database', async () => {
  const before = readFileSync(config.databaseUrl);
  expect(await archive('one', 150, true)).toMatchObject({ events: 3, lastSeq: 3, digest: null, dryRun: true });
  expect(readdirSync(directory.path)).toEqual(['data']);
  expect(readFileSync(config.databaseUrl).equals(before)).toBe(true);
});

it('a dry run of a database that does not exist creates none', async () => {
  config = readConfig({ REGWAY_DATA_DIR: file('other') });
  await expect(archive('one', 150, true)).rejects.toThrow('There is no database');
  expect(readdirSync(directory.path)).toEqual(['data']);
});

it('a backup carries the record: it verifies, and the trail goes on from it after a restore', async () => {
  await archive('one', 150);
  await backUpData(config, file('backup.db'), false);
  const checks = await verify(config, file('backup.db'));
  expect(checks.find(({ name }) => name === 'audit')).toMatchObject({
    state: 'PASSED',
    message: expect.stringContaining('from event 4 on') as string,
  });
  await restoreData(config, file('backup.db'), true);
  await append(config, [0]);
  expect(await trail('one')).toMatchObject({ intact: true, checked: 8, archives: { events: 3 } });
});

it('a backup of before the archive, put back, still has the events: the archive fits it too', async () => {
  await backUpData(config, file('backup.db'), false);
  await archive('one', 150);
  await restoreData(config, file('backup.db'), true);
  expect(await trail('one')).toMatchObject({ intact: true, archives: { events: 3 } });
  expect(await archive('one', 150)).toMatchObject({ events: 3, continued: true });
  expect(await trail('one')).toMatchObject({ intact: true, archived: { lastSeq: 3 } });
});

it('an archive of another installation is named', async () => {
  const other = readConfig({ REGWAY_DATA_DIR: file('other') });
  await append(other, [400, 0]);
  await archiveAudit(other, { olderThanMs: dayMs, file: file('foreign'), dryRun: false });
  expect(await trail('foreign')).toMatchObject({ intact: false, damage: 'ARCHIVE_OF_OTHER_INSTALLATION' });
});

describe('the file', () => {
  it('is private whatever the umask, and no temporary one stays', async () => {
    const umask = process.umask(0);
    try {
      await archive('one', 150);
    } finally {
      process.umask(umask);
    }
    expect(statSync(file('one')).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory.path).toSorted()).toEqual(['data', 'one']);
  });

  it.each([
    ['does not exist', 'none', 'ENOENT'],
    ['is a directory', 'data', 'EISDIR'],
  ])('that %s is an error that names it', async (_, name, code) => {
    await expect(trail(name)).rejects.toThrow(`The archive ${file(name)} cannot be read (${code}).`);
  });

  it('that a full line never ends is read in bounded memory', async () => {
    writeFileSync(file('endless'), Buffer.alloc(64 * 1024 * 1024, 'x'));
    const before = process.memoryUsage().arrayBuffers;
    expect(await trail('endless')).toMatchObject({ intact: false, damage: 'ARCHIVE_INVALID' });
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * 1024 * 1024);
  });
});
