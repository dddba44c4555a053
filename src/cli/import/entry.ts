// An entry of a file to import: a credential and its registry, or why it cannot be imported.

import { Problem } from '../../core/shared/problem.ts';
import { parseRegistryPattern, type RegistryPattern } from '../../core/registry/reference.ts';
import type { RegistryType } from '../../core/registry/registry.ts';
import type { Secret } from '../../core/shared/secret.ts';

export interface FoundLogin {
  /** As the file spells it, without a username or password that it may contain. */
  readonly key: string;
  /** Canonical registry pattern. */
  readonly registry: string;
  readonly username: string;
  /** Undefined if the file contains none. */
  readonly password: Secret | undefined;
  /** Set if the password is an identity token (refresh token) of `docker login`. */
  readonly isIdentityToken?: true | undefined;
  /** Undefined if the file does not say. */
  readonly type?: RegistryType | undefined;
  readonly name?: string | undefined;
  readonly secureConnection?: boolean | undefined;
  readonly trustedRealm?: string | undefined;
  readonly probeRepository?: string | undefined;
}

export interface RefusedEntry {
  readonly key: string;
  readonly refusal: string;
}

export type ImportEntry = FoundLogin | RefusedEntry;

/** Returns the registry that the user chose for an ambiguous key (`--map KEY=REGISTRY`), or undefined. */
export type KeyChoices = (key: string) => string | undefined;

/** Redacts the username and password that a key may contain. */
export function shownKey(key: string): string {
  return key.replace(/^([a-z]+:\/\/)?[^/]*@/i, '$1…@');
}

/** Creates an entry that cannot be imported, with the reason. */
export function refuse(key: string, refusal: string): RefusedEntry {
  return { key: shownKey(key), refusal };
}

/** Returns the registry that a key refers to, or why there is none. A choice must be on the host of its key. */
export function registryOfKey(
  key: string,
  choices: KeyChoices,
  interpret: (key: string) => RegistryPattern | string,
): RegistryPattern | string {
  const choice = choices(key);
  if (choice === undefined) return interpret(key);
  const chosen = parseText(choice);
  if (typeof chosen === 'string') return `the choice ${choice} is not a registry: ${chosen}`;
  const host = parseText(hostOfKey(key));
  if (typeof host === 'string' || host.host !== chosen.host)
    return `the choice ${choice} is on another host than the key, and a password is never moved to another host`;
  return chosen;
}

/** Parses a registry pattern; returns a message if it is not one. */
export function parseText(text: string): RegistryPattern | string {
  try {
    return parseRegistryPattern(text);
  } catch (error) {
    if (error instanceof Problem) return error.message;
    throw error;
  }
}

/** Formats the `--map` flags that an ambiguous key allows. */
export function offerChoices(key: string, registries: readonly string[]): string {
  return registries.map((registry) => `--map '${shownKey(key)}=${registry}'`).join(' or ');
}

/** Removes the `https://` and `/v1/` or `/v2/` that Docker and the kubelet accept around a host: https://github.com/docker/cli/tree/master/cli/config */
export function withoutScheme(key: string): string {
  return key
    .replace(/^https?:\/\//i, '')
    .replace(/\/+$/, '')
    .replace(/^([^/]+)\/v[12]$/, '$1');
}

function hostOfKey(key: string): string {
  return withoutScheme(key).split('/')[0] ?? '';
}
