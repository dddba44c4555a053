// How `npm test` runs: everything beside the suites that need Debian packages or the packages of test/interop.
// `npm run test:fast` runs the project `quick` alone: no process is started, nothing is built, and no suite takes seconds.
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** Suites that start processes, build the bundle, open many databases, wait for real time, or try thousands of cases. */
const slowSuites = [
  'app/**/*.test.ts',
  'cli/**/*.test.ts',
  'core/registries/registries.test.ts',
  'core/pulls/{failover,upstream-token}.test.ts',
  'database/**/*.test.ts',
  'encryption/{keyring,rotation}.test.ts',
  'model/*.test.ts',
  'server/auth/oidc/jwt.test.ts',
  'server/graphql/execution/compiled/compiled.test.ts',
  'server/oci/**/*.test.ts',
  'server/ops/log-output.test.ts',
  'server/rest/{differential,statuses}.test.ts',
  'upstream/validation/hostile.test.ts',
];
const elsewhere = ['e2e/**', 'interop/**', 'crash/**', 'bench/**'];

const common = {
  root: import.meta.dirname,
  testTimeout: 20_000,
  hookTimeout: 60_000,
};
// Vite would load graphql's .mjs twin for our files while Yoga and Pothos load its CommonJS form; two copies break `instanceof`.
const resolve = { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] };

export default defineConfig({
  cacheDir: join(import.meta.dirname, '../node_modules/.vite/unit'),
  resolve,
  test: {
    ...common,
    projects: [
      {
        resolve,
        test: { ...common, name: 'quick', include: ['**/*.test.ts'], exclude: [...elsewhere, ...slowSuites] },
      },
      { resolve, test: { ...common, name: 'slow', include: slowSuites, exclude: elsewhere } },
    ],
  },
});
