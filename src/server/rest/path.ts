// Parses the paths of the REST API, and the registry pattern in them: one percent-encoded segment or the raw path, decoded once.

import { Problem } from '../../core/shared/problem.ts';

/** The kinds of resource that the API serves. */
export type RestResource = 'version' | 'document' | 'collection' | 'registry';

/** A parsed path. */
export interface RestPath {
  readonly resource: RestResource;
  /** The part after `/registries/`, as sent. */
  readonly encodedName: string;
}

/** The path of the API; every resource is at or below it. */
export const basePath = '/api/v2';

const resources: ReadonlyMap<string, RestResource> = new Map([
  ['', 'version'],
  ['/', 'version'],
  ['/openapi.json', 'document'],
  ['/registries', 'collection'],
  ['/registries/', 'collection'],
]);

/**
 * Parses a request target, or returns undefined if it names no resource of this API.
 * The path is used as sent: resolving `..` or decoding before the split would let one path mean another.
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
 * Returns the registry pattern in a path, decoded exactly once: `docker.io%2Fanchore%2F%2A` and `docker.io/anchore/*` are the same.
 * @throws Problem `INVALID_REGISTRY` with the reason `BAD_ENCODING` if the percent-encoding is not valid UTF-8.
 */
export function decodeName(encodedName: string): string {
  try {
    return decodeURIComponent(encodedName);
  } catch {
    throw new Problem('INVALID_REGISTRY', 'The registry in the path must be percent-encoded UTF-8.', {
      reason: 'BAD_ENCODING',
      field: ['registry'],
    });
  }
}
