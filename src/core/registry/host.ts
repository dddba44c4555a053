// Canonical spelling of `host[:port]`: one host has one text, so that text equality is host equality.

/** The finer cause when a text is refused. A closed list, so that callers can branch on it. */
export type TextFault =
  | 'EMPTY'
  | 'SCHEME_NOT_ALLOWED'
  | 'USERINFO_NOT_ALLOWED'
  | 'HOST_INVALID'
  | 'HOST_BAD_CHAR'
  | 'HOST_NOT_CANONICAL'
  | 'HOST_AMBIGUOUS'
  | 'HOST_WILDCARD_UNSUPPORTED'
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

/** Ends the parse with a fault and a sentence; each parser supplies its own problem code. */
export type Reject = (fault: TextFault, message: string) => never;

/** Docker Hub's name in this system; its other names are aliases. */
export const hubHost = 'docker.io';
const hubAliases: ReadonlySet<string> = new Set([hubHost, 'index.docker.io', 'registry-1.docker.io']);

/** RFC 1035 §2.3.4. */
const maxHostLength = 253;
const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const port = /^[1-9][0-9]{0,4}$/;
const maxPort = 65_535;
const httpsPort = '443';

/**
 * Canonical `host[:port]`: lower case, `:443` dropped, IPv6 compressed in brackets. Hub aliases are kept as they are.
 * The text must be what a URL parser makes of it, or a check on the text would judge another host than the one dialled.
 */
export function canonicalHost(text: string, refuse: Reject): string {
  rejectForeignCharacters(text, refuse);
  const { name, portText } = splitPort(text.toLowerCase(), refuse);
  const host = name.startsWith('[') ? canonicalIpv6(name, refuse) : canonicalName(name, refuse);
  if (portText === undefined) return host;
  if (!port.test(portText) || Number(portText) > maxPort) {
    refuse('PORT_INVALID', `The port of "${host}" must be a number from 1 to ${maxPort} without leading zeros.`);
  }
  return portText === httpsPort && !isAmbiguous(host) ? host : `${host}:${portText}`;
}

/** The host of a registry or image: as `canonicalHost`, Hub aliases folded, a bare single label refused. */
export function registryHost(text: string, refuse: Reject): string {
  const host = canonicalHost(text, refuse);
  if (isAmbiguous(host)) {
    refuse(
      'HOST_AMBIGUOUS',
      `A single-label host needs a port, since "${host}" could be a Docker Hub name: write docker.io/library/${host} or docker.io/${host}/* for Docker Hub, or ${host}:port for a private host.`,
    );
  }
  return hubAliases.has(host) ? hubHost : host;
}

/** Whether a host name of a URL, as its parser spells it, stands for the machine that dials it. */
export function isLoopbackHost(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname);
}

/** A single label without a port: Docker would silently read it as a namespace of Docker Hub. */
function isAmbiguous(host: string): boolean {
  return !/[.:]/.test(host) && host !== 'localhost';
}

function rejectForeignCharacters(text: string, refuse: Reject): void {
  if (text.includes('*')) {
    refuse(
      'HOST_WILDCARD_UNSUPPORTED',
      'A host cannot hold a wildcard: it would send one password to hosts that nobody named. Add one registry per host.',
    );
  }
  if (/[^\x21-\x7e]/.test(text)) {
    refuse(
      'HOST_BAD_CHAR',
      'In a host, use no spaces or control characters; ASCII only, write IDN names in punycode (xn--…).',
    );
  }
}

function splitPort(text: string, refuse: Reject): { name: string; portText: string | undefined } {
  if (text.startsWith('[')) {
    const end = text.indexOf(']');
    const rest = text.slice(end + 1);
    if (end < 0 || (rest !== '' && !rest.startsWith(':')))
      refuse('HOST_INVALID', 'An IPv6 host is written [address] or [address]:port.');
    return { name: text.slice(0, end + 1), portText: rest === '' ? undefined : rest.slice(1) };
  }
  const [name = '', portText, ...more] = text.split(':');
  if (more.length > 0) refuse('HOST_INVALID', 'IPv6 needs [brackets]: write [::1] or [::1]:5000.');
  return { name, portText };
}

function canonicalName(name: string, refuse: Reject): string {
  if (name.endsWith('.')) refuse('HOST_INVALID', 'A host has no trailing dot here.');
  if (name.length > maxHostLength || !name.split('.').every((part) => label.test(part))) {
    refuse(
      'HOST_INVALID',
      'A host is labels of letters, digits and inner hyphens, 63 characters each and 253 in all, joined by dots.',
    );
  }
  const spelling = urlHostname(name);
  if (spelling === undefined) refuse('HOST_INVALID', 'That host is not a name or address that can be dialled.');
  if (spelling !== name) refuse('HOST_NOT_CANONICAL', `"${name}" stands for another address: write ${spelling}.`);
  return name;
}

function canonicalIpv6(name: string, refuse: Reject): string {
  const mapped = 'IPv4-mapped IPv6: write the IPv4 address instead.';
  if (name.includes('.')) refuse('HOST_INVALID', mapped);
  const spelling = /^\[[0-9a-f:]+\]$/.test(name) ? urlHostname(name) : undefined;
  if (spelling === undefined)
    refuse('HOST_INVALID', 'That is not an IPv6 address in brackets; zone ids are not allowed.');
  if (/^\[::ffff:[0-9a-f]+:[0-9a-f]+\]$/.test(spelling)) refuse('HOST_INVALID', mapped);
  return spelling;
}

/** What the URL parser that dials makes of a host; undefined when it refuses. */
function urlHostname(host: string): string | undefined {
  return URL.parse(`https://${host}`)?.hostname;
}
