// Finds duplicate names in any valid JSON.

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasDuplicateMember } from '../../../../src/server/auth/oidc/jwt.ts';

describe('an object that names a member twice', () => {
  it.each([
    '{"a":1,"a":2}',
    '{"a":1,"\\u0061":2}',
    '{"a" : 1, "b":{}, "a" :2}',
    '{"x":{"a":1,"a":1}}',
    '[{"a":1},{"b":1,"b":1}]',
    '{"":1,"":2}',
    '{"a":"}","a":1}',
  ])('is found: %s', (json) => {
    expect(hasDuplicateMember(json)).toBe(true);
  });

  it.each([
    '{"a":{"a":{"a":1}}}',
    '[{"a":1},{"a":1}]',
    '{"a":"\\"a\\":","b":1}',
    '{"a":"b","b":"a"}',
    '{"a":["a","a"]}',
    '"a"',
    '1',
    '{}',
    '{"a":"{\\"a\\":1","b":"}"}',
  ])('is not reported without one: %s', (json) => {
    expect(hasDuplicateMember(json)).toBe(false);
  });

  it('is in nothing that JSON.stringify writes', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        (value) => !hasDuplicateMember(JSON.stringify(value)) && !hasDuplicateMember(JSON.stringify(value, null, 2)),
      ),
    );
    expect(hasDuplicateMember(JSON.stringify({ '"': 1, ':': 2, '{': 3 }))).toBe(false);
  });
});
