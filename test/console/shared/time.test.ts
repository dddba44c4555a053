// Formats times and durations for the console.

import { expect, it } from 'vitest';
import { duration, exactTime, relativeTime } from '../../../src/console/shared/time.ts';

const now = Date.parse('2026-11-24T12:00:00Z');

it.each([
  ['2026-11-24T11:59:30Z', 'just now'],
  ['2026-11-24T12:00:59Z', 'just now'],
  ['2026-11-24T11:59:00Z', '1 minute ago'],
  ['2026-11-24T11:00:01Z', '59 minutes ago'],
  ['2026-11-24T09:00:00Z', '3 hours ago'],
  ['2026-11-23T11:00:00Z', 'yesterday'],
  ['2026-11-18T12:00:00Z', '6 days ago'],
  ['2026-11-10T12:00:00Z', '2 weeks ago'],
  ['2026-08-01T12:00:00Z', '3 months ago'],
  ['2024-01-01T12:00:00Z', '2 years ago'],
  ['2026-11-24T12:05:00Z', 'in 5 minutes'],
])('%s is %s', (time, words) => {
  expect(relativeTime(time, now)).toBe(words);
});

it('the exact time has day, year and seconds', () => {
  expect(exactTime('2026-11-24T12:34:56Z')).toMatch(/24 Nov 2026.*:34:56/);
});

it.each([
  [0, '0 ms'],
  [999, '999 ms'],
  [1000, '1.0 s'],
  [15_040, '15.0 s'],
])('%i ms are %s', (durationMs, words) => {
  expect(duration(durationMs)).toBe(words);
});
