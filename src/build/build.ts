// The build: bundles the executable into dist/ (a bundle starts several times faster than its modules) and lays the files of the console, GraphiQL and the API browser beside it.

import { chmod, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { writeConsole } from './console.ts';
import { findBundleViolations, packagesOf, readPins, unbundledDependencies } from './dependencies.ts';
import { writeLicenses } from './licenses.ts';
import { writeDocsAssets, writeGraphiqlAssets } from './pages.ts';

const source = fileURLToPath(new URL('../main.ts', import.meta.url));
/** Beside the executable under this name, where the thread that is started finds it. */
const hashWorker = fileURLToPath(new URL('../server/oci/content/hash-worker.ts', import.meta.url));
const target = fileURLToPath(new URL('../../dist/', import.meta.url));

await rm(target, { recursive: true, force: true });
const bundle = await rolldown({
  input: { regway: source, 'hash-worker': hashWorker },
  platform: 'node',
  external: [...unbundledDependencies],
});
const { output } = await bundle.write({ dir: target, format: 'esm', chunkFileNames: '[name]-[hash].js' });
await bundle.close();
await chmod(`${target}regway.js`, 0o755);
const consoleModules = await writeConsole(`${target}console/`);
await writeGraphiqlAssets(`${target}graphiql/`);
await writeDocsAssets(`${target}api-docs/`);

const modules = output.flatMap((file) => (file.type === 'chunk' ? file.moduleIds : []));
// Their files are laid into dist/ as they are.
const pages = ['@graphql-yoga/render-graphiql/graphiql', 'swagger-ui-dist/package.json'].map((name) =>
  fileURLToPath(import.meta.resolve(name)),
);
const allModules = [...modules, ...consoleModules, ...pages];
await writeLicenses(allModules, `${target}THIRD-PARTY-LICENSES.txt`);
const violations = findBundleViolations(await packagesOf(allModules), await readPins());
if (violations.length > 0) throw new Error(violations.join('\n'));
