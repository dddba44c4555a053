// Configures `npm run test:crash`: the built server is killed, loses power, and meets a full disk, one suite after the other; then the scripts of
// troubles, with a million registries.
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';
import { adversityProject, longAdversity } from '../adversity/vitest.config.ts';

const crash = {
  name: 'crash',
  root: import.meta.dirname,
  include: ['**/*.test.ts'],
  setupFiles: [join(import.meta.dirname, '../support/temporary/remove-directories.ts')],
  fileParallelism: false,
  allowOnly: false,
  // 200 kills with a restart each.
  testTimeout: 30 * 60_000,
  hookTimeout: 120_000,
};

export default defineConfig({
  cacheDir: join(import.meta.dirname, '../../node_modules/.vite/crash'),
  test: {
    globalSetup: [join(import.meta.dirname, '../support/temporary/run-directory.ts')],
    fileParallelism: false,
    allowOnly: false,
    projects: [{ test: crash }, { test: { ...adversityProject(longAdversity), sequence: { groupOrder: 1 } } }],
  },
});
