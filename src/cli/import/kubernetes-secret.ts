// Reads credentials from image pull secrets of Kubernetes, as `kubectl get secret NAME -o json` prints them.
// https://kubernetes.io/docs/concepts/configuration/secret/#docker-config-secrets

import { isRecord, parseJson } from '../../core/shared/json.ts';
import { parseDockerConfig } from './docker-config.ts';
import { refuse, type ImportEntry, type KeyChoices } from './entry.ts';

/** Whether a document is a Secret or a list of objects. */
export function isSecret(document: unknown): document is Record<string, unknown> {
  return (
    isRecord(document) &&
    (document['kind'] === 'Secret' || document['kind'] === 'List' || document['kind'] === 'SecretList')
  );
}

/** Returns the credentials of one Secret, or of each in a list. A Secret of another type becomes an entry with a reason. */
export function parseSecret(document: Record<string, unknown>, choices: KeyChoices): ImportEntry[] {
  const { items } = document;
  if (document['kind'] !== 'Secret')
    return Array.isArray(items)
      ? items.filter(isRecord).flatMap((item) => parseSecret({ kind: 'Secret', ...item }, choices))
      : [];
  const name = nameOf(document);
  const text = dataOf(document, '.dockerconfigjson');
  if (text !== undefined) return parseInner(name, text, (config) => parseDockerConfig(config, choices));
  // The older form contains only the map.
  const legacy = dataOf(document, '.dockercfg');
  if (legacy !== undefined) return parseInner(name, legacy, (auths) => parseDockerConfig({ auths }, choices));
  return [refuse(name, 'it is not an image pull secret: its data has neither .dockerconfigjson nor .dockercfg')];
}

function parseInner(
  name: string,
  text: string,
  parse: (document: Record<string, unknown>) => ImportEntry[],
): ImportEntry[] {
  const document = parseJson(text);
  if (isRecord(document)) return parse(document);
  return [refuse(name, 'its content is not a Docker configuration in JSON')];
}

/** `data` is base64, `stringData` is plain and wins, as in the API server. */
function dataOf({ data, stringData }: Record<string, unknown>, key: string): string | undefined {
  const plain = isRecord(stringData) ? stringData[key] : undefined;
  if (typeof plain === 'string') return plain;
  const encoded = isRecord(data) ? data[key] : undefined;
  return typeof encoded === 'string' ? Buffer.from(encoded, 'base64').toString('utf8') : undefined;
}

function nameOf({ metadata }: Record<string, unknown>): string {
  const name = isRecord(metadata) ? metadata['name'] : undefined;
  return `secret ${typeof name === 'string' ? name : 'without a name'}`;
}
