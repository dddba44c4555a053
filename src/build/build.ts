// Builds dist/: the bundled executable, which starts several times faster than its modules, and the files of the console, GraphiQL, and the API browser.

import { chmod, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { rolldown } from 'rolldown';
import { billOfMaterials, writeBillOfMaterials } from './bill-of-materials.ts';
import { writeConsole } from './console.ts';
import { findBundleViolations, packagesOf, readOwn, readPins, unbundledDependencies } from './dependencies.ts';
import { writeLicenses } from './licenses.ts';
import { writeDocsAssets, writeGraphiqlAssets } from './pages.ts';

const source = fileURLToPath(new URL('../main.ts', import.meta.url));
/** The workers, bundled next to the executable under the names by which the executable starts them. */
const workers = {
  'hash-worker': fileURLToPath(new URL('../server/oci/content/hash-worker.ts', import.meta.url)),
  'store-worker': fileURLToPath(new URL('../database/sqlite/threads/store-worker.ts', import.meta.url)),
};
const target = fileURLToPath(new URL('../../dist/', import.meta.url));

await rm(target, { recursive: true, force: true });
const bundle = await rolldown({
  input: { regway: source, ...workers },
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
// The files of these packages are copied to dist/ unbundled.
const pages = ['@graphql-yoga/render-graphiql/graphiql', 'swagger-ui-dist/package.json'].map((name) =>
  fileURLToPath(import.meta.resolve(name)),
);
const allModules = [...modules, ...consoleModules, ...pages];
await writeLicenses(allModules, `${target}THIRD-PARTY-LICENSES.txt`);
const bundled = await packagesOf(allModules);
const pins = await readPins();
const violations = findBundleViolations(bundled, pins);
if (violations.length > 0) throw new Error(violations.join('\n'));
await writeBillOfMaterials(billOfMaterials(await readOwn(), bundled, pins), `${target}regway.cdx.json`);
