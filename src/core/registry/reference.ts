// The two texts that people type: a registry (`host`, `host/a/*`, `host/a/b`) and an image reference. Two parsers, never one that guesses.
// Grammar: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests

import { hubHost, registryHost, type Reject, type TextFault } from './host.ts';
import { Problem, type ProblemCode } from '../shared/problem.ts';

/** A registry text, parsed. `repository` is null for the whole host, ends in `/*` for a subtree, else is one repository. */
export interface RegistryPattern {
  /** Canonical text; parsing it again gives the same. */
  readonly registry: string;
  /** `host[:port]`. */
  readonly host: string;
  readonly repository: string | null;
}

export interface ImageReference {
  /** Canonical text; parsing it again gives the same. */
  readonly reference: string;
  readonly host: string;
  readonly repository: string;
  readonly tag: string | null;
  readonly digest: string | null;
}

/** Host, repository, tag and digest at their longest are below this; it bounds the work on a hostile text. */
const maxTextLength = 1024;
/** The limit that Docker and most registries put on a repository name. */
const maxRepositoryLength = 255;
const component = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*$/;
const tagPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
/** Registered algorithms and their hex lengths; others are refused as Docker does. */
const digestPattern = /^(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128})$/;
const scheme = /^[a-z][a-z0-9+.-]*:\/\//i;

/**
 * Parses what a person types as a registry.
 * @throws Problem `INVALID_REGISTRY` with the finer cause as `reason`.
 */
export function parseRegistryPattern(text: string): RegistryPattern {
  const refuse = rejectWith('INVALID_REGISTRY', ['registry']);
  const { host: hostText, path } = splitText(text, refuse);
  const host = registryHost(hostText, refuse);
  const repository = parsePattern(host, path, refuse);
  return { registry: repository === null ? host : `${host}/${repository}`, host, repository };
}

/**
 * Parses an image reference as Docker does: no host means Docker Hub, one component there means `library/`.
 * @throws Problem `INVALID_REFERENCE` with the finer cause as `reason`.
 */
export function parseImageReference(text: string): ImageReference {
  const refuse = rejectWith('INVALID_REFERENCE', ['reference']);
  const { host: hostText, rest } = splitImage(text, refuse);
  const host = hostText === undefined ? hubHost : registryHost(hostText, refuse);
  const { path, tag, digest } = splitTagAndDigest(rest, refuse);
  const repository = checkRepository(withLibrary(host, path), refuse);
  const reference = `${host}/${repository}${tag === null ? '' : `:${tag}`}${digest === null ? '' : `@${digest}`}`;
  return { reference, host, repository, tag, digest };
}

/**
 * A repository name of a host, such as the one that a validation asks for.
 * @throws Problem `INVALID_INPUT` naming the field.
 */
export function parseRepository(host: string, text: string, field: string): string {
  const refuse = rejectWith('INVALID_INPUT', [field]);
  return checkRepository(withLibrary(host, trimmed(text, refuse)), refuse);
}

/** Whether a text is a tag. */
export function isTag(text: string): boolean {
  return tagPattern.test(text);
}

/** Whether a text is a digest of a registered algorithm. */
export function isDigest(text: string): boolean {
  return digestPattern.test(text);
}

/** Docker Hub keeps its official images under `library/`. */
function withLibrary(host: string, path: string): string {
  return host === hubHost && path !== '' && !path.includes('/') ? `library/${path}` : path;
}

/** A refusal with one problem code, pointing at one input field. */
export function rejectWith(code: ProblemCode, field: readonly string[]): Reject {
  return (fault: TextFault, message: string): never => {
    throw new Problem(code, message, { reason: fault, field });
  };
}

function trimmed(text: string, refuse: Reject): string {
  const clean = text.trim();
  if (clean === '') refuse('EMPTY', 'Nothing was given.');
  if (clean.length > maxTextLength) refuse('PATH_TOO_LONG', `The text is longer than ${maxTextLength} characters.`);
  const found = scheme.exec(clean);
  if (found !== null) refuse('SCHEME_NOT_ALLOWED', `Give the host alone: drop ${found[0].toLowerCase()}`);
  return clean;
}

function splitText(text: string, refuse: Reject): { host: string; path: string | undefined } {
  const clean = trimmed(text, refuse);
  const slash = clean.indexOf('/');
  const host = slash < 0 ? clean : clean.slice(0, slash);
  if (host.includes('@'))
    refuse(
      'USERINFO_NOT_ALLOWED',
      'A user name or password does not belong in the registry text: give them in their own fields.',
    );
  return { host, path: slash < 0 ? undefined : clean.slice(slash + 1) };
}

function parsePattern(host: string, path: string | undefined, refuse: Reject): string | null {
  if (path === undefined || path === '' || path === '*') return null;
  const subtree = path.endsWith('/*');
  const base = subtree ? path.slice(0, -2) : path;
  if (base.includes('*'))
    refuse(
      'WILDCARD_NOT_AT_SEGMENT_END',
      'The wildcard must be a whole segment at the end: only a final /* is a wildcard.',
    );
  if (base.endsWith('/')) refuse('PATH_TRAILING_SLASH', 'Remove the slash at the end, or use /* for a subtree.');
  if (base.includes('@')) refuse('DIGEST_NOT_ALLOWED', 'A registry covers whole repositories: leave out the digest.');
  if (base.includes(':')) refuse('TAG_NOT_ALLOWED', 'A registry covers whole repositories: leave out the tag.');
  if (/[^A-Za-z0-9._/-]/.test(base))
    refuse('PATH_BAD_CHAR', 'A repository path holds lower-case letters, digits, ".", "_", "-" and "/" only.');
  checkRepository(base, refuse);
  if (host === hubHost && !subtree && !base.includes('/')) {
    refuse(
      'HUB_SINGLE_SEGMENT',
      `On Docker Hub one name is ambiguous: write docker.io/${base}/* for the namespace or docker.io/library/${base} for the official image.`,
    );
  }
  return path;
}

function splitImage(text: string, refuse: Reject): { host: string | undefined; rest: string } {
  const clean = trimmed(text, refuse);
  if (/^[0-9a-f]{64}$/.test(clean))
    refuse(
      'LOOKS_LIKE_IMAGE_ID',
      'That is an image id, which no registry can look up: give its repository and digest.',
    );
  const slash = clean.indexOf('/');
  if (slash < 0) return { host: undefined, rest: clean };
  const first = clean.slice(0, slash);
  if (first.includes('@')) refuse('USERINFO_NOT_ALLOWED', 'An image reference holds no user name or password.');
  // The rule by which Docker tells a host from a namespace, upper case included: https://github.com/distribution/reference
  return /[.:A-Z]/.test(first) || first === 'localhost'
    ? { host: first, rest: clean.slice(slash + 1) }
    : { host: undefined, rest: clean };
}

function splitTagAndDigest(rest: string, refuse: Reject): { path: string; tag: string | null; digest: string | null } {
  const at = rest.indexOf('@');
  const digest = at < 0 ? null : rest.slice(at + 1);
  if (digest !== null && !digestPattern.test(digest))
    refuse(
      'DIGEST_INVALID',
      'A digest is sha256:, sha384: or sha512: and exactly its number of lower-case hex digits.',
    );
  const name = at < 0 ? rest : rest.slice(0, at);
  const colon = name.indexOf(':');
  const tag = colon < 0 ? null : name.slice(colon + 1);
  if (tag !== null && !tagPattern.test(tag))
    refuse('TAG_INVALID', 'A tag is 1 to 128 letters, digits, "_", "." or "-", and starts with none of the last two.');
  return { path: colon < 0 ? name : name.slice(0, colon), tag, digest };
}

function checkRepository(path: string, refuse: Reject): string {
  if (path.length > maxRepositoryLength)
    refuse('PATH_TOO_LONG', `A repository name has at most ${maxRepositoryLength} characters.`);
  if (isRepository(path)) return path;
  if (isRepository(path.toLowerCase())) refuse('PATH_UPPERCASE', 'A repository name is all lower case.');
  return refuse(
    'PATH_INVALID',
    'A repository name is components of lower-case letters and digits, separated inside by ".", "_", "__" or "-", and joined by single slashes.',
  );
}

function isRepository(path: string): boolean {
  return path.split('/').every((part) => component.test(part));
}
