// Reads the list that GET /registries returns, from Regway and from compatible servers. The list contains no passwords.

import { registryTypes, type RegistryType } from '../../core/registry/registry.ts';
import type { RegistryPattern } from '../../core/registry/reference.ts';
import { isRecord } from '../../core/shared/json.ts';
import { Secret } from '../../core/shared/secret.ts';
import {
  offerChoices,
  parseText,
  refuse,
  registryOfKey,
  shownKey,
  type ImportEntry,
  type KeyChoices,
} from './entry.ts';

/** Whether a document is such a list. */
export function isDump(document: unknown): document is unknown[] {
  return Array.isArray(document);
}

/** Returns one entry for each record. A record has a password only if the user added one as `registry_pass`. */
export function parseDump(document: readonly unknown[], choices: KeyChoices): ImportEntry[] {
  return document.map((record, index) => parseRecord(record, `record ${index + 1}`, choices));
}

function parseRecord(record: unknown, place: string, choices: KeyChoices): ImportEntry {
  if (!isRecord(record) || typeof record['registry'] !== 'string') return refuse(place, 'it has no "registry"');
  const {
    registry: key,
    registry_user: username,
    registry_pass: password,
    registry_name: name,
    registry_verify: verify,
  } = record;
  const registry = registryOfKey(key, choices, interpret);
  if (typeof registry === 'string') return refuse(key, registry);
  const type = typeOf(record['registry_type']);
  if (type === null)
    return refuse(
      key,
      `its registry_type must be one of ${registryTypes.map((known) => known.toLowerCase()).join(', ')}`,
    );
  if (typeof username !== 'string' || username === '') return refuse(key, 'it has no "registry_user"');
  return {
    key: shownKey(key),
    registry: registry.registry,
    username,
    password: typeof password === 'string' && password !== '' ? new Secret(password) : undefined,
    type,
    // A name that repeats the registry is a default.
    name: typeof name === 'string' && name !== '' && name !== key ? name : undefined,
    secureConnection: typeof verify === 'boolean' ? verify : undefined,
    // Keys that "regway export" adds.
    trustedRealm: textOf(record['trusted_realm']),
    probeRepository: textOf(record['probe_repository']),
  };
}

/** Interprets a key. In that API, `host/path*` matches any prefix and `docker.io/name` is ambiguous; neither has an exact equivalent here. */
function interpret(key: string): RegistryPattern | string {
  const parsed = parseText(key);
  const base = key.replace(/\*$/, '');
  const host = key.split('/')[0] ?? '';
  if (typeof parsed !== 'string' || !base.includes('/')) return parsed;
  const readings = [`${base}/*`, `${host}/*`].map(parseText).filter((reading) => typeof reading !== 'string');
  return readings.length === 0
    ? parsed
    : `${parsed} Choose ${offerChoices(
        key,
        readings.map(({ registry }) => registry),
      )}`;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** Returns undefined if absent, null if unknown. */
function typeOf(value: unknown): RegistryType | undefined | null {
  if (value === undefined || value === null) return undefined;
  return registryTypes.find((type) => typeof value === 'string' && type === value.toUpperCase()) ?? null;
}
