// How dates are written in answers.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { printDateTime } from '../../../../src/server/graphql/schema/scalars.ts';

const anyDate = fc.date({ noInvalidDate: true });
/** More days than are remembered. */
const manyDates = fc.array(
  fc.integer({ min: -800_000, max: 3_000_000 }).map((day) => new Date(day * 86_400_000 + 86_399_999)),
  { minLength: 1500, maxLength: 1500 },
);

test('every date is written as JavaScript writes it, before the year 0 and after 9999 too', () => {
  fc.assert(
    fc.property(anyDate, (date) => {
      expect(printDateTime(date)).toBe(date.toISOString());
    }),
    { numRuns: 20_000 },
  );
});

test('dates of more days than are remembered are written right, the first and the second time', () => {
  fc.assert(
    fc.property(manyDates, (dates) => {
      const expected = dates.map((date) => date.toISOString());
      expect(dates.map(printDateTime)).toEqual(expected);
      expect(dates.map(printDateTime)).toEqual(expected);
    }),
    { numRuns: 5 },
  );
});

test('an invalid date is an error, and none that stays', () => {
  expect(() => printDateTime(new Date(Number.NaN))).toThrow(RangeError);
  expect(() => printDateTime(new Date(Number.NaN))).toThrow(RangeError);
});
