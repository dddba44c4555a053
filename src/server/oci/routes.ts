// Parses the paths of the pull endpoint into the image that a client means. A path outside the grammar is never sent upstream.
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#endpoints

import { registryHost, type Reject } from '../../core/registry/host.ts';
import { Problem } from '../../core/shared/problem.ts';
import { isDigest, isTag, parseRepository } from '../../core/registry/reference.ts';
import { OciError } from './errors.ts';

export type ContentKind = 'manifests' | 'blobs' | 'tags' | 'referrers';

/** A repository as this server routes it. */
export interface RoutedName {
  /** Canonical `host[:port]`. */
  readonly host: string;
  readonly repository: string;
}

export interface ContentRoute extends RoutedName {
  readonly kind: ContentKind;
  /** The name in the path, which is what clients put into a scope. */
  readonly name: string;
  /** Tag or digest; empty for tags. */
  readonly reference: string;
  /** The `ns` parameter, canonical, when there was one. */
  readonly namespace: string | undefined;
  /** Of tags and referrers, without `ns`. */
  readonly query: URLSearchParams;
}

export type PullRoute = { readonly kind: 'base' } | { readonly kind: 'token' } | ContentRoute;

/** Host, repository and digest at their longest are below this, and a page's query has room. */
const maxUrlLength = 2_048;

/** Greedy, so that the last such segment counts; encoded characters are in no name of the grammar. */
const contentPattern = /^\/v2\/([a-z0-9._/-]+)\/(?:(manifests|blobs|referrers)\/([A-Za-z0-9._:+-]+)|tags\/list)$/;

/**
 * Reads path and query of a request below `/v2`.
 * @param defaultUpstream Host of names that start with none, for Docker's `registry-mirrors`; undefined refuses them.
 * @throws OciError 400 or 404; nothing is to go upstream then.
 */
export function parsePullUrl(url: string, defaultUpstream: string | undefined): PullRoute {
  if (url.length > maxUrlLength) throw new OciError(400, 'NAME_INVALID', 'The address is too long.');
  const [path = '', ...queries] = url.split('?');
  if (path === '/v2/' || path === '/v2') return { kind: 'base' };
  if (path === '/v2/token') return { kind: 'token' };
  const query = new URLSearchParams(queries.join('?'));
  const [, name, kind = 'tags', reference = ''] = contentPattern.exec(path) ?? [];
  if (name === undefined) throw unknownPath(path);
  const namespace = namespaceOf(query);
  const routed = resolveName(name, namespace, defaultUpstream);
  query.delete('ns');
  checkReference(kind as ContentKind, reference);
  return { ...routed, kind: kind as ContentKind, name, reference, namespace, query };
}

/**
 * Which repository of which registry a name stands for: `docker.io/library/ubuntu`, `host_5000/a/b`, or `a/b` of the namespace or the default.
 * @throws OciError
 */
export function resolveName(
  name: string,
  namespace: string | undefined,
  defaultUpstream: string | undefined,
): RoutedName {
  const slash = name.indexOf('/');
  const prefix = slash < 0 ? undefined : hostInPath(name.slice(0, slash));
  const host = namespace ?? prefix ?? defaultUpstream;
  if (host === undefined)
    throw new OciError(
      404,
      'NAME_UNKNOWN',
      'Start the name with the registry, such as docker.io/library/ubuntu; a port is written registry.example_5000/a.',
    );
  // containerd sends `ns` beside the prefix of a mirror that has one; the registry is meant once.
  if (prefix !== undefined && prefix !== host)
    throw new OciError(
      400,
      'NAME_INVALID',
      `The path names ${prefix} and ns names ${host}: which is meant is not clear.`,
    );
  return { host, repository: repositoryOf(host, prefix === undefined ? name : name.slice(slash + 1)) };
}

/** Canonical form of a host as a parameter or a setting gives it. @throws OciError */
export function canonicalNamespace(text: string): string {
  return registryHost(text, refuseName);
}

/** A first component that no namespace would be: with a dot, with a port written `_5000`, or `localhost`. */
function hostInPath(component: string): string | undefined {
  const isHost = component.includes('.') || component === 'localhost' || /_[0-9]{1,5}$/.test(component);
  return isHost ? registryHost(component.replace(/_([0-9]{1,5})$/, ':$1'), refuseName) : undefined;
}

function namespaceOf(query: URLSearchParams): string | undefined {
  const [namespace, ...others] = query.getAll('ns');
  if (others.length > 0) throw new OciError(400, 'NAME_INVALID', 'ns was given more than once.');
  return namespace === undefined ? undefined : canonicalNamespace(namespace);
}

function repositoryOf(host: string, text: string): string {
  try {
    return parseRepository(host, text, 'name');
  } catch (error) {
    throw error instanceof Problem ? new OciError(400, 'NAME_INVALID', error.message) : error;
  }
}

const refuseName: Reject = (_fault, message) => {
  throw new OciError(400, 'NAME_INVALID', message);
};

function checkReference(kind: ContentKind, reference: string): void {
  if (kind === 'tags' || isDigest(reference) || (kind === 'manifests' && isTag(reference))) return;
  if (kind === 'manifests' && !reference.includes(':')) throw new OciError(404, 'MANIFEST_UNKNOWN', 'That is no tag.');
  throw new OciError(
    400,
    'DIGEST_INVALID',
    'A digest is sha256:, sha384: or sha512: and exactly its number of lower-case hex digits.',
  );
}

function unknownPath(path: string): OciError {
  if (path === '/v2/_catalog')
    return new OciError(404, 'UNSUPPORTED', 'The catalogue of a registry is not offered here.');
  const isContent = /\/(?:manifests|blobs|referrers)\/|\/tags\/list$/.test(path);
  return isContent
    ? new OciError(
        400,
        'NAME_INVALID',
        'A repository name is lower-case letters, digits, ".", "_", "-" and single "/"; nothing in it is encoded.',
      )
    : new OciError(
        404,
        'UNSUPPORTED',
        'There is nothing at this address. This endpoint serves manifests, blobs, tags/list and referrers.',
      );
}
