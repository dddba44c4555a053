// The laws of the two texts: every vector, and what must hold for any input.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { covers, coveringPatterns } from '../../../src/core/registry/match.ts';
import { Problem } from '../../../src/core/shared/problem.ts';
import { parseImageReference, parseRegistryPattern } from '../../../src/core/registry/reference.ts';
import { propertyRuns } from '../../support/property-runs.ts';
import matchVectors from '../../vectors/match.json' with { type: 'json' };
import patternVectors from '../../vectors/pattern.json' with { type: 'json' };
import referenceVectors from '../../vectors/reference.json' with { type: 'json' };

/** Returns the problem that a parse fails with. Fails the test on any other result. */
function problemOf(parse: () => unknown): Problem {
  try {
    parse();
  } catch (error) {
    expect(error).toBeInstanceOf(Problem);
    return error as Problem;
  }
  throw new Error('it was accepted');
}

interface Refusal {
  readonly error: string;
  readonly hint?: string;
}

function isRefusal(expected: object): expected is Refusal {
  return 'error' in expected;
}

describe('an image reference', () => {
  it.each(referenceVectors.map((row) => [row.input.slice(0, 60), row] as const))(
    '%s parses as its vector says',
    (_, row) => {
      const expected = row.expected;
      if (isRefusal(expected)) {
        const problem = problemOf(() => parseImageReference(row.input));
        expect([problem.code, problem.reason]).toEqual(['INVALID_REFERENCE', expected.error]);
        expect(problem.message).toContain(expected.hint ?? '');
        return;
      }
      const {
        host,
        repo,
        tag = null,
        digest = null,
        canonical,
      } = expected as { host: string; repo: string; tag?: string; digest?: string; canonical: string };
      const { reference, ...parts } = parseImageReference(row.input);
      expect(parts).toEqual({ host, repository: repo, tag, digest });
      // The vectors abbreviate a digest to seven digits in this column.
      expect(reference.replace(/(@sha256:.{7}).*$/, '$1')).toBe(canonical);
    },
  );

  it.each([
    ['', 'EMPTY'],
    ['   ', 'EMPTY'],
    ['a'.repeat(64), 'LOOKS_LIKE_IMAGE_ID'],
    ['example.com/a@md5:d41d8cd98f00b204e9800998ecf8427e', 'DIGEST_INVALID'],
    ['[::ffff:7f00:1]/a', 'HOST_INVALID'],
    ['[fe80::1%25eth0]/a', 'HOST_INVALID'],
    ['256.1.1.1/a', 'HOST_INVALID'],
    ['2130706433:80/a', 'HOST_NOT_CANONICAL'],
    ['example.com:0443/a', 'PORT_INVALID'],
    [`example.com/${'a'.repeat(2000)}`, 'PATH_TOO_LONG'],
    ['example.com/a\u0000', 'PATH_INVALID'],
  ])('%j is refused with %s', (text, reason) => {
    expect(problemOf(() => parseImageReference(text)).reason).toBe(reason);
  });
});

describe('a registry text', () => {
  it.each(patternVectors.map((row) => [row.input.slice(0, 60), row] as const))(
    '%s parses as its vector says',
    (_, row) => {
      const expected = row.expected;
      if (isRefusal(expected)) {
        const problem = problemOf(() => parseRegistryPattern(row.input));
        expect([problem.code, problem.reason, problem.field]).toEqual([
          'INVALID_REGISTRY',
          expected.error,
          ['registry'],
        ]);
        expect(problem.message).toContain(expected.hint ?? '');
        return;
      }
      const { kind, host, path, key } = expected as { kind: string; host: string; path: string; key: string };
      const repository = { HOST: null, REPO: path, SUBTREE: `${path}/*` }[kind];
      expect(parseRegistryPattern(row.input)).toEqual({ registry: key, host, repository });
    },
  );

  it.each(['example.com', 'example.com/', 'example.com/*', 'EXAMPLE.com:443', ' example.com '])(
    '%j is the whole host',
    (text) =>
      expect(parseRegistryPattern(text)).toEqual({ registry: 'example.com', host: 'example.com', repository: null }),
  );

  it('keeps :443 on a single label, because the bare label would be ambiguous', () => {
    expect(parseRegistryPattern('registry:443').registry).toBe('registry:443');
  });
});

describe('matching', () => {
  /** The winner's typed text, `null` for anonymous, or `ERR …` when a pattern is refused. */
  function winner(patterns: readonly string[], image: string): string | null {
    const typed = new Map<string, string>();
    for (const pattern of patterns) {
      try {
        typed.set(parseRegistryPattern(pattern).registry, pattern);
      } catch (error) {
        return `ERR ${String((error as Problem).reason)}`;
      }
    }
    const text = coveringPatterns(parseImageReference(image)).find((candidate) => typed.has(candidate));
    return text === undefined ? null : (typed.get(text) ?? null);
  }

  it.each(matchVectors.map((row) => [row.patterns.join(' + '), row.image.slice(0, 50), row] as const))(
    '%s for %s',
    (_, __, row) => {
      expect(winner(row.patterns, row.image)).toBe(row.expected);
    },
  );

  it('never crosses a host, a port or a segment boundary', () => {
    const segment = fc.stringMatching(/^[a-z0-9]{1,6}$/);
    const host = fc.constantFrom('a.io', 'a.io:5000', 'a.io.evil.net', 'xa.io', 'docker.io');
    fc.assert(
      fc.property(
        host,
        host,
        fc.array(segment, { minLength: 2, maxLength: 4 }),
        fc.array(segment, { minLength: 1, maxLength: 3 }),
        (h1, h2, path, base) => {
          const image = { host: h1, repository: path.join('/') };
          const inside = h1 === h2 && base.length < path.length && base.every((part, index) => part === path[index]);
          expect(covers(`${h2}/${base.join('/')}/*`, image)).toBe(inside);
          expect(covers(h2, image)).toBe(h1 === h2);
        },
      ),
    );
  });
});

describe('any text at all', () => {
  const hostile = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 300 }),
    fc.string({ maxLength: 300 }),
    fc
      .array(
        fc.constantFrom(
          'a',
          '-',
          '_',
          '.',
          '/',
          ':',
          '@',
          '*',
          '[',
          ']',
          '1',
          'A',
          'docker.io',
          'localhost',
          'sha256:',
          '%',
          ' ',
        ),
        { maxLength: 200 },
      )
      .map((parts) => parts.join('')),
    fc
      .tuple(fc.constantFrom('a', '-', '_', '.', '/', ':', 'a/', 'a-', '['), fc.integer({ min: 1, max: 100_000 }))
      .map(([unit, times]) => unit.repeat(times)),
  );

  it.each([
    ['a registry text', (text: string) => parseRegistryPattern(text).registry],
    ['an image reference', (text: string) => parseImageReference(text).reference],
  ])('%s is refused with a Problem or prints to a text that parses to itself', (_, canonical) => {
    fc.assert(
      fc.property(hostile, (text) => {
        const first = attempt(() => canonical(text));
        if (first !== undefined) expect(canonical(first)).toBe(first);
      }),
      { numRuns: propertyRuns(20_000) },
    );
  });

  it('costs less than 5 ms, even the worst', () => {
    const texts = ['-', 'a', 'a-', '_', '.', ':', '[', '/', 'a/', 'a.', '@'].flatMap((unit) => [
      unit.repeat(1_000_000),
      `x.io/${unit.repeat(1000)}`,
      `x.io/a${unit.repeat(250)}!`,
    ]);
    for (const text of texts) {
      const spent = [1, 2, 3].map(() =>
        timeMs(() => attempt(() => (parseRegistryPattern(text), parseImageReference(text)))),
      );
      expect(Math.min(...spent), text.slice(0, 30)).toBeLessThan(5);
    }
  });

  function attempt<T>(run: () => T): T | undefined {
    try {
      return run();
    } catch (error) {
      expect(error).toBeInstanceOf(Problem);
      return undefined;
    }
  }

  function timeMs(run: () => unknown): number {
    const start = performance.now();
    run();
    return performance.now() - start;
  }
});
