// Encrypts bytes and binds them to a context: AES-256-GCM (NIST SP 800-38D) under a one-time key by HKDF (RFC 5869).
//
// blob: version 1 | key id 4 | salt 32 | nonce 12 | ciphertext of (length 2 | value | zeros up to a multiple of 64) | tag 16

import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes, type KeyObject } from 'node:crypto';

type ContextValue = string | number | boolean | null;

const blobVersion = 1;
const keyIdBytes = 4;
const saltBytes = 32;
const nonceBytes = 12;
const headBytes = 1 + keyIdBytes + saltBytes + nonceBytes;

/** Always passed to both ciphers: without it, Node accepts a tag of 4 bytes, which can be guessed. */
const tagBytes = 16;

const lengthBytes = 2;

/** A blob reveals the length of its value only in steps of this many bytes, so that short passwords look alike. */
const paddingStepBytes = 64;

/** The maximum of the length field. The longest known values are service account files of 2 to 3 KiB. */
export const maxValueBytes = 65_535;

const algorithm = 'aes-256-gcm';
const derivationLabel = Buffer.from('regway/seal/v1\0');

/**
 * Encrypts a value of at most `maxValueBytes` with a key that is derived for this blob only.
 * @param keyId 1 to 2^32 − 1, written into the blob so that `decrypt` can look up the key.
 * @param context what the value belongs to, from `encodeContext`; not stored.
 * @throws RangeError for a longer value.
 */
export function encrypt(key: KeyObject, keyId: number, context: Uint8Array, value: Uint8Array): Buffer {
  const head = newHead(keyId);
  const cipher = createCipheriv(algorithm, oneTimeKey(key, head, context), nonceOf(head), { authTagLength: tagBytes });
  cipher.setAAD(Buffer.concat([head, context]));
  const ciphertext = Buffer.concat([cipher.update(pad(value)), cipher.final()]);
  return Buffer.concat([head, ciphertext, cipher.getAuthTag()]);
}

/** Returns the value, or undefined if blob, key, and context do not belong together. Does not say which of them is wrong. */
export function decrypt(
  keyOf: (keyId: number) => KeyObject | undefined,
  context: Uint8Array,
  blob: Uint8Array,
): Buffer | undefined {
  if (!hasBlobShape(blob)) {
    return undefined;
  }
  const head = Buffer.from(blob.subarray(0, headBytes));
  const key = keyOf(head.readUInt32BE(1));
  if (key === undefined) {
    return undefined;
  }
  const decipher = createDecipheriv(algorithm, oneTimeKey(key, head, context), nonceOf(head), {
    authTagLength: tagBytes,
  });
  decipher.setAAD(Buffer.concat([head, context]));
  decipher.setAuthTag(blob.subarray(-tagBytes));
  try {
    // `update` returns bytes before they are authenticated; nothing reads them until `final` has returned.
    return unpad(Buffer.concat([decipher.update(blob.subarray(headBytes, -tagBytes)), decipher.final()]));
  } catch {
    return undefined;
  }
}

/**
 * Encodes what a value belongs to. Different purposes, names, or values never encode to the same bytes: every part is length-prefixed,
 * and values are written as JSON, which distinguishes null, "null", and lone surrogates.
 * @param fields in the order in which they are written; the order is part of the format.
 */
export function encodeContext(purpose: string, fields: Readonly<Record<string, ContextValue>>): Buffer {
  const named = Object.entries(fields).flatMap(([name, value]) => [name, JSON.stringify(value)]);
  return Buffer.concat([purpose, ...named].map(lengthPrefixed));
}

function hasBlobShape(blob: Uint8Array): boolean {
  const ciphertextBytes = blob.length - headBytes - tagBytes;
  return blob[0] === blobVersion && ciphertextBytes > 0 && ciphertextBytes % paddingStepBytes === 0;
}

function newHead(keyId: number): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUInt8(blobVersion);
  head.writeUInt32BE(keyId, 1);
  randomBytes(saltBytes + nonceBytes).copy(head, 1 + keyIdBytes);
  return head;
}

function nonceOf(head: Buffer): Buffer {
  return head.subarray(headBytes - nonceBytes);
}

/** A key that is used once makes GCM's limit of 2^32 messages per key irrelevant. */
function oneTimeKey(key: KeyObject, head: Buffer, context: Uint8Array): Buffer {
  const salt = head.subarray(1 + keyIdBytes, 1 + keyIdBytes + saltBytes);
  // As a digest, because Node accepts at most 1,024 bytes of `info` and a context has no limit. The AAD contains all of it.
  const info = Buffer.concat([derivationLabel, head, createHash('sha256').update(context).digest()]);
  return Buffer.from(hkdfSync('sha256', key, salt, info, 32));
}

function pad(value: Uint8Array): Buffer {
  if (value.length > maxValueBytes) {
    throw new RangeError(`A value of ${value.length} bytes is too long to seal.`);
  }
  const padded = Buffer.alloc(Math.ceil((lengthBytes + value.length) / paddingStepBytes) * paddingStepBytes);
  padded.writeUInt16BE(value.length);
  padded.set(value, lengthBytes);
  return padded;
}

function unpad(padded: Buffer): Buffer | undefined {
  const end = lengthBytes + padded.readUInt16BE();
  return end <= padded.length ? padded.subarray(lengthBytes, end) : undefined;
}

function lengthPrefixed(text: string): Buffer {
  const prefixed = Buffer.alloc(4 + Buffer.byteLength(text));
  prefixed.writeUInt32BE(prefixed.length - 4);
  prefixed.write(text, 4);
  return prefixed;
}
