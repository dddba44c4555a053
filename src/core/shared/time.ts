// Parses durations in hours or days, and declares the port to a timer.

const hourMs = 60 * 60 * 1000;
const unitsMs: Readonly<Record<string, number>> = { h: hourMs, d: 24 * hourMs };

/** Parses `12h` or `90d`, up to 99999 of either, to milliseconds. Returns undefined for anything else. */
export function parseDurationMs(text: string): number | undefined {
  const [, count, unit = ''] = /^([1-9]\d{0,4})([hd])$/.exec(text) ?? [];
  const unitMs = unitsMs[unit];
  return unitMs === undefined ? undefined : Number(count) * unitMs;
}

/** Runs a function once after a delay in milliseconds. The returned function cancels it. */
export type Timer = (run: () => void, delayMs: number) => () => void;
