// After a disaster: 10,000 registries restored from a backup and served.

import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { seededRegistries } from '../bench/data.ts';
import { seed } from '../bench/seed.ts';
import { operationsOn } from '../e2e/support/operations.ts';
import { newDataDirectory, startServer } from '../e2e/support/server.ts';
import { runExecutable } from '../cli/harness.ts';
import { ensureBuilt } from '../support/built.ts';
import { endedProgramsSeconds, processorSeconds } from './support/process.ts';
import { makeTemporaryDirectory } from '../support/temporary/directory.ts';

const registries = 10_000;
/** In seconds of processor time, because a busy machine needs more wall time. */
const maxSeconds = 5;
/** In milliseconds of wall time, most of it for a busy machine: a restore that waits uses no processor time. */
const maxMs = 25_000;

const lost = newDataDirectory();
const fresh = newDataDirectory();
const folder = makeTemporaryDirectory('restore');
beforeAll(ensureBuilt);

test(`${registries} registries are restored and served in under ${maxSeconds} s`, async () => {
  const token = await seed(lost, seededRegistries(registries));
  const backup = join(folder, 'backup.db');
  expect(await runExecutable(['backup', backup], { env: { REGWAY_DATA_DIR: lost } })).toMatchObject({
    code: 0,
    stderr: '',
  });
  copyFileSync(join(lost, 'keyring'), join(fresh, 'keyring'));

  const [beganAt, usedBefore] = [performance.now(), endedProgramsSeconds()];
  const restored = await runExecutable(['restore', backup], { env: { REGWAY_DATA_DIR: fresh } });
  const server = await startServer({ dataDirectory: fresh });
  const { totalCount } = await operationsOn(server, token).list();
  const tookMs = performance.now() - beganAt;
  const usedSeconds = endedProgramsSeconds() - usedBefore + processorSeconds(server.pid);
  await server.stop();
  console.log(
    `${registries} registries restored, verified and served in ${Math.round(tookMs)} ms, ${usedSeconds} s of the processor`,
  );
  expect(restored).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(`All ${registries} can be decrypted.`) as string,
  });
  expect(totalCount).toBe(registries);
  expect(usedSeconds).toBeLessThan(maxSeconds);
  expect(tookMs).toBeLessThan(maxMs);
});
