// The laws of the log on standard output: pieces in their order, warnings at once, nothing left behind, and no server ended by it.

import { spawn, spawnSync } from 'node:child_process';
import { openSync } from 'node:fs';
import { expect, it } from 'vitest';

const preamble = `import { createLog } from ${JSON.stringify(new URL('../../../src/server/ops/log.ts', import.meta.url).href)};
const log = createLog('info');
const request = (status) => log.request({ requestId: 'r', method: 'GET', route: 'rest', status, durationMs: 1 });
`;
const argumentsFor = (program: string): string[] => ['--input-type=module', '-e', preamble + program];

interface Line {
  readonly msg: string;
  readonly status?: number;
}

function linesOf(output: string): Line[] {
  return output
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}

it('requests and other lines come in the order in which they were logged, and a process that ends leaves none behind', () => {
  const { stdout, status } = spawnSync(
    process.execPath,
    argumentsFor(
      `for (let n = 0; n < 300; n += 1) { request(n); if (n % 100 === 50) log.info({ status: n }, 'between'); }`,
    ),
    { encoding: 'utf8' },
  );
  const expected = Array.from({ length: 300 }, (_, n) =>
    n % 100 === 50 ? [`request ${n}`, `between ${n}`] : [`request ${n}`],
  ).flat();
  expect(linesOf(stdout).map(({ msg, status: number }) => `${msg} ${number}`)).toEqual(expected);
  expect(status).toBe(0);
});

it('a warning, and all that came before it, is written though the process is killed at once', () => {
  const { stdout, signal } = spawnSync(
    process.execPath,
    argumentsFor(`request(1); log.warn('careful'); request(2); process.kill(process.pid, 'SIGKILL');`),
    { encoding: 'utf8' },
  );
  expect(linesOf(stdout).map(({ msg }) => msg)).toEqual(['request', 'careful']);
  expect(signal).toBe('SIGKILL');
});

it('lines that were logged before a flush precede lines that the process prints after it', () => {
  const { stdout } = spawnSync(
    process.execPath,
    argumentsFor(
      `request(1); log.info('started'); log.flush(); process.stdout.write('{"msg":"printed"}\\n'); request(2);`,
    ),
    { encoding: 'utf8' },
  );
  expect(linesOf(stdout).map(({ msg }) => msg)).toEqual(['request', 'started', 'printed', 'request']);
});

it('a line is written soon, also if no other follows and the process continues', async () => {
  const child = spawn(process.execPath, argumentsFor(`request(1); setInterval(() => {}, 1000);`), {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const [chunk] = (await child.stdout.take(1).toArray()) as [Buffer];
    expect(linesOf(chunk.toString()).map(({ status }) => status)).toEqual([1]);
  } finally {
    child.kill();
  }
});

it('a log that cannot be written, as on a full disk, ends nothing', () => {
  const program = `for (let n = 0; n < 300; n += 1) request(n); log.warn('careful'); log.error('worse'); process.exitCode = 7;`;
  const { status, stderr } = spawnSync(process.execPath, argumentsFor(program), {
    stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
    encoding: 'utf8',
    timeout: 20_000,
  });
  expect(stderr).toBe('');
  expect(status).toBe(7);
});
