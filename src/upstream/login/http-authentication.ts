// Parses WWW-Authenticate headers and writes Authorization headers (RFC 9110 §11.6). Strict about ambiguity, lenient about what registries send in practice.
// Written by hand: a challenge decides where a password goes, so an ambiguous one must be reported as such, never repaired.

import { Problem } from '../../core/shared/problem.ts';
import { Secret } from '../../core/shared/secret.ts';
import type { Credential } from '../../core/validation/validator.ts';

export interface Challenge {
  /** Lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** Names in lower case, values unescaped. */
  readonly params: ReadonlyMap<string, string>;
  readonly token68?: string;
  /** Set if a comma between parameters was missing. */
  readonly lenient?: true;
  /** Set if the challenge is ambiguous or broken; a Bearer challenge is then never answered. */
  readonly malformed?: true;
}

/** Characters. All headers of a response share 16 KiB, and real challenges are far shorter. */
const maxValueLength = 8 * 1024;

/** Registries send one or two challenges. */
const maxChallenges = 8;

/** Bearer defines five parameters, Digest ten. */
const maxParams = 16;

/**
 * Parses every challenge of a response's `WWW-Authenticate` header, repeated or joined. Never throws.
 * @param header As undici returns it: absent, one value, or one per header line.
 */
export function parseChallenges(header: string | readonly string[] | undefined): Challenge[] {
  const values = header === undefined ? [] : [header].flat();
  return values
    .filter((value) => value.length <= maxValueLength)
    .flatMap(parseValue)
    .slice(0, maxChallenges);
}

/**
 * Returns the challenge to answer: Bearer with a realm, else Basic, else undefined. A Bearer challenge decides where the password goes, so a
 * malformed one is never answered; Basic sends it to the registry itself, whatever the text of its realm.
 */
export function pickChallenge(challenges: readonly Challenge[]): Challenge | undefined {
  return (
    challenges.find(
      ({ scheme, params, malformed }) =>
        scheme === 'bearer' && malformed === undefined && (params.get('realm') ?? '') !== '',
    ) ?? challenges.find(({ scheme }) => scheme === 'basic')
  );
}

interface Draft {
  scheme: string;
  params: Map<string, string>;
  token68?: string;
  lenient?: true;
  malformed?: true;
}

function parseValue(text: string): Challenge[] {
  const scanner = createScanner(text);
  const challenges: Draft[] = [];
  let current: Draft | undefined;
  let separated = true;
  while (challenges.length <= maxChallenges) {
    separated = scanner.take(separatorPattern).includes(',') || separated;
    if (scanner.atEnd()) break;
    const word = scanner.take(wordPattern);
    const isParam = current !== undefined && word !== '' && scanner.take(equalsPattern) !== '';
    if (isParam && current !== undefined) {
      if (!separated) current.lenient = true;
      if (!readParam(scanner, current, word.toLowerCase())) break;
      separated = false;
    } else if (word === '') {
      if (current !== undefined) current.malformed = true;
      break;
    } else {
      current = readScheme(scanner, word.toLowerCase());
      challenges.push(current);
      separated = true;
    }
  }
  return challenges;
}

const separatorPattern = /[ \t,]*/y;
const wordPattern = /[!#$%&'*+\-.^_`|~\dA-Za-z]*/y;
const equalsPattern = /[ \t]*=[ \t]*|/y;
const token68Pattern = /[ \t]+[\dA-Za-z\-._~+/]+=*(?=[ \t]*(?:,|$))|/y;
const unquotedPattern = /[^\s,"]*/y;

interface Scanner {
  /** Consumes and returns what matches here, possibly nothing. */
  take(pattern: RegExp): string;
  /** Consumes and returns one character. */
  next(): string;
  peek(): string;
  atEnd(): boolean;
}

function createScanner(text: string): Scanner {
  let position = 0;
  return {
    take(pattern) {
      pattern.lastIndex = position;
      const [taken = ''] = pattern.exec(text) ?? [];
      position += taken.length;
      return taken;
    },
    next: () => text.charAt(position++),
    peek: () => text.charAt(position),
    atEnd: () => position >= text.length,
  };
}

function readScheme(scanner: Scanner, scheme: string): Draft {
  const draft: Draft = { scheme, params: new Map() };
  const token68 = scanner.take(token68Pattern).trim();
  if (token68 !== '') draft.token68 = token68;
  return draft;
}

/** Reads the value after `name=`. Returns false if the rest of the header cannot be read. */
function readParam(scanner: Scanner, challenge: Draft, name: string): boolean {
  const quoted = scanner.peek() === '"';
  const value = quoted ? readQuoted(scanner) : scanner.take(unquotedPattern);
  const readable = value !== undefined && (quoted || scanner.peek() !== '"');
  const ambiguous = challenge.params.has(name) || challenge.params.size >= maxParams || challenge.token68 !== undefined;
  if (!readable || ambiguous || hasControl(value)) challenge.malformed = true;
  else challenge.params.set(name, value);
  return readable;
}

/** Returns a quoted-string (RFC 9110 §5.6.4) without its quotes and escapes, or undefined if it never ends. */
function readQuoted(scanner: Scanner): string | undefined {
  scanner.next();
  let value = '';
  while (!scanner.atEnd()) {
    const character = scanner.next();
    if (character === '"') return value;
    value += character === '\\' ? scanner.next() : character;
  }
  return undefined;
}

function hasControl(value: string): boolean {
  return /\p{Cc}/u.test(value);
}

/**
 * Returns the `Basic` header of a credential, in UTF-8 (RFC 7617).
 * @throws Problem `INVALID_INPUT` for a username that Basic cannot contain (§2), before anything is sent.
 */
export function basicAuthorization({ username, password }: Credential): Secret {
  if (/[:\p{Cc}]/u.test(username)) {
    throw new Problem('INVALID_INPUT', 'username must not contain ":" or control characters.', {
      field: ['username'],
    });
  }
  return new Secret(`Basic ${Buffer.from(`${username}:${password.reveal()}`, 'utf8').toString('base64')}`);
}

/** Returns the `Bearer` header of a token (RFC 6750 §2.1). */
export function bearerAuthorization(token: Secret): Secret {
  return new Secret(`Bearer ${token.reveal()}`);
}
