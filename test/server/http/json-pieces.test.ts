// A large value is serialized in short pieces, with the same text as at once.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { jsonPieces } from '../../../src/server/http/json-pieces.ts';
import { propertyRuns } from '../../support/property-runs.ts';

test('the pieces of any plain data are its JSON', () => {
  fc.assert(
    fc.property(fc.object({ withNullPrototype: true, withSparseArray: false, maxDepth: 5 }), (value) => {
      expect([...jsonPieces(value)].join('')).toBe(JSON.stringify(value));
    }),
    { numRuns: propertyRuns(2_000) },
  );
});

test.each([
  [{}],
  [[]],
  [null],
  [{ data: null, errors: undefined, extensions: {} }],
  [{ a: [], b: [[]], c: [{}], d: [undefined, null] }],
  [{ data: { name: 'é “quoted” \u2028 \ud800', count: 1e21, none: Number.NaN } }],
  [{ at: new Date(0), nested: { list: [1, 'two', { three: 3 }] } }],
])('%j has the same text in pieces', (value) => {
  expect([...jsonPieces(value)].join('')).toBe(JSON.stringify(value));
});

test('no piece of a list of rows is longer than a row', () => {
  const row = { id: 'x'.repeat(100), name: 'y'.repeat(100), valid: true };
  const data = {
    data: { registries: { nodes: Array.from({ length: 1_000 }, () => ({ ...row, steps: [row, row] })) } },
  };
  const longest = Math.max(...[...jsonPieces(data)].map(({ length }) => length));
  expect(longest).toBe(JSON.stringify(row).length);
});
