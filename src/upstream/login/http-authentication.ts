// Reads WWW-Authenticate headers (RFC 9110 §11.6.1), strictly about what is ambiguous and leniently about what registries really send.

import { Problem } from '../../core/shared/problem.ts';
import { Secret } from '../../core/shared/secret.ts';
import type { Credential } from '../../core/validation/validator.ts';

export interface Challenge {
  /** Lower case: `bearer`, `basic`. */
  readonly scheme: string;
  /** Names in lower case, values unescaped. */
  readonly params: ReadonlyMap<string, string>;
  readonly token68?: string;
  /** A comma between parameters was missing. */
  readonly lenient?: true;
  /** Read, but ambiguous or broken, so never answered. */
  readonly malformed?: true;
}

/** All headers of a response share 16 KiB; one challenge of 8 KiB already is absurd. */
const maxValueLength = 8 * 1024;

/** Registries send one or two challenges. */
const maxChallenges = 8;

/** Bearer defines five parameters, Digest ten. */
const maxParams = 16;

/**
 * Reads every challenge of a response's `WWW-Authenticate` header, repeated or joined. Never throws.
 * @param header As undici gives it: absent, one value, or one per header line.
 */
export function parseChallenges(header: string | readonly string[] | undefined): Challenge[] {
  const values = header === undefined ? [] : [header].flat();
  return values
    .filter((value) => value.length <= maxValueLength)
    .flatMap(parseValue)
    .slice(0, maxChallenges);
}

/** The challenge to answer: Bearer with a realm, else Basic, else none. */
export function pickChallenge(challenges: readonly Challenge[]): Challenge | undefined {
  const usable = challenges.filter((challenge) => challenge.malformed === undefined);
  return (
    usable.find(({ scheme, params }) => scheme === 'bearer' && (params.get('realm') ?? '') !== '') ??
    usable.find(({ scheme }) => scheme === 'basic')
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
  /** Takes what matches here, possibly nothing. */
  take(pattern: RegExp): string;
  /** Takes one character. */
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

/** Reads the value after `name=`. False when the rest of the header cannot be read. */
function readParam(scanner: Scanner, challenge: Draft, name: string): boolean {
  const quoted = scanner.peek() === '"';
  const value = quoted ? readQuoted(scanner) : scanner.take(unquotedPattern);
  const readable = value !== undefined && (quoted || scanner.peek() !== '"');
  const ambiguous = challenge.params.has(name) || challenge.params.size >= maxParams || challenge.token68 !== undefined;
  if (!readable || ambiguous || hasControl(value)) challenge.malformed = true;
  else challenge.params.set(name, value);
  return readable;
}

/** A quoted-string without its quotes and escapes; undefined when it never ends. */
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
 * `Basic` with the credential in UTF-8 (RFC 7617).
 * @throws Problem `INVALID_INPUT` for a user name that Basic cannot carry (§2), before anything is sent.
 */
export function basicAuthorization({ username, password }: Credential): Secret {
  if (/[:\p{Cc}]/u.test(username)) {
    throw new Problem('INVALID_INPUT', 'A username for a registry holds no ":" and no control characters.', {
      field: ['username'],
    });
  }
  return new Secret(`Basic ${Buffer.from(`${username}:${password.reveal()}`, 'utf8').toString('base64')}`);
}

/** `Bearer` with a token (RFC 6750 §2.1). */
export function bearerAuthorization(token: Secret): Secret {
  return new Secret(`Bearer ${token.reveal()}`);
}
