// How often a property is tried: in `npm run test:e2e` as often as it says, in `npm test` a tenth of that.

/** Set by the project of test/e2e/vitest.config.ts that runs the suites with properties once more. */
export const isThorough = process.env['REGWAY_TEST_THOROUGH'] === '1';

/** Returns the runs for a property that is meant to be tried `all` times. */
export function propertyRuns(all: number): number {
  return isThorough ? all : Math.ceil(all / 10);
}
