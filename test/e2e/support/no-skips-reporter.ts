// Fails a CI run in which a test was skipped: what did not run was not shown to work.

import type { Reporter, TestModule } from 'vitest/node';

/** Counts the skipped tests at the end of the run and sets a failing exit code for any. */
export const noSkipsReporter: Reporter = {
  onTestRunEnd(modules: readonly TestModule[]) {
    const skipped = modules.flatMap((module) => [...module.children.allTests('skipped')]).map((test) => test.fullName);
    if (skipped.length > 0) {
      process.stderr.write(`\nSkipped, which a CI run may not do:\n${skipped.map((name) => `  ${name}\n`).join('')}`);
      process.exitCode = 1;
    }
  },
};
