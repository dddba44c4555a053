// The WWW-Authenticate parser: what registries send, and what attackers would.

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseChallenges, pickChallenge } from '../../../src/upstream/login/http-authentication.ts';
import type { Challenge } from '../../../src/upstream/login/http-authentication.ts';
import { propertyRuns } from '../../support/property-runs.ts';

interface Row {
  readonly name: string;
  readonly header: string | string[] | null;
  readonly parsed: readonly unknown[];
  readonly pick: string | null;
}

const rows = JSON.parse(readFileSync(new URL('challenge.json', import.meta.url), 'utf8')) as Row[];

function plain({ params, ...rest }: Challenge): unknown {
  return { ...rest, params: Object.fromEntries(params) };
}

it.each(rows)('reads the vector "$name"', ({ header, parsed, pick }) => {
  const challenges = parseChallenges(header ?? undefined);
  expect(challenges.map(plain)).toEqual(parsed);
  expect(pickChallenge(challenges)?.scheme ?? null).toBe(pick);
});

describe('an ambiguous or broken challenge is never answered', () => {
  it.each([
    ['a parameter twice', 'Bearer realm="https://good.example/t",realm="https://evil.example/t"'],
    ['a parameter twice in another case', 'Bearer realm="https://good.example/t",REALM="https://evil.example/t"'],
    ['an unterminated quote', 'Bearer realm="https://good.example/t'],
    ['a quote that ends in an escape', 'Bearer realm="https://good.example/t\\'],
    ['a control character', 'Bearer realm="https://good.example/\u0000t"'],
    ['a line break', 'Bearer realm="https://good.example/t\r\nX: y"'],
    ['a quote inside an unquoted value', 'Bearer realm=https://good.example/"t"'],
    ['garbage after a parameter', 'Bearer realm="https://good.example/t";x'],
    ['both token68 and parameters', 'Bearer dG9rZW4=, realm="https://good.example/t"'],
    [
      'over 16 parameters',
      `Bearer realm="https://good.example/t",${Array.from({ length: 16 }, (_, index) => `p${index}=x`).join(',')}`,
    ],
    ['an empty realm', 'Bearer realm=""'],
    ['over 8 KiB', `Bearer realm="https://good.example/${'t'.repeat(8192)}"`],
    ['no scheme', 'realm="https://good.example/t"'],
  ])('%s', (_case, header) => {
    expect(pickChallenge(parseChallenges(header))).toBeUndefined();
  });
});

it.each([
  'Basic realm="Registry',
  'Basic realm="Registry"extra"',
  'Basic realm=Registry Realm',
  "Basic realm='Registry Realm'",
  'Basic realm="a", realm="b"',
  'Basic realm=',
  'Basic realm="x";charset="UTF-8"',
  'Basic realm="Registr\u0085 priv\u00e9"',
  'basic Realm = "x" ,',
])('Basic is answered with any realm: %s', (header) => {
  expect(pickChallenge(parseChallenges(header))?.scheme).toBe('basic');
});

it('a broken Basic challenge is preferred to no sound one', () => {
  const sound = 'Bearer realm="https://good.example/t"';
  expect(pickChallenge(parseChallenges(['Basic realm="x', sound]))?.scheme).toBe('bearer');
});

it('a broken challenge does not hide a sound one on another line', () => {
  expect(pickChallenge(parseChallenges(['Bearer realm="x', 'Basic realm="y"']))?.scheme).toBe('basic');
});

it('at most 8 challenges are read', () => {
  expect(parseChallenges(Array.from({ length: 50 }, () => 'Basic, Digest x="y"'))).toHaveLength(8);
  expect(parseChallenges('Basic,'.repeat(1000))).toHaveLength(8);
});

it('no input throws, and none needs over 5 ms', () => {
  const pieces = fc.constantFrom(
    'Bearer',
    'Basic',
    'realm',
    '=',
    '"',
    '\\',
    ',',
    ' ',
    '\t',
    'a=b',
    '"x"',
    '==',
    '/',
    'é',
    '\u0000',
    'A'.repeat(100),
    ' '.repeat(100),
    '='.repeat(50),
    ','.repeat(50),
  );
  const hostile = fc.array(pieces, { maxLength: 200 }).map((parts) => parts.join(''));
  parseChallenges('Basic realm="warm up"');
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), hostile, fc.array(hostile, { maxLength: 4 })), (header) => {
      // Of three tries the fastest, so that a pause of the machine is not blamed on the parser.
      const timesMs = [1, 2, 3].map(() => {
        const startedMs = performance.now();
        pickChallenge(parseChallenges(header));
        return performance.now() - startedMs;
      });
      expect(Math.min(...timesMs)).toBeLessThan(5);
    }),
    { numRuns: propertyRuns(2_000) },
  );
});

it.each([
  ['spaces', `Bearer${' '.repeat(8000)}`],
  ['equals signs', `Bearer ${'='.repeat(8000)}`],
  ['commas', ','.repeat(8190)],
  ['token68 that never ends well', `Bearer ${'a'.repeat(8000)}"`],
  ['escapes', `Bearer realm="${'\\a'.repeat(4000)}`],
  ['spaces after token68', `Bearer a${' '.repeat(8000)}b`],
])('8 KiB of %s are read in linear time', (_case, header) => {
  // The fastest of many, so that a pause of the machine is not blamed on the parser.
  const timesMs = Array.from({ length: 20 }, () => {
    const startedMs = performance.now();
    parseChallenges(header);
    return performance.now() - startedMs;
  });
  expect(Math.min(...timesMs)).toBeLessThan(5);
});
