// Prints and parses the value of an API token: `rgw_<id>_<secret><checksum>`. The checksum detects a mistyped or foreign one without the database.

import { hash as digest, randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { Secret } from '../../core/shared/secret.ts';

export interface TokenParts {
  /** Public: it names the token in lists and logs. */
  readonly id: string;
  /** Known to its holder alone; only its SHA-256 is stored. */
  readonly secret: Secret;
}

const base62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** No underscore, which separates the parts, and no case to confuse when an id is read aloud. */
const idAlphabet = '0123456789abcdefghijklmnopqrstuvwxyz';

/** 62 bits, so that two ids never meet. */
const idLength = 12;
/** 256 bits: a hash of it needs no salt and no slow function. */
const secretLength = 43;
/** 62^6 is above 2^32, so any CRC-32 fits. */
const checksumLength = 6;

const tokenPattern = new RegExp(
  `^(rgw_([a-z0-9]{${idLength}})_([0-9A-Za-z]{${secretLength}}))([0-9A-Za-z]{${checksumLength}})$`,
);

/** Makes the parts of a new token at random. */
export function newTokenParts(): TokenParts {
  return { id: randomText(idAlphabet, idLength), secret: new Secret(randomText(base62, secretLength)) };
}

/** Gives the text that the holder of the token sends. */
export function printToken({ id, secret }: TokenParts): Secret {
  const body = `rgw_${id}_${secret.reveal()}`;
  return new Secret(body + checksum(body));
}

/** Gives the parts, or undefined when the text is no token or was mistyped. */
export function parseToken(text: string): TokenParts | undefined {
  const [, body, id, secret, given] = tokenPattern.exec(text) ?? [];
  if (body === undefined || id === undefined || secret === undefined || checksum(body) !== given) {
    return undefined;
  }
  return { id, secret: new Secret(secret) };
}

/** Returns what is stored of a token: the SHA-256 of its secret part. */
export function hashTokenSecret(secret: Secret): Uint8Array {
  return digest('sha256', secret.reveal(), 'buffer');
}

/** CRC-32 of everything before it, in base 62. Against typing errors only; it proves nothing. */
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
