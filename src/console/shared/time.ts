// Formats times and durations for the console.

const units = [
  ['year', 365 * 24 * 3600],
  ['month', 30 * 24 * 3600],
  ['week', 7 * 24 * 3600],
  ['day', 24 * 3600],
  ['hour', 3600],
  ['minute', 60],
] as const;

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const exact = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'long' });

/**
 * Formats a time relative to `now` (Unix time in milliseconds): `3 minutes ago`, `yesterday`. Less than one minute, in
 * the past or the future, is `just now`, because the clocks of browser and server may differ.
 */
export function relativeTime(time: string, now: number): string {
  const seconds = Math.round((Date.parse(time) - now) / 1000);
  const [unit, length] = units.find(([, candidate]) => Math.abs(seconds) >= candidate) ?? [];
  return unit === undefined || length === undefined ? 'just now' : relative.format(Math.trunc(seconds / length), unit);
}

/** Formats a time exactly, in the time zone of the browser: `24 Nov 2026, 11:23:01 UTC`. */
export function exactTime(time: string): string {
  return exact.format(new Date(time));
}

/** Formats a duration in milliseconds: `47 ms`, `1.2 s`. */
export function duration(durationMs: number): string {
  return durationMs < 1000 ? `${durationMs} ms` : `${(durationMs / 1000).toFixed(1)} s`;
}
