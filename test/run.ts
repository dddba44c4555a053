// Runs the suites of `npm test` and `npm run test:fast`, and at the same time a script that checks the sources: it uses the time in which suites wait.
// Usage: node test/run.ts <script of package.json> [arguments of vitest]. Fails if one of the two does.

import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const root = join(import.meta.dirname, '..');
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');

/** Runs Node to its end. @param onOutput gets what it prints; without it, that goes to the terminal. @returns its exit code. */
function run(args: readonly string[], onOutput?: (text: string) => void): Promise<number> {
  const child = spawn(process.execPath, args, { cwd: root, stdio: onOutput === undefined ? 'inherit' : 'pipe' });
  if (onOutput !== undefined)
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding('utf8').on('data', onOutput);
  return new Promise((resolve) => child.once('close', (code) => resolve(code ?? 1)));
}

const [script = '', ...vitestArguments] = process.argv.slice(2);
// Shown when the suites have ended, because they redraw the terminal.
let printed = '';
const [checked, tested] = await Promise.all([
  run(['--run', script], (text) => (printed += text)),
  run([vitest, 'run', '--config', 'test/vitest.config.ts', ...vitestArguments]),
]);
console.log(`\n${printed.trimEnd()}\nnpm run ${script}: ${checked === 0 ? 'passed' : 'FAILED'}`);
process.exitCode = checked === 0 ? tested : checked;
