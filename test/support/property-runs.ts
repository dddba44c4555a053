// Sets the number of runs of a property: all in `npm run test:e2e`, a tenth in `npm test`.

/** Set by the project of test/e2e/vitest.config.ts that runs the suites with properties once more. */
export const isThorough = process.env['REGWAY_TEST_THOROUGH'] === '1';

/** Returns the number of runs of a property that is tried `all` times in `npm run test:e2e`. */
export function propertyRuns(all: number): number {
  return isThorough ? all : Math.ceil(all / 10);
}
