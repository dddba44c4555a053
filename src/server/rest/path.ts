// Parses the paths of the REST API, and the registry name in them: one percent-encoded segment or the raw path, decoded once.

import { Problem } from '../../core/shared/problem.ts';

export type RestResource = 'version' | 'document' | 'collection' | 'registry';

export interface RestPath {
  readonly resource: RestResource;
  /** The part after `/registries/`, as sent. */
  readonly encodedName: string;
}

/** Where the API begins. */
export const basePath = '/api/v2';

const resources: ReadonlyMap<string, RestResource> = new Map([
  ['', 'version'],
  ['/', 'version'],
  ['/openapi.json', 'document'],
  ['/registries', 'collection'],
  ['/registries/', 'collection'],
]);

/**
 * What a request target asks for; undefined when it is nothing of this API.
 * The path is taken as sent: resolving `..` or decoding before the split would let one path mean another.
 */
export function parsePath(url: string): RestPath | undefined {
  const [path = ''] = url.split('?', 1);
  if (!path.startsWith(basePath)) return undefined;
  const rest = path.slice(basePath.length);
  const resource = resources.get(rest);
  if (resource !== undefined) return { resource, encodedName: '' };
  return rest.startsWith('/registries/')
    ? { resource: 'registry', encodedName: rest.slice('/registries/'.length) }
    : undefined;
}

/**
 * The registry text in a path, decoded exactly once: `docker.io%2Fanchore%2F%2A` and `docker.io/anchore/*` are the same.
 * @throws Problem `INVALID_REGISTRY` when a percent sign encodes nothing.
 */
export function decodeName(encodedName: string): string {
  try {
    return decodeURIComponent(encodedName);
  } catch {
    throw new Problem('INVALID_REGISTRY', 'The registry in the path is not percent-encoded UTF-8.', {
      reason: 'BAD_ENCODING',
      field: ['registry'],
    });
  }
}
