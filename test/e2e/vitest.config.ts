// Configures `npm run test:e2e`: real registries, a real browser, and a real database, one suite after the other; the suites of `npm test` that
// open a domain once more, on two replicas that share a PostgreSQL database; and the scripts of troubles, in short.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { adversityProject, shortAdversity } from '../adversity/vitest.config.ts';
import unitConfig from '../vitest.config.ts';
import { noSkipsReporter } from './support/no-skips-reporter.ts';

const testDirectory = join(import.meta.dirname, '..');
const pglite = join(testDirectory, 'interop/node_modules/@electric-sql/pglite');

/** The suites start servers, browsers, and databases; in parallel they would only wait for each other. */
const oneByOne = {
  fileParallelism: false,
  allowOnly: false,
  setupFiles: [join(testDirectory, 'support/temporary/remove-directories.ts')],
  testTimeout: 120_000,
  hookTimeout: 120_000,
};

/** Suites of `npm test` that run once more: they share nothing but a processor, and modules as there. Each such project runs alone, in its own group. */
const oncePerCore = {
  ...oneByOne,
  fileParallelism: true,
  maxWorkers: '100%',
  isolate: false,
};

export default defineConfig({
  cacheDir: join(import.meta.dirname, '../../node_modules/.vite/e2e'),
  test: {
    ...oneByOne,
    globalSetup: [
      join(testDirectory, 'support/temporary/run-directory.ts'),
      join(import.meta.dirname, 'support/global-setup.ts'),
    ],
    reporters: ['default', ...(process.env['CI'] === undefined ? [] : [noSkipsReporter])],
    projects: [
      {
        test: {
          ...oneByOne,
          name: 'e2e',
          root: import.meta.dirname,
          include: ['**/*.test.ts'],
          exclude: ['replicated-domain.test.ts'],
        },
      },
      {
        resolve: unitConfig.resolve ?? {},
        test: {
          ...oneByOne,
          name: 'interop',
          root: join(testDirectory, 'interop'),
          include: ['**/*.test.ts'],
          exclude: ['**/node_modules/**', 'postgres/**'],
        },
      },
      {
        // Drizzle is outside of test/interop, so it finds PGlite only if Vite resolves it.
        resolve: { alias: [{ find: '@electric-sql/pglite', replacement: pglite }] },
        test: {
          // One long suite without a process of its own: it has one core while the runs of the properties have the other.
          ...oncePerCore,
          name: 'PGlite',
          root: join(testDirectory, 'interop'),
          include: ['postgres/*.test.ts'],
          server: { deps: { inline: ['drizzle-orm'] } },
          sequence: { groupOrder: 3 },
        },
      },
      {
        resolve: unitConfig.resolve ?? {},
        test: {
          ...oncePerCore,
          name: 'every run of a property',
          root: testDirectory,
          include: suitesWith(/\bpropertyRuns\(/, ['{core,server,upstream,encryption,database}/**/*.test.ts']),
          env: { REGWAY_TEST_THOROUGH: '1' },
          sequence: { groupOrder: 3 },
        },
      },
      {
        resolve: unitConfig.resolve ?? {},
        test: {
          ...oncePerCore,
          name: 'two replicas',
          root: testDirectory,
          include: ['e2e/replicated-domain.test.ts', ...suitesOnADomain()],
          globalSetup: ['e2e/support/database-server.ts'],
          env: { REGWAY_TEST_THOROUGH: '1' },
          sequence: { groupOrder: 1 },
        },
      },
      // Last and alone: it times a client.
      { test: { ...adversityProject(shortAdversity), sequence: { groupOrder: 2 } } },
    ],
  },
});

/** Returns the suites that open a domain through one of these, and so run on any database. The others have no store, or choose theirs. */
function suitesOnADomain(): string[] {
  return suitesWith(/\b(openDomain|openEndpoint|openApi|openRestFace|serveRegway)\(/, [
    'server/graphql/**/*.test.ts',
    'core/**/*.test.ts',
    'server/rest/*.test.ts',
    'interop/federation/*.test.ts',
  ]);
}

/** Returns the suites of `patterns` whose text has a match. */
function suitesWith(text: RegExp, patterns: readonly string[]): string[] {
  return globSync([...patterns], { cwd: testDirectory }).filter((file) =>
    text.test(readFileSync(join(testDirectory, file), 'utf8')),
  );
}
