// Reads the list that GET /registries gives, here and in the systems whose clients speak that API. It holds no passwords.

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

/** One entry for each record. A record has a password only if somebody put one in, as `registry_pass`. */
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
    return refuse(key, `its registry_type is none of ${registryTypes.map((known) => known.toLowerCase()).join(', ')}`);
  if (typeof username !== 'string' || username === '') return refuse(key, 'it has no "registry_user"');
  return {
    key: shownKey(key),
    registry: registry.registry,
    username,
    password: typeof password === 'string' && password !== '' ? new Secret(password) : undefined,
    type,
    // A name that only repeats the text is no name.
    name: typeof name === 'string' && name !== '' && name !== key ? name : undefined,
    secureConnection: typeof verify === 'boolean' ? verify : undefined,
    // What "regway export" adds to that list.
    trustedRealm: textOf(record['trusted_realm']),
    probeRepository: textOf(record['probe_repository']),
  };
}

/** There `host/path*` covers every name that begins so, and `docker.io/name` one of two things: neither has one equal here. */
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

/** Undefined when absent, null when unknown. */
function typeOf(value: unknown): RegistryType | undefined | null {
  if (value === undefined || value === null) return undefined;
  return registryTypes.find((type) => typeof value === 'string' && type === value.toUpperCase()) ?? null;
}
