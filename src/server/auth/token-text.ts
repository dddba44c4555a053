// Prints and parses the value of an API token: `rgw_<id>_<secret><checksum>`. The checksum detects a
// mistyped or foreign value without the database.

import { hash as digest, randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { Secret } from '../../core/shared/secret.ts';

/** The parts of a token value. */
export interface TokenParts {
  /** The public ID of the token, for lists and logs. */
  readonly id: string;
  /** Known only to the holder of the token; Regway stores only its SHA-256. */
  readonly secret: Secret;
}

const base62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** No underscore, which separates the parts, and one case only, so that an ID can be read aloud. */
const idAlphabet = '0123456789abcdefghijklmnopqrstuvwxyz';

/** 62 bits: two random IDs do not collide in practice. */
const idLength = 12;
/** 256 bits: its hash needs neither a salt nor a slow function. */
const secretLength = 43;
/** 62^6 is above 2^32, so any CRC-32 fits. */
const checksumLength = 6;

const tokenPattern = new RegExp(
  `^(rgw_([a-z0-9]{${idLength}})_([0-9A-Za-z]{${secretLength}}))([0-9A-Za-z]{${checksumLength}})$`,
);

/** Creates the parts of a new token at random. */
export function newTokenParts(): TokenParts {
  return { id: randomText(idAlphabet, idLength), secret: new Secret(randomText(base62, secretLength)) };
}

/** Returns the token value, which the holder sends. */
export function printToken({ id, secret }: TokenParts): Secret {
  const body = `rgw_${id}_${secret.reveal()}`;
  return new Secret(body + checksum(body));
}

/** Returns the parts of a token value, or undefined if the text is not one or was mistyped. */
export function parseToken(text: string): TokenParts | undefined {
  const [, body, id, secret, sum] = tokenPattern.exec(text) ?? [];
  if (body === undefined || id === undefined || secret === undefined || checksum(body) !== sum) {
    return undefined;
  }
  return { id, secret: new Secret(secret) };
}

/** Returns the SHA-256 of the secret part of a token: the form in which it is stored. */
export function hashTokenSecret(secret: Secret): Uint8Array {
  return digest('sha256', secret.reveal(), 'buffer');
}

/** Returns the CRC-32 of a text in base 62. It only detects typing errors and authenticates nothing. */
function checksum(body: string): string {
  let rest = crc32(body);
  let text = '';
  while (text.length < checksumLength) {
    text = base62.charAt(rest % base62.length) + text;
    rest = Math.floor(rest / base62.length);
  }
  return text;
}

function randomText(alphabet: string, length: number): string {
  return Array.from({ length }, () => alphabet.charAt(randomInt(alphabet.length))).join('');
}
