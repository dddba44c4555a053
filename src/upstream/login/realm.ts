// Decides which token server may receive a registry's password. A challenge is a request of the registry, not a permission.

import { acceptedHost, canonicalHost } from '../../core/registry/host.ts';
import type { RealmRefusal } from '../errors/failure.ts';
import { type Endpoint, isPlainHttpHost } from './endpoint.ts';

/** Maps registries to their token servers on another host. */
const knownRealms: Readonly<Record<string, string>> = {
  'docker.io': 'auth.docker.io',
  'registry.gitlab.com': 'gitlab.com',
  'nvcr.io': 'authn.nvidia.com',
  'registry.digitalocean.com': 'api.digitalocean.com',
  'registry.redhat.io': 'sso.redhat.com',
};

type RealmDecision =
  | { readonly allowed: true; readonly url: URL }
  /** `host` is the realm's `host[:port]`, or null when there is none to show. */
  | { readonly allowed: false; readonly refusal: RealmRefusal; readonly host: string | null };

interface RealmPolicy {
  /** `host[:port]` that the owner of the credential named, or null. */
  readonly trustedRealm: string | null;
  /** Hosts that may be contacted without TLS. */
  readonly plainHttpHosts: readonly string[];
  /** Whether no credential exists, so that only the channel is checked here, and the address by the egress policy. */
  readonly isAnonymous?: boolean | undefined;
}

/**
 * Decides whether credentials for `registry` may go to the realm of its challenge: same origin, a known pair, or the owner's trusted realm.
 * @param realm As in the challenge; a relative URL is resolved against the registry's `/v2/`.
 */
export function isRealmAllowed(realm: string, registry: Endpoint, policy: RealmPolicy): RealmDecision {
  const base = `${registry.origin}/v2/`;
  const url = URL.parse(realm, base);
  if (url === null || !isUsable(url)) return { allowed: false, refusal: 'UNUSABLE', host: null };
  if (!isChannelAllowed(url, registry, policy)) return { allowed: false, refusal: 'PLAIN_HTTP', host: url.host };
  const isOwn = url.origin === registry.origin;
  const isKnown = url.origin === `https://${knownRealms[registry.host]}`;
  if (isOwn || isKnown || isTrusted(url, policy.trustedRealm) || policy.isAnonymous === true)
    return { allowed: true, url };
  return { allowed: false, refusal: 'OTHER_HOST', host: url.host };
}

function isUsable(url: URL): boolean {
  const isHttp = url.protocol === 'https:' || url.protocol === 'http:';
  return isHttp && url.username === '' && url.password === '' && !url.href.includes('#');
}

/** Whether the realm's channel is as strong as its registry's: never plain HTTP behind an HTTPS registry. */
function isChannelAllowed(url: URL, registry: Endpoint, policy: RealmPolicy): boolean {
  if (url.protocol === 'https:') return true;
  return registry.origin.startsWith('http:') && isPlainHttpHost(url, policy.plainHttpHosts);
}

/**
 * Returns the form of a refused realm's host that, once the owner of the credential trusts it, allows the realm; null if there is none, as for a
 * name with an underscore.
 * @param realm As in the challenge.
 * @param shown Its host as it may be shown, or null.
 */
export function trustableHost(realm: string, registry: Endpoint, shown: string | null): string | null {
  const host = shown === null ? null : acceptedHost(shown, canonicalHost);
  const url = URL.parse(realm, `${registry.origin}/v2/`);
  return host !== null && url !== null && isTrusted(url, host) ? host : null;
}

/** Whether the owner of the credential named this host and port. Compared in the realm's own scheme, so that a default port may be omitted. */
function isTrusted(url: URL, trustedRealm: string | null): boolean {
  if (trustedRealm === null) return false;
  const text = `${url.protocol}//${trustedRealm}`;
  return URL.parse(text)?.href === `${url.origin}/`;
}
