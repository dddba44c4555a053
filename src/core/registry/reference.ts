// Parses registry patterns (`host`, `host/a/*`, `host/a/b`) and image references, with one parser each and no guessing between the two.
// Written by hand: libraries for image references parse no patterns, and neither canonicalize hosts nor name a specific reason.
// Grammar: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests

import { hubHost, type PatternProblem, registryHost, type Reject } from './host.ts';
import { Problem, type ProblemCode } from '../shared/problem.ts';

/** A parsed registry pattern. `repository` is null for the whole host, ends in `/*` for a subtree, and else is one repository. */
export interface RegistryPattern {
  /** The canonical text; parsing it again returns the same. */
  readonly registry: string;
  /** `host[:port]`. */
  readonly host: string;
  readonly repository: string | null;
}

/** A parsed image reference. */
export interface ImageReference {
  /** The canonical text; parsing it again returns the same. */
  readonly reference: string;
  readonly host: string;
  readonly repository: string;
  readonly tag: string | null;
  readonly digest: string | null;
}

/** Maximum length of a text, in characters. The longest valid text is shorter; bounds the work on a hostile one. */
const maxTextLength = 1024;
/** Maximum length of a repository name, in characters, in Docker and most registries. */
const maxRepositoryLength = 255;
const component = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*$/;
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
/** The registered digest algorithms and their hex lengths. Others are rejected, as Docker does. */
const digestPattern = /^(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$/;
const scheme = /^[a-z][a-z0-9+.-]*:\/\//i;

/**
 * Parses a registry pattern.
 * @throws Problem `INVALID_REGISTRY` with a more specific reason.
 */
export function parseRegistryPattern(text: string): RegistryPattern {
  const reject = rejectWith('INVALID_REGISTRY', ['registry']);
  const { host: hostText, path } = splitText(text, reject);
  const host = registryHost(hostText, reject);
  const repository = parsePattern(host, path, reject);
  return { registry: repository === null ? host : `${host}/${repository}`, host, repository };
}

/**
 * Parses an image reference like Docker does: a missing host means Docker Hub, where a single component is in `library/`.
 * @throws Problem `INVALID_REFERENCE` with a more specific reason.
 */
export function parseImageReference(text: string): ImageReference {
  const reject = rejectWith('INVALID_REFERENCE', ['reference']);
  const { host: hostText, rest } = splitImage(text, reject);
  const host = hostText === undefined ? hubHost : registryHost(hostText, reject);
  const { path, tag, digest } = splitTagAndDigest(rest, reject);
  const repository = checkRepository(withLibrary(host, path), reject);
  const reference = `${host}/${repository}${tag === null ? '' : `:${tag}`}${digest === null ? '' : `@${digest}`}`;
  return { reference, host, repository, tag, digest };
}

/**
 * Parses the name of a repository on a host, such as the one that a validation requests.
 * @throws Problem `INVALID_INPUT` with the field.
 */
export function parseRepository(host: string, text: string, field: string): string {
  const reject = rejectWith('INVALID_INPUT', [field]);
  return checkRepository(withLibrary(host, trimmed(text, reject)), reject);
}

/** Returns whether a text is a tag. */
export function isTag(text: string): boolean {
  return tagPattern.test(text);
}

/** Returns whether a text is a digest of a registered algorithm. */
export function isDigest(text: string): boolean {
  return digestPattern.test(text);
}

/** Adds `library/`, where Docker Hub stores its official images. */
function withLibrary(host: string, path: string): string {
  return host === hubHost && path !== '' && !path.includes('/') ? `library/${path}` : path;
}

/** Returns a function that rejects a text with this problem code and input field. */
export function rejectWith(code: ProblemCode, field: readonly string[]): Reject {
  return (reason: PatternProblem, message: string): never => {
    throw new Problem(code, message, { reason, field });
  };
}

function trimmed(text: string, reject: Reject): string {
  const clean = text.trim();
  if (clean === '') reject('EMPTY', 'The text is empty.');
  if (clean.length > maxTextLength) reject('PATH_TOO_LONG', `The text is longer than ${maxTextLength} characters.`);
  const found = scheme.exec(clean);
  if (found !== null) reject('SCHEME_NOT_ALLOWED', `Name only the host: drop ${found[0].toLowerCase()}`);
  return clean;
}

function splitText(text: string, reject: Reject): { host: string; path: string | undefined } {
  const clean = trimmed(text, reject);
  const slash = clean.indexOf('/');
  const host = slash < 0 ? clean : clean.slice(0, slash);
  if (host.includes('@'))
    reject(
      'USERINFO_NOT_ALLOWED',
      'A registry pattern must not contain a username or password: pass them in their own fields.',
    );
  return { host, path: slash < 0 ? undefined : clean.slice(slash + 1) };
}

function parsePattern(host: string, path: string | undefined, reject: Reject): string | null {
  if (path === undefined || path === '' || path === '*') return null;
  const subtree = path.endsWith('/*');
  const base = subtree ? path.slice(0, -2) : path;
  if (base.includes('*'))
    reject(
      'WILDCARD_NOT_AT_SEGMENT_END',
      'The wildcard must be a whole segment at the end: only a final /* is a wildcard.',
    );
  if (base.endsWith('/')) reject('PATH_TRAILING_SLASH', 'Remove the slash at the end, or use /* for a subtree.');
  if (base.includes('@')) reject('DIGEST_NOT_ALLOWED', 'A registry covers whole repositories: omit the digest.');
  if (base.includes(':')) reject('TAG_NOT_ALLOWED', 'A registry covers whole repositories: omit the tag.');
  if (/[^A-Za-z0-9._/-]/.test(base))
    reject('PATH_BAD_CHAR', 'A repository path can contain only lowercase letters, digits, ".", "_", "-", and "/".');
  checkRepository(base, reject);
  if (host === hubHost && !subtree && !base.includes('/')) {
    reject(
      'HUB_SINGLE_SEGMENT',
      `On Docker Hub one name is ambiguous: write docker.io/${base}/* for the namespace or docker.io/library/${base} for the official image.`,
    );
  }
  return path;
}

function splitImage(text: string, reject: Reject): { host: string | undefined; rest: string } {
  const clean = trimmed(text, reject);
  if (/^[0-9a-f]{64}$/.test(clean))
    reject(
      'LOOKS_LIKE_IMAGE_ID',
      'This is an image ID, which no registry can look up: write the repository and digest.',
    );
  const slash = clean.indexOf('/');
  if (slash < 0) return { host: undefined, rest: clean };
  const first = clean.slice(0, slash);
  if (first.includes('@'))
    reject('USERINFO_NOT_ALLOWED', 'An image reference must not contain a username or password.');
  // Distinguishes a host from a namespace by Docker's rule, upper case included: https://github.com/distribution/reference
  return /[.:A-Z]/.test(first) || first === 'localhost'
    ? { host: first, rest: clean.slice(slash + 1) }
    : { host: undefined, rest: clean };
}

function splitTagAndDigest(rest: string, reject: Reject): { path: string; tag: string | null; digest: string | null } {
  const at = rest.indexOf('@');
  const digest = at < 0 ? null : rest.slice(at + 1);
  if (digest !== null && !digestPattern.test(digest))
    reject(
      'DIGEST_INVALID',
      'A digest must be sha256:, sha384:, or sha512: and exactly its number of lowercase hex digits.',
    );
  const name = at < 0 ? rest : rest.slice(0, at);
  const colon = name.indexOf(':');
  const tag = colon < 0 ? null : name.slice(colon + 1);
  if (tag !== null && !tagPattern.test(tag))
    reject(
      'TAG_INVALID',
      'A tag must be 1 to 128 letters, digits, "_", ".", or "-", and must not start with "." or "-".',
    );
  return { path: colon < 0 ? name : name.slice(0, colon), tag, digest };
}

function checkRepository(path: string, reject: Reject): string {
  if (path.length > maxRepositoryLength)
    reject('PATH_TOO_LONG', `A repository name must have at most ${maxRepositoryLength} characters.`);
  if (isRepository(path)) return path;
  if (isRepository(path.toLowerCase())) reject('PATH_UPPERCASE', 'A repository name must be lowercase.');
  return reject(
    'PATH_INVALID',
    'A repository name must be components joined by single slashes: lowercase letters and digits, separated by ".", "_", "__", or "-".',
  );
}

function isRepository(path: string): boolean {
  return path.split('/').every((part) => component.test(part));
}
