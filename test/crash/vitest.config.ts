// Configures `npm run test:crash`: the built server is killed, loses power, and meets a full disk, one suite after the other.
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  cacheDir: join(import.meta.dirname, '../../node_modules/.vite/crash'),
  test: {
    root: import.meta.dirname,
    include: ['**/*.test.ts'],
    globalSetup: [join(import.meta.dirname, '../support/temporary/run-directory.ts')],
    setupFiles: [join(import.meta.dirname, '../support/temporary/remove-directories.ts')],
    fileParallelism: false,
    allowOnly: false,
    // 200 kills with a restart each.
    testTimeout: 30 * 60_000,
    hookTimeout: 120_000,
  },
});
