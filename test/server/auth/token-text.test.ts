import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../../src/core/shared/secret.ts';
import { hashTokenSecret, newTokenParts, parseToken, printToken } from '../../../src/server/auth/token-text.ts';
import { propertyRuns } from '../../support/property-runs.ts';

const token = printToken(newTokenParts()).reveal();
const secretText = 'a'.repeat(43);
const base62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

const anyParts = fc.record({
  id: fc.stringMatching(/^[a-z0-9]{12}$/),
  secret: fc.stringMatching(/^[0-9A-Za-z]{43}$/).map((text) => new Secret(text)),
});

/** The token with one character replaced by another letter or digit. */
function mistyped(text: string, index: number): string {
  return text.slice(0, index) + (text[index] === 'z' ? 'y' : 'z') + text.slice(index + 1);
}

describe('the text of a token', () => {
  it('has the form that secret scanners look for', () => {
    expect(token).toMatch(/^rgw_[a-z0-9]{12}_[0-9A-Za-z]{49}$/);
  });

  it('has a checksum without a secret', () => {
    // CRC-32 of "rgw_000000000000_" and 43 times "a", computed with Python's zlib: 0xF00304A2.
    const [id, secret] = ['000000000000', new Secret(secretText)];
    expect(printToken({ id, secret }).reveal()).toBe(`rgw_${id}_${secretText}4OVkKA`);
  });

  it('parses back to the parts it was printed from', () => {
    const property = fc.property(anyParts, (parts) => {
      const text = printToken(parts).reveal();
      const parsed = parseToken(text);
      return (
        parsed?.id === parts.id &&
        parsed.secret.reveal() === parts.secret.reveal() &&
        printToken(parsed).reveal() === text
      );
    });
    expect(() => fc.assert(property)).not.toThrow();
  });

  it('is refused after any one character was mistyped', () => {
    const accepted = Array.from(token, (_, index) => mistyped(token, index)).filter(
      (text) => parseToken(text) !== undefined,
    );
    expect(accepted).toEqual([]);
  });

  it('is refused at every truncation', () => {
    const accepted = Array.from(token, (_, length) => token.slice(0, length)).filter(
      (text) => parseToken(text) !== undefined,
    );
    expect(accepted).toEqual([]);
  });

  it.each([
    ['nothing', ''],
    ['upper case', token.toUpperCase()],
    ['a space before', ` ${token}`],
    ['a line end after', `${token}\n`],
    ['a character more', `${token}0`],
    ['the id in upper case', token.replace(/_[a-z0-9]+_/, (id) => id.toUpperCase().replace(/[0-9]/g, 'A'))],
    ['no id', token.replace(/_[a-z0-9]+_/, '__')],
    ['two tokens', token + token],
    ['digits that are not ASCII', token.replace(/.$/, '\u0661')],
  ])('is refused with %s', (_, text) => {
    expect(parseToken(text)).toBeUndefined();
  });

  it('never throws, for any text', () => {
    const anyText = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string().map((tail) => `rgw_${tail}`),
      fc.nat(token.length).chain((length) => fc.string().map((tail) => token.slice(0, length) + tail)),
    );
    const property = fc.property(anyText, (text) => {
      const parsed = parseToken(text);
      return parsed === undefined || printToken(parsed).reveal() === text;
    });
    expect(() => fc.assert(property, { numRuns: propertyRuns(2_000) })).not.toThrow();
  });
});

describe('a new token', () => {
  it('is never the same twice', () => {
    const made = Array.from({ length: 200 }, newTokenParts);
    expect(new Set(made.map(({ id }) => id)).size).toBe(200);
    expect(new Set(made.map(({ secret }) => secret.reveal())).size).toBe(200);
  });

  it('uses the whole alphabet', () => {
    const letters = Array.from({ length: 200 }, () => newTokenParts().secret.reveal()).join('');
    expect(new Set(letters)).toEqual(new Set(base62));
  });

  it('is stored as the SHA-256 of its secret part', () => {
    const expected = createHash('sha256').update(secretText).digest();
    expect(Buffer.from(hashTokenSecret(new Secret(secretText)))).toEqual(expected);
  });
});
