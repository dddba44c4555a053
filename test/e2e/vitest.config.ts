// How `npm run test:e2e` runs: real registries, a real browser and a real database, one suite after the other.
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { noSkipsReporter } from './support/no-skips-reporter.ts';

export default defineConfig({
  cacheDir: join(import.meta.dirname, '../../node_modules/.vite/e2e'),
  test: {
    root: import.meta.dirname,
    include: ['**/*.test.ts'],
    globalSetup: ['support/global-setup.ts'],
    reporters: ['default', ...(process.env['CI'] === undefined ? [] : [noSkipsReporter])],
    // The suites start servers, browsers and databases; side by side they would only wait for each other.
    fileParallelism: false,
    allowOnly: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
