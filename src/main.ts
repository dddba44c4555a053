#!/usr/bin/env node
// The executable `regway`: checks Node first, then hands over to the command line.

import { fileURLToPath } from 'node:url';

/** better-sqlite3 ends the process without a word on older ones. Kept in step with `engines` in package.json. */
const oldestNode = [22, 19] as const;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1])) {
  process.stderr.write(
    `Regway needs Node ${oldestNode.join('.')} or later and this is ${process.versions.node}: install a newer Node. In a clone, npm ci brings its own and npm start uses it.\n`,
  );
  process.exit(1);
}

// Parsing the bundle is a quarter of a start. The cache lies beside the program, where whoever can write can change the program itself.
const { enableCompileCache } = await import('node:module');
enableCompileCache(fileURLToPath(new URL('../dist/compile-cache/', import.meta.url)));

const [{ runCommandLine }, { readCommandLineSettings }] = await Promise.all([
  import('./cli/program.ts'),
  import('./app/config.ts'),
]);
// Loaded when a command works on the data directory, and only then: the server's modules take far longer to load than the command line.
process.exitCode = await runCommandLine(process.argv, readCommandLineSettings(), () => import('./app/commands.ts'));
