#!/usr/bin/env -S node --max-semi-space-size=8 --heap-growing-percent=50 --no-allocation-site-pretenuring
// The executable `regway`: checks the version of Node, then runs the command line.
// The flags above bound V8's heap. Each half of the young generation has at most 8 MiB instead of 64, because a request leaves nothing behind
// that a larger one would save. A full collection (20 ms) comes once the old generation grew by half; V8 waits up to fourfold, which took 105 MiB
// instead of 60 under 256 connections that create. Node 20 knows both too, so that an old Node reaches the check below.

import { fileURLToPath } from 'node:url';

// Without a listener, Node opens its inspector on this signal, which exposes the memory of the process to every user of this machine.
process.on('SIGUSR1', () => undefined);

/** better-sqlite3 ends the process without a word on older ones. Kept in step with `engines` in package.json. */
const oldestNode = [22, 19] as const;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1])) {
  process.stderr.write(
    `Regway needs Node ${oldestNode.join('.')} or later and this is ${process.versions.node}: install a newer Node. In a clone, npm ci brings its own and npm start uses it.\n`,
  );
  process.exit(1);
}

// Parsing the bundle is a quarter of a start. The cache is stored next to the program: anyone who can write there can change the program itself.
const { enableCompileCache } = await import('node:module');
enableCompileCache(fileURLToPath(new URL('../dist/compile-cache/', import.meta.url)));

const [{ runCommandLine }, { exitOnBrokenPipe }, { readCommandLineSettings }] = await Promise.all([
  import('./cli/program.ts'),
  import('./cli/terminal/terminal.ts'),
  import('./app/config.ts'),
]);
exitOnBrokenPipe();
// Loaded when a command works on the data directory, and only then: the server's modules take far longer to load than the command line.
process.exitCode = await runCommandLine(process.argv, readCommandLineSettings(), () => import('./app/commands.ts'));
