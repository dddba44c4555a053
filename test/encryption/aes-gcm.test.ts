import { createDecipheriv, createHash, createHmac, createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeContext, maxValueBytes, decrypt, encrypt } from '../../src/encryption/aes-gcm.ts';
import { propertyRuns } from '../support/property-runs.ts';

const keyBytes = randomBytes(32);
const key = createSecretKey(keyBytes);
const keyId = 7;
const keyOf = (id: number): KeyObject | undefined => (id === keyId ? key : undefined);
const context = encodeContext('test', { place: 'docker.io/anchore/*' });
const value = Buffer.from('correct horse battery staple');

function flipped(bytes: Uint8Array, bit: number): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt8(copy.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
  return copy;
}

describe('a sealed value', () => {
  it('opens with its key and context', () => {
    expect(decrypt(keyOf, context, encrypt(key, keyId, context, value))).toEqual(value);
  });

  it('is refused after any single bit of it changed', () => {
    const blob = encrypt(key, keyId, context, value);
    const bits = Array.from({ length: blob.length * 8 }, (_, bit) => bit);
    expect(bits.length).toBeGreaterThanOrEqual(1_000);
    // Every key id leads to the key, so that the refusal is the seal's and not the look-up's.
    expect(bits.filter((bit) => decrypt(() => key, context, flipped(blob, bit)) !== undefined)).toEqual([]);
  });

  it('is refused after any single bit of its context changed', () => {
    const blob = encrypt(key, keyId, context, value);
    const bits = Array.from({ length: context.length * 8 }, (_, bit) => bit);
    expect(bits.filter((bit) => decrypt(keyOf, flipped(context, bit), blob) !== undefined)).toEqual([]);
  });

  it('is refused at every truncation, from either end', () => {
    const blob = encrypt(key, keyId, context, randomBytes(200));
    const lengths = Array.from({ length: blob.length }, (_, length) => length);
    expect(lengths.filter((length) => decrypt(keyOf, context, blob.subarray(0, length)) !== undefined)).toEqual([]);
    expect(
      lengths.filter((length) => decrypt(keyOf, context, blob.subarray(blob.length - length)) !== undefined),
    ).toEqual([]);
  });

  it.each([1, 16, 63, 64, 65, 128])('is refused with %i bytes appended', (extra) => {
    const blob = encrypt(key, keyId, context, value);
    expect(decrypt(keyOf, context, Buffer.concat([blob, Buffer.alloc(extra)]))).toBeUndefined();
  });

  it.each([4, 8, 12])('is rejected with its tag cut to %i bytes, which the bare cipher would accept', (tagBytes) => {
    const blob = encrypt(key, keyId, context, value);
    const cut = blob.subarray(0, blob.length - 16 + tagBytes);
    expect(openByDocumentation(cut, tagBytes)).toEqual(value);
    expect(decrypt(keyOf, context, cut)).toBeUndefined();
  });

  it('is refused when its key id is not known', () => {
    expect(decrypt(() => undefined, context, encrypt(key, keyId, context, value))).toBeUndefined();
  });

  it('is refused by another key of the same id', () => {
    expect(
      decrypt(() => createSecretKey(randomBytes(32)), context, encrypt(key, keyId, context, value)),
    ).toBeUndefined();
  });
});

describe('a blob', () => {
  it('never looks the same twice', () => {
    const blobs = Array.from({ length: 100 }, () => encrypt(key, keyId, context, value).subarray(5).toString('hex'));
    expect(new Set(blobs.map((blob) => blob.slice(0, 64))).size).toBe(100);
    expect(new Set(blobs.map((blob) => blob.slice(88, -32))).size).toBe(100);
  });

  it('is laid out as documented', () => {
    expect(openByDocumentation(encrypt(key, keyId, context, value), 16)).toEqual(value);
  });

  it.each([
    [0, 129],
    [1, 129],
    [62, 129],
    [63, 193],
    [126, 193],
    [127, 257],
    [maxValueBytes, 65 + 65_600],
  ])('of %i bytes is %i bytes long', (length, sealedBytes) => {
    const long = randomBytes(length);
    const blob = encrypt(key, keyId, context, long);
    expect(blob.length).toBe(sealedBytes);
    expect(decrypt(keyOf, context, blob)).toEqual(long);
  });

  it('is not created from a value that is too long for its length field', () => {
    expect(() => encrypt(key, keyId, context, Buffer.alloc(maxValueBytes + 1))).toThrow(RangeError);
  });

  it('opens with any content', () => {
    const property = fc.property(
      fc.uint8Array({ maxLength: 300 }),
      (bytes) => decrypt(keyOf, context, encrypt(key, keyId, context, bytes))?.equals(bytes) === true,
    );
    expect(() => fc.assert(property)).not.toThrow();
  });

  it('is refused without a throw when it is random bytes', () => {
    const anyLength = fc.oneof(fc.constantFrom(128, 192, 256), fc.nat(300));
    const anyBlob = anyLength.map((length) => Buffer.concat([Buffer.from([1]), randomBytes(length)]));
    const property = fc.property(anyBlob, (blob) => decrypt(() => key, context, blob) === undefined);
    expect(() => fc.assert(property, { numRuns: propertyRuns(1_000) })).not.toThrow();
  });
});

describe('a context', () => {
  it.each([
    ['another purpose', encodeContext('a', { x: 'b' }), encodeContext('c', { x: 'b' })],
    ['another name', encodeContext('a', { x: 'b' }), encodeContext('a', { y: 'b' })],
    ['text moved to the next part', encodeContext('a', { x: 'bc', y: '' }), encodeContext('a', { x: 'b', y: 'c' })],
    ['two parts swapped', encodeContext('a', { x: 'b', y: 'c' }), encodeContext('a', { y: 'c', x: 'b' })],
    ['null and its word', encodeContext('a', { x: null }), encodeContext('a', { x: 'null' })],
    ['null and nothing', encodeContext('a', { x: null }), encodeContext('a', { x: '' })],
    ['a number and its digits', encodeContext('a', { x: 1 }), encodeContext('a', { x: '1' })],
    ['two lone surrogates', encodeContext('a', { x: '\uD800' }), encodeContext('a', { x: '\uDBFF' })],
    ['composed and decomposed letters', encodeContext('a', { x: '\u00E9' }), encodeContext('a', { x: 'e\u0301' })],
  ])('distinguishes %s', (_, one, other) => {
    expect(one.equals(other)).toBe(false);
  });
});

/** A second implementation, only from the layout, with HKDF written out (RFC 5869 §2.2 and §2.3). Accepts tags of any length. */
function openByDocumentation(blob: Buffer, tagBytes: number): Buffer {
  const head = blob.subarray(0, 49);
  expect([head.readUInt8(0), head.readUInt32BE(1)]).toEqual([1, keyId]);
  const pseudorandomKey = createHmac('sha256', head.subarray(5, 37)).update(keyBytes).digest();
  const info = Buffer.concat([Buffer.from('regway/seal/v1\0'), head, createHash('sha256').update(context).digest()]);
  const oneTimeKey = createHmac('sha256', pseudorandomKey)
    .update(info)
    .update(Buffer.from([1]))
    .digest();
  const decipher = createDecipheriv('aes-256-gcm', oneTimeKey, head.subarray(37), { authTagLength: tagBytes });
  decipher.setAAD(Buffer.concat([head, context]));
  decipher.setAuthTag(blob.subarray(-tagBytes));
  const padded = Buffer.concat([decipher.update(blob.subarray(49, -tagBytes)), decipher.final()]);
  const end = 2 + padded.readUInt16BE();
  expect(padded.subarray(end).every((byte) => byte === 0)).toBe(true);
  return padded.subarray(2, end);
}
