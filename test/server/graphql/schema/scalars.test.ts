// Dates in responses.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dateTimeScalar } from '../../../../src/server/graphql/schema/scalars.ts';
import { propertyRuns } from '../../../support/property-runs.ts';

const anyDate = fc.date({ noInvalidDate: true });

test('every date is printed as JavaScript prints it, before the year 0 and after 9999 too', () => {
  fc.assert(
    fc.property(anyDate, (date) => {
      expect(JSON.stringify(dateTimeScalar.serialize(date))).toBe(JSON.stringify(date));
    }),
    { numRuns: propertyRuns(20_000) },
  );
});

test('an invalid date is an error', () => {
  expect(() => dateTimeScalar.serialize(new Date(Number.NaN))).toThrow(RangeError);
});
