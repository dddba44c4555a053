// Parses the paths of the pull endpoint into the content that a client requests. A path outside the grammar is never sent upstream.
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#endpoints

import { hostAsPathComponent, hostOfPathComponent } from '../../core/pulls/pull-name.ts';
import { registryHost, type Reject } from '../../core/registry/host.ts';
import { Problem } from '../../core/shared/problem.ts';
import { isDigest, isTag, parseRepository } from '../../core/registry/reference.ts';
import { OciError } from './errors.ts';

/** The kinds of content that the endpoint serves. */
export type ContentKind = 'manifests' | 'blobs' | 'tags' | 'referrers' | 'catalog';

/** A repository and the registry that has it. */
export interface RoutedName {
  /** Canonical `host[:port]`. */
  readonly host: string;
  readonly repository: string;
}

/** A request for content. */
export interface ContentRoute extends Omit<RoutedName, 'repository'> {
  readonly kind: ContentKind;
  /** Null for the catalog of the host. */
  readonly repository: string | null;
  /** The name in the path, which is what clients put into a scope; for the catalog the host, or empty. */
  readonly name: string;
  /** The tag or digest; empty for the kinds `tags` and `catalog`. */
  readonly reference: string;
  /** The canonical `ns` parameter; undefined if absent. */
  readonly namespace: string | undefined;
  /** The query parameters without `ns`; used for the kinds that are lists. */
  readonly query: URLSearchParams;
}

/** A request below `/v2`. */
export type PullRoute = { readonly kind: 'base' } | { readonly kind: 'token' } | ContentRoute;

/** In characters. The longest host, repository, and digest are below this, with room for the query of a page. */
const maxUrlLength = 2_048;

/** The name is greedy, so that the last keyword decides. No name contains encoded characters. */
const contentPattern = /^\/v2\/([a-z0-9._/-]+)\/(?:(manifests|blobs|referrers)\/([A-Za-z0-9._:+-]+)|tags\/list)$/;

/** Extension of the distribution specification; below `/v2/` for the namespace or the default upstream, else below the host. */
const catalogPattern = /^\/v2(?:\/([a-z0-9._-]+))?\/_catalog$/;

/**
 * Parses path and query of a request below `/v2`.
 * @param defaultUpstream The host of names without one, for Docker's `registry-mirrors`; if undefined, such names are rejected.
 * @throws OciError 400 or 404 for a URL outside the grammar.
 */
export function parsePullUrl(url: string, defaultUpstream: string | undefined): PullRoute {
  if (url.length > maxUrlLength)
    throw new OciError(400, 'NAME_INVALID', `The URL must be at most ${maxUrlLength} characters.`);
  const [rawPath = '', ...queries] = url.split('?');
  const path = withoutBrackets(rawPath);
  if (path === '/v2/' || path === '/v2') return { kind: 'base' };
  if (path === '/v2/token') return { kind: 'token' };
  const query = new URLSearchParams(queries.join('?'));
  const catalog = catalogPattern.exec(path);
  const [, name, kind = 'tags', reference = ''] = contentPattern.exec(path) ?? [];
  if (catalog === null && name === undefined) throw unknownPath(path);
  const namespace = namespaceOf(query);
  query.delete('ns');
  if (name === undefined) return catalogOf(catalog?.[1] ?? '', namespace, query, defaultUpstream);
  const routed = resolveName(name, namespace, defaultUpstream);
  checkReference(kind as ContentKind, reference);
  return { ...routed, kind: kind as ContentKind, name, reference, namespace, query };
}

function catalogOf(
  name: string,
  namespace: string | undefined,
  query: URLSearchParams,
  defaultUpstream: string | undefined,
): ContentRoute {
  const prefix = name === '' ? undefined : hostInPath(name);
  const isNamed = name === '' ? (namespace ?? defaultUpstream) !== undefined : prefix !== undefined;
  if (!isNamed)
    throw new OciError(404, 'UNSUPPORTED', 'Regway has no catalog of its own. Name the registry: /v2/<host>/_catalog.');
  const host = hostOf(prefix, namespace, defaultUpstream);
  return { kind: 'catalog', host, repository: null, name, reference: '', namespace, query };
}

/**
 * Resolves a name to its registry and repository: `docker.io/library/ubuntu`, `host_5000/a/b`, or `a/b` in the namespace or the default upstream.
 * @param namespace The canonical `ns` parameter.
 * @param defaultUpstream The host of names without one; if undefined, such names are rejected.
 * @throws OciError 404 NAME_UNKNOWN without a registry; 400 NAME_INVALID for a name that is not valid or names two registries.
 */
export function resolveName(
  name: string,
  namespace: string | undefined,
  defaultUpstream: string | undefined,
): RoutedName {
  const slash = name.indexOf('/');
  const prefix = slash < 0 ? undefined : hostInPath(name.slice(0, slash));
  const host = hostOf(prefix, namespace, defaultUpstream);
  return { host, repository: repositoryOf(host, prefix === undefined ? name : name.slice(slash + 1)) };
}

/** Returns the host that a path names. @param prefix The host in the path. @throws OciError as `resolveName` */
function hostOf(
  prefix: string | undefined,
  namespace: string | undefined,
  defaultUpstream: string | undefined,
): string {
  const host = namespace ?? prefix ?? defaultUpstream;
  if (host === undefined)
    throw new OciError(
      404,
      'NAME_UNKNOWN',
      'The name must start with the registry, such as docker.io/library/ubuntu. Write a port as registry.example_5000/a.',
    );
  // containerd sends `ns` in addition to the prefix of a mirror that has one; both must name the same registry.
  if (prefix !== undefined && prefix !== host)
    throw new OciError(
      400,
      'NAME_INVALID',
      `The path names ${prefix}, but ns names ${host}. Both must name the same registry.`,
    );
  return host;
}

/** Returns whether content is a list, which has pages or a filter in its query. */
export function isList({ kind }: Pick<ContentRoute, 'kind'>): boolean {
  return kind === 'tags' || kind === 'referrers' || kind === 'catalog';
}

/** Returns the path of content below its repository, or below `/v2/` for the catalog. */
export function contentPath({ kind, reference }: Pick<ContentRoute, 'kind' | 'reference'>): string {
  if (kind === 'tags') return 'tags/list';
  return kind === 'catalog' ? '_catalog' : `${kind}/${reference}`;
}

/** Returns the canonical form of a host from a parameter. @throws OciError 400 NAME_INVALID */
export function canonicalNamespace(text: string): string {
  return registryHost(text, rejectName);
}

/** Returns the canonical host in the first component of a name, or undefined if absent. */
function hostInPath(component: string): string | undefined {
  const host = hostOfPathComponent(component);
  return host === undefined ? undefined : registryHost(host, rejectName);
}

/** Writes an IPv6 address in brackets at the start of a name as the path component that clients can send. */
function withoutBrackets(path: string): string {
  return path.replace(
    /^\/v2\/(\[[0-9A-Fa-f:]{2,39}\])(?:[_:]([0-9]{1,5}))?(?=\/)/,
    (_whole, address: string, port?: string) => {
      const host = registryHost(port === undefined ? address : `${address}:${port}`, rejectName);
      return `/v2/${hostAsPathComponent(host)}`;
    },
  );
}

function namespaceOf(query: URLSearchParams): string | undefined {
  const [namespace, ...others] = query.getAll('ns');
  if (others.length > 0) throw new OciError(400, 'NAME_INVALID', 'The ns parameter must be sent at most once.');
  return namespace === undefined ? undefined : canonicalNamespace(namespace);
}

function repositoryOf(host: string, text: string): string {
  try {
    return parseRepository(host, text, 'name');
  } catch (error) {
    throw error instanceof Problem ? new OciError(400, 'NAME_INVALID', error.message) : error;
  }
}

const rejectName: Reject = (_reason, message) => {
  throw new OciError(400, 'NAME_INVALID', message);
};

function checkReference(kind: ContentKind, reference: string): void {
  if (kind === 'tags' || isDigest(reference) || (kind === 'manifests' && isTag(reference))) return;
  if (kind === 'manifests' && !reference.includes(':'))
    throw new OciError(404, 'MANIFEST_UNKNOWN', 'The tag is not valid.');
  throw new OciError(
    400,
    'DIGEST_INVALID',
    'A digest must be sha256:, sha384:, or sha512:, followed by exactly its number of lowercase hex digits.',
  );
}

function unknownPath(path: string): OciError {
  const isContent = /\/(?:manifests|blobs|referrers)\/|\/tags\/list$/.test(path);
  return isContent
    ? new OciError(
        400,
        'NAME_INVALID',
        'A repository name must consist of lowercase letters, digits, ".", "_", "-", and single "/", without percent-encoding.',
      )
    : new OciError(
        404,
        'UNSUPPORTED',
        'This path does not exist. The endpoint serves manifests, blobs, tags/list, referrers, and the _catalog of a host.',
      );
}
