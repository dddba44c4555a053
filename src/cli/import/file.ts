// Detects the format of a file to import, parses it, and resolves duplicate entries.

import { isRecord, parseJson } from '../../core/shared/json.ts';
import { usageError } from '../errors.ts';
import { isDockerConfig, parseDockerConfig } from './docker-config.ts';
import { isDump, parseDump } from './registry-list.ts';
import { refuse, type FoundLogin, type ImportEntry, type KeyChoices } from './entry.ts';
import { isSecret, parseSecret } from './kubernetes-secret.ts';

const known =
  'a Docker config.json, an auth.json, a Kubernetes Secret (kubectl get secret NAME -o json), or the list of GET /registries';

/**
 * Returns the entries of a file in its order. Of several entries for one registry, equal ones are imported once and different ones
 * not at all.
 * @throws CommandFailure if the format is unknown. The message repeats nothing of the file.
 */
export function parseImportFile(text: string, choices: KeyChoices): ImportEntry[] {
  const entries = entriesOf(parseDocument(text), choices);
  return entries.map((entry, index) => ('refusal' in entry ? entry : settleTwins(entry, entries, index)));
}

function entriesOf(document: unknown, choices: KeyChoices): ImportEntry[] {
  if (isDump(document)) return parseDump(document, choices);
  if (isSecret(document)) return parseSecret(document, choices);
  if (isDockerConfig(document)) return parseDockerConfig(document, choices);
  if (isRecord(document) && Array.isArray(document['registries'])) return parseDump(document['registries'], choices);
  throw usageError(`The file is not ${known}.`);
}

function parseDocument(text: string): unknown {
  const document = parseJson(text);
  if (document !== undefined) return document;
  const advice = /^\s*(?:apiVersion|kind|metadata|data):/m.test(text)
    ? ' It looks like YAML: use kubectl get secret NAME -o json.'
    : '';
  throw usageError(`The file is not JSON, so it is not ${known}.${advice}`);
}

function settleTwins(entry: FoundLogin, entries: readonly ImportEntry[], index: number): ImportEntry {
  const twins = entries.filter(
    (other): other is FoundLogin => 'registry' in other && other.registry === entry.registry && other !== entry,
  );
  const different = twins.find((twin) => !isSameLogin(twin, entry));
  if (different !== undefined)
    return refuse(
      entry.key,
      `the file names ${entry.registry} more than once, with different credentials (${different.key}): remove the wrong one`,
    );
  const first = entries.findIndex((other) => 'registry' in other && other.registry === entry.registry);
  return first < index ? refuse(entry.key, `it repeats the credential for ${entry.registry} above`) : entry;
}

function isSameLogin(one: FoundLogin, other: FoundLogin): boolean {
  const facts = ({ username, password, type, secureConnection, trustedRealm, probeRepository }: FoundLogin) =>
    JSON.stringify([username, password?.reveal(), type, secureConnection, trustedRealm, probeRepository]);
  return facts(one) === facts(other);
}
