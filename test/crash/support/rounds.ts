// Defines how many faults a suite causes. The environment can set a smaller number during development.

/** @param name of the environment variable. @param whole what proves the law. */
export function rounds(
  name: 'REGWAY_CRASH_KILLS' | 'REGWAY_CRASH_CUTS' | 'REGWAY_CRASH_KEY_KILLS' | 'REGWAY_CRASH_OUTAGES',
  whole: number,
): number {
  return Number(process.env[name] ?? whole);
}
