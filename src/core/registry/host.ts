// Canonicalizes `host[:port]`: each host has exactly one spelling, so that equal texts mean equal hosts.

/** The specific reason for rejecting a registry pattern or image reference. A closed list, so that callers can branch on it. */
export type PatternProblem =
  | 'EMPTY'
  | 'SCHEME_NOT_ALLOWED'
  | 'USERINFO_NOT_ALLOWED'
  | 'HOST_INVALID'
  | 'HOST_BAD_CHAR'
  | 'HOST_NOT_CANONICAL'
  | 'HOST_AMBIGUOUS'
  | 'HOST_WILDCARD_UNSUPPORTED'
  | 'HOST_IS_REGWAY'
  | 'PORT_INVALID'
  | 'PATH_INVALID'
  | 'PATH_UPPERCASE'
  | 'PATH_TOO_LONG'
  | 'PATH_TRAILING_SLASH'
  | 'PATH_BAD_CHAR'
  | 'HUB_SINGLE_SEGMENT'
  | 'WILDCARD_NOT_AT_SEGMENT_END'
  | 'TAG_NOT_ALLOWED'
  | 'DIGEST_NOT_ALLOWED'
  | 'TAG_INVALID'
  | 'DIGEST_INVALID'
  | 'LOOKS_LIKE_IMAGE_ID';

/** Ends the parse with a reason and a sentence. Each parser supplies its own problem code. */
export type Reject = (reason: PatternProblem, message: string) => never;

/** The canonical name of Docker Hub. Its other names are aliases. */
export const hubHost = 'docker.io';
const hubAliases: ReadonlySet<string> = new Set([hubHost, 'index.docker.io', 'registry-1.docker.io']);

/** Maximum length of a host name, in characters (RFC 1035 §2.3.4). */
const maxHostLength = 253;
const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const port = /^[1-9][0-9]{0,4}$/;
const maxPort = 65_535;
const httpsPort = '443';

/**
 * Returns the canonical `host[:port]`: lower case, without `:443`, IPv6 compressed in brackets. Docker Hub aliases stay unchanged.
 * Rejects a host that a URL parser spells differently, because a check of the text would then cover another host than the one dialed.
 */
export function canonicalHost(text: string, reject: Reject): string {
  rejectForeignCharacters(text, reject);
  const { name, portText } = splitPort(text.toLowerCase(), reject);
  const host = name.startsWith('[') ? canonicalIpv6(name, reject) : canonicalName(name, reject);
  if (portText === undefined) return host;
  if (!port.test(portText) || Number(portText) > maxPort) {
    reject('PORT_INVALID', `The port of "${host}" must be a number from 1 to ${maxPort} without leading zeros.`);
  }
  return portText === httpsPort && !isAmbiguous(host) ? host : `${host}:${portText}`;
}

/** Returns the host in the form of `parse`, or null if that rejects it. */
export function acceptedHost(text: string, parse: (text: string, reject: Reject) => string): string | null {
  const rejected = new Error('The host is not accepted.');
  try {
    return parse(text, () => {
      throw rejected;
    });
  } catch (error) {
    if (error === rejected) return null;
    throw error;
  }
}

/** Returns the host of a registry or image: as `canonicalHost`, with Docker Hub aliases resolved. Rejects a single label without a port. */
export function registryHost(text: string, reject: Reject): string {
  const host = canonicalHost(text, reject);
  if (isAmbiguous(host)) {
    reject(
      'HOST_AMBIGUOUS',
      `A single-label host needs a port, since "${host}" could be a Docker Hub name: write docker.io/library/${host} or docker.io/${host}/* for Docker Hub, or ${host}:port for a private host.`,
    );
  }
  return hubAliases.has(host) ? hubHost : host;
}

/** Returns whether the host name of a parsed URL is the loopback interface. */
export function isLoopbackHost(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}

/** Returns whether a host is a single label without a port, which Docker silently reads as a namespace of Docker Hub. */
function isAmbiguous(host: string): boolean {
  return !/[.:]/.test(host) && host !== 'localhost';
}

function rejectForeignCharacters(text: string, reject: Reject): void {
  if (text.includes('*')) {
    reject(
      'HOST_WILDCARD_UNSUPPORTED',
      'A host cannot contain a wildcard, because one password would be sent to hosts that you did not name. Add one registry per host.',
    );
  }
  if (/[^\x21-\x7e]/.test(text)) {
    reject(
      'HOST_BAD_CHAR',
      'In a host, use no spaces or control characters; ASCII only, write IDN names in punycode (xn--…).',
    );
  }
}

function splitPort(text: string, reject: Reject): { name: string; portText: string | undefined } {
  if (text.startsWith('[')) {
    const end = text.indexOf(']');
    const rest = text.slice(end + 1);
    if (end < 0 || (rest !== '' && !rest.startsWith(':')))
      reject('HOST_INVALID', 'An IPv6 host is written [address] or [address]:port.');
    return { name: text.slice(0, end + 1), portText: rest === '' ? undefined : rest.slice(1) };
  }
  const [name = '', portText, ...more] = text.split(':');
  if (more.length > 0) reject('HOST_INVALID', 'IPv6 needs [brackets]: write [::1] or [::1]:5000.');
  return { name, portText };
}

function canonicalName(name: string, reject: Reject): string {
  if (name.endsWith('.')) reject('HOST_INVALID', 'A host must have no trailing dot.');
  if (name.length > maxHostLength || !name.split('.').every((part) => label.test(part))) {
    reject(
      'HOST_INVALID',
      'A host must be labels of letters, digits, and inner hyphens, joined by dots: at most 63 characters each and 253 in total.',
    );
  }
  const spelling = urlHostname(name);
  if (spelling === undefined) reject('HOST_INVALID', 'The host must be a valid DNS name or IP address.');
  if (spelling !== name) reject('HOST_NOT_CANONICAL', `"${name}" represents another address: write ${spelling}.`);
  return name;
}

function canonicalIpv6(name: string, reject: Reject): string {
  const mapped = 'IPv4-mapped IPv6: write the IPv4 address instead.';
  if (name.includes('.')) reject('HOST_INVALID', mapped);
  const spelling = /^\[[0-9a-f:]+\]$/.test(name) ? urlHostname(name) : undefined;
  if (spelling === undefined)
    reject('HOST_INVALID', 'An IPv6 host must be a valid address in brackets, without a zone ID.');
  if (/^\[::ffff:[0-9a-f]+:[0-9a-f]+\]$/.test(spelling)) reject('HOST_INVALID', mapped);
  return spelling;
}

/** Returns the spelling of a host by the URL parser that also dials it, or undefined if that rejects the host. */
function urlHostname(host: string): string | undefined {
  return URL.parse(`https://${host}`)?.hostname;
}
