// No temporary directory outlives the process that made it, and a run that leaves one fails.

import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { makeTemporaryDirectory } from './directory.ts';

const [directory, runDirectory] = ['directory.ts', 'run-directory.ts'].map((name) =>
  JSON.stringify(join(import.meta.dirname, name)),
);

/** Runs a program in a temporary directory of its own, and returns its end and what it leaves there. */
async function run(program: string): Promise<{ code: number; stderr: string; left: string[] }> {
  const parent = makeTemporaryDirectory('program');
  const env = { ...process.env, TMPDIR: parent };
  const { code, stderr } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', program], {
    env,
  })
    .then(({ stderr: printed }) => ({ code: 0, stderr: printed }))
    .catch((error: { code: number; stderr: string }) => error);
  return { code, stderr, left: readdirSync(parent) };
}

it('a program that fails leaves no directory', async () => {
  const fails = `
    import { writeFileSync } from 'node:fs';
    import { makeTemporaryDirectory } from ${directory};
    writeFileSync(makeTemporaryDirectory('one') + '/file', 'x');
    throw new Error('planted');`;
  expect(await run(fails)).toEqual({ code: 1, stderr: expect.stringContaining('planted') as string, left: [] });
});

it('a run that leaves a directory of Regway fails with its name, and removes it', async () => {
  const leaves = (name: string) => `
    import { mkdirSync } from 'node:fs';
    import { setup } from ${runDirectory};
    setup();
    mkdirSync(process.env.TMPDIR + '/${name}');`;
  expect(await run(leaves('regway-data-1'))).toEqual({
    code: 1,
    stderr: expect.stringContaining('left temporary directories behind: regway-data-1') as string,
    left: [],
  });
  expect(await run(leaves('another-program'))).toEqual({ code: 0, stderr: '', left: [] });
});
