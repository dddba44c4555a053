// Durations as people type them: hours or days.

const hourMs = 60 * 60 * 1000;
const unitsMs: Readonly<Record<string, number>> = { h: hourMs, d: 24 * hourMs };

/** Milliseconds of `12h` or `90d`, up to 99999 of either; undefined for anything else. */
export function parseDurationMs(text: string): number | undefined {
  const [, count, unit = ''] = /^([1-9]\d{0,4})([hd])$/.exec(text) ?? [];
  const unitMs = unitsMs[unit];
  return unitMs === undefined ? undefined : Number(count) * unitMs;
}

/** Runs something once after a time, unless what it gives is called before. */
export type Timer = (run: () => void, delayMs: number) => () => void;
