// Configures `npm test`: every suite except those that need Debian packages or the packages of test/interop.
// `npm run test:fast` runs only the project `quick`: no process is started, nothing is built, and no suite needs seconds.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** Suites that start processes, build the bundle, open many databases, wait for real time, or try thousands of cases. */
const slowSuites = [
  'app/**/*.test.ts',
  'build/bill-of-materials.test.ts',
  'cli/**/*.test.ts',
  'core/accounts/administration.test.ts',
  'core/registries/registries.test.ts',
  'core/pulls/{failover,upstream-token}.test.ts',
  'core/shared/secret.test.ts',
  'core/validation/revalidation.test.ts',
  'database/**/*.test.ts',
  'encryption/{keyring,rotation,sealer}.test.ts',
  'model/*.test.ts',
  'server/graphql/{damage,graphiql,http,operations,orphans}.test.ts',
  'server/auth/oidc/jwt.test.ts',
  'server/graphql/execution/{cost,fast-path,large-operations}.test.ts',
  'server/graphql/execution/compiled/*.test.ts',
  'server/graphql/federation/entities.test.ts',
  'server/graphql/schema/{permissions,secrets,usage}.test.ts',
  'server/http/{large-answers,listener}.test.ts',
  'server/oci/**/*.test.ts',
  'server/ops/{log-output,metrics}.test.ts',
  'server/rest/{differential,list,statuses}.test.ts',
  'support/temporary/*.test.ts',
  'upstream/cloud/pulls.test.ts',
  'upstream/cloud/aws/{ecr,session}.test.ts',
  'upstream/login/login-gate.test.ts',
  'upstream/personalities.test.ts',
  'upstream/pull/{keyed-mutex,refusals}.test.ts',
  'upstream/transport/{reuse,addresses/egress}.test.ts',
  'upstream/validation/{advice,credential,hostile}.test.ts',
];
const elsewhere = ['adversity/**', 'e2e/**', 'interop/**', 'crash/**', 'bench/**'];

const common = {
  root: import.meta.dirname,
  setupFiles: [join(import.meta.dirname, 'support/temporary/remove-directories.ts')],
  // Every suite restores what it changes, and loading all modules again for each file needs 2 s of a processor.
  isolate: false,
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
    globalSetup: [join(import.meta.dirname, 'support/temporary/run-directory.ts')],
    projects: [
      {
        resolve,
        test: {
          ...common,
          name: 'quick',
          // Vitest would leave a core to itself; it waits while suites run.
          maxWorkers: '100%',
          include: ['**/*.test.ts'],
          exclude: [...elsewhere, ...slowSuites],
        },
      },
      {
        resolve,
        test: {
          ...common,
          name: 'slow',
          include: slowSuites,
          exclude: elsewhere,
          // They wait for processes, disks, and timers; one worker more than there are cores uses that time.
          maxWorkers: availableParallelism() + 1,
          // Vitest wants suites with another number of workers in a group of their own.
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
