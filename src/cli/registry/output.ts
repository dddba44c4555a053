// Formats a registry as a table row, as lines of facts, as JSON with stable keys, or as its ID.

import type { Registry, Report } from '../api/operations.ts';
import { hintOf } from './advice.ts';
import type { Output } from '../options.ts';
import type { Column } from '../terminal/table.ts';
import { jsonText, printable } from '../terminal/terminal.ts';

/** Columns of a list. A narrow terminal omits the last ones. */
export const registryColumns: readonly Column<Registry>[] = [
  { heading: 'REGISTRY', text: ({ registry }) => registry },
  { heading: 'NAME', text: ({ name }) => name },
  { heading: 'TYPE', text: ({ type }) => type.toLowerCase() },
  { heading: 'USERNAME', text: ({ username }) => username },
  { heading: 'TLS', text: ({ secureConnection }) => (secureConnection ? 'verified' : 'unverified') },
  { heading: 'VALIDATION', text: ({ lastValidation }) => lastValidation?.outcome ?? '-' },
  { heading: 'UPDATED', text: ({ updatedAt }) => updatedAt.slice(0, 10) },
];

/** Formats one registry. */
export function formatRegistry(registry: Registry, output: Output): string {
  switch (output) {
    case 'id':
      return printable(registry.id);
    case 'json':
      return jsonText(registryJson(registry));
    case 'table':
      return facts(registry);
  }
}

/** Returns a registry with the keys that scripts rely on, in this order. */
export function registryJson(registry: Registry): object {
  const {
    id,
    host,
    repository,
    name,
    type,
    username,
    secureConnection,
    trustedRealm,
    probeRepository,
    pendingSince,
    previousUsableUntil,
    account,
    createdAt,
    updatedAt,
  } = registry;
  return {
    registry: registry.registry,
    id,
    name,
    type: type.toLowerCase(),
    username,
    secureConnection,
    trustedRealm,
    probeRepository,
    host,
    repository,
    account,
    createdAt,
    updatedAt,
    lastValidation: registry.lastValidation && reportJson(registry.lastValidation),
    pendingSince,
    previousUsableUntil,
  };
}

/** Returns a report with its keys in a stable order. */
export function reportJson({
  outcome,
  valid,
  message,
  hint,
  advice,
  retryable,
  retryAfter,
  realmHost,
  checkedAt,
  durationMs,
  steps,
}: Report): object {
  return {
    outcome,
    valid,
    message,
    hint: hintOf({ hint, advice }),
    advice,
    retryable,
    retryAfter,
    realmHost,
    checkedAt,
    durationMs,
    steps,
  };
}

function facts(registry: Registry): string {
  const lines: [string, string | null][] = [
    ['Registry', registry.registry],
    ['Name', registry.name],
    ['ID', registry.id],
    ['Type', registry.type.toLowerCase()],
    ['Username', registry.username],
    ['TLS', registry.secureConnection ? 'certificate verified' : 'certificate not verified'],
    ['Trusted realm', registry.trustedRealm],
    ['Probe repository', registry.probeRepository],
    ['New password', registry.pendingSince && `pending since ${registry.pendingSince}`],
    [
      'Old password',
      registry.previousUsableUntil &&
        `usable if the registry rejects the current one, until ${registry.previousUsableUntil}`,
    ],
    ['Account', registry.account],
    ['Created', registry.createdAt],
    ['Updated', registry.updatedAt],
    [
      'Validation',
      registry.lastValidation && `${registry.lastValidation.outcome} at ${registry.lastValidation.checkedAt}`,
    ],
  ];
  const present = lines.filter((line): line is [string, string] => line[1] !== null);
  const width = Math.max(...present.map(([label]) => label.length)) + 2;
  return present.map(([label, value]) => `${`${label}:`.padEnd(width)}${printable(value)}`).join('\n');
}
