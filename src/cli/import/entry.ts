// One entry of a file to import: a login with the registry that it is for, or the reason why it cannot be taken.

import { Problem } from '../../core/shared/problem.ts';
import { parseRegistryPattern, type RegistryPattern } from '../../core/registry/reference.ts';
import type { RegistryType } from '../../core/registry/registry.ts';
import type { Secret } from '../../core/shared/secret.ts';

export interface FoundLogin {
  /** As the file spells it, without a user name or password that it may hold. */
  readonly key: string;
  /** Canonical text. */
  readonly registry: string;
  readonly username: string;
  /** Undefined when the file has none. */
  readonly password: Secret | undefined;
  /** What the file says; undefined when it says nothing. */
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

/** The registry that the person chose for a key that could mean several things (`--map KEY=REGISTRY`); undefined without a choice. */
export type KeyChoices = (key: string) => string | undefined;

/** A key as it may be shown. */
export function shownKey(key: string): string {
  return key.replace(/^([a-z]+:\/\/)?[^/]*@/i, '$1…@');
}

/** A refusal. */
export function refuse(key: string, refusal: string): RefusedEntry {
  return { key: shownKey(key), refusal };
}

/** The registry that a key stands for, or why it stands for none. A choice stays on the host of its key. */
export function registryOfKey(
  key: string,
  choices: KeyChoices,
  interpret: (key: string) => RegistryPattern | string,
): RegistryPattern | string {
  const choice = choices(key);
  if (choice === undefined) return interpret(key);
  const chosen = parseText(choice);
  if (typeof chosen === 'string') return `the choice ${choice} is no registry: ${chosen}`;
  const host = parseText(hostOfKey(key));
  if (typeof host === 'string' || host.host !== chosen.host)
    return `the choice ${choice} is on another host than the key, and a password does not move between hosts`;
  return chosen;
}

/** The registry of a text, or the sentence that says what is wrong with it. */
export function parseText(text: string): RegistryPattern | string {
  try {
    return parseRegistryPattern(text);
  } catch (error) {
    if (error instanceof Problem) return error.message;
    throw error;
  }
}

/** Offers the readings of a key that has several. */
export function offerChoices(key: string, registries: readonly string[]): string {
  return registries.map((registry) => `--map '${shownKey(key)}=${registry}'`).join(' or ');
}

/** Docker and the kubelet take `https://` and `/v1/` or `/v2/` around a host: https://github.com/docker/cli/tree/master/cli/config */
export function withoutScheme(key: string): string {
  return key
    .replace(/^https?:\/\//i, '')
    .replace(/\/+$/, '')
    .replace(/^([^/]+)\/v[12]$/, '$1');
}

function hostOfKey(key: string): string {
  return withoutScheme(key).split('/')[0] ?? '';
}
