// Times as people read them: how long ago at a glance, exactly when they look closer.

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

/** `3 minutes ago`, `yesterday`; below a minute `just now`, also where the clocks of browser and server differ a little. */
export function relativeTime(time: string, now: number): string {
  const seconds = Math.round((Date.parse(time) - now) / 1000);
  const [unit, length] = units.find(([, candidate]) => Math.abs(seconds) >= candidate) ?? [];
  return unit === undefined || length === undefined ? 'just now' : relative.format(Math.trunc(seconds / length), unit);
}

/** `24 Nov 2026, 11:23:01 UTC`, in the time zone of the reader. */
export function exactTime(time: string): string {
  return exact.format(new Date(time));
}

/** `47 ms`, `1.2 s`. */
export function duration(durationMs: number): string {
  return durationMs < 1000 ? `${durationMs} ms` : `${(durationMs / 1000).toFixed(1)} s`;
}
