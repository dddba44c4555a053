// How the scripts of this folder run alone: `npx vitest run --config test/adversity/vitest.config.ts search`. The end-to-end tests run them as
// they stand here; the crash tests with more registries and for longer.
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** How much a run takes on. */
export interface AdversitySizes {
  readonly registries: number;
  /** Seconds of each of the three runs of a trouble, and of the quiet time before them. */
  readonly seconds: number;
  readonly quietSeconds: number;
  /** What the limits of time and memory are multiplied by. 1 on a quiet machine of one's own. */
  readonly slack: number;
}

/** Together at most four minutes on two cores. Runs this short on a machine of others prove what fails and what hangs; their figures are printed. */
export const shortAdversity: AdversitySizes = { registries: 100_000, seconds: 2.5, quietSeconds: 2, slack: 8 };
export const longAdversity: AdversitySizes = { registries: 1_000_000, seconds: 20, quietSeconds: 10, slack: 1 };

/** The scripts as a project of a configuration, one after the other. */
export function adversityProject({ registries, seconds, quietSeconds, slack }: AdversitySizes) {
  return {
    name: 'adversity',
    root: import.meta.dirname,
    include: ['**/*.test.ts'],
    globalSetup: [join(import.meta.dirname, 'support/seeded-data.ts')],
    setupFiles: [join(import.meta.dirname, '../support/temporary/remove-directories.ts')],
    env: {
      REGWAY_ADVERSITY_REGISTRIES: String(registries),
      REGWAY_ADVERSITY_SECONDS: String(seconds),
      REGWAY_ADVERSITY_QUIET_SECONDS: String(quietSeconds),
      REGWAY_ADVERSITY_SLACK: String(slack),
    },
    fileParallelism: false,
    allowOnly: false,
    // Three runs and a minute to give memory back; more registries are copied and started for longer.
    testTimeout: 600_000,
    hookTimeout: 600_000,
  };
}

export default defineConfig({
  cacheDir: join(import.meta.dirname, '../../node_modules/.vite/adversity'),
  test: {
    ...adversityProject({ ...shortAdversity, slack: 1 }),
    globalSetup: [
      join(import.meta.dirname, '../support/temporary/run-directory.ts'),
      join(import.meta.dirname, 'support/seeded-data.ts'),
    ],
  },
});
