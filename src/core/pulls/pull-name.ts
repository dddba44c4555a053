// Names an image when it is pulled through Regway: `<server>/<host>/<repository>`, with a port written as `host_5000` and `[::1]` as `0--1.ipv6`.

/** Returns the public URL of the server. A function, because the port can be chosen when it starts to listen. */
export type PublicEndpoint = () => URL;

/** Ends the path component of an IPv6 address. No top-level domain has this name. */
const ipv6Suffix = '.ipv6';
const ipv6Component = /^([0-9a-f]+-[0-9a-f-]+)\.ipv6$/;

/** Returns a canonical host as one component of a repository path, which cannot contain a colon or begin or end with a hyphen. */
export function hostAsPathComponent(host: string): string {
  const [, address, port = ''] = /^\[([0-9a-f:]+)\](:[0-9]+)?$/.exec(host) ?? [];
  if (address === undefined) return host.replace(':', '_');
  // A zero before or after `::` is the same address.
  const groups = address.replace(/^:/, '0:').replace(/:$/, ':0').replaceAll(':', '-');
  return `${groups}${ipv6Suffix}${port.replace(':', '_')}`;
}

/** Returns the host that a path component names, not yet in its canonical form, or undefined if it names none: a host has a dot or a port written `_5000`, or is `localhost`. */
export function hostOfPathComponent(component: string): string | undefined {
  const [, name = component, port] = /^(.*)_([0-9]{1,5})$/.exec(component) ?? [];
  const suffix = port === undefined ? '' : `:${port}`;
  const [, groups] = ipv6Component.exec(name) ?? [];
  if (groups !== undefined) return `[${groups.replaceAll('-', ':')}]${suffix}`;
  return name.includes('.') || name === 'localhost' || port !== undefined ? `${name}${suffix}` : undefined;
}

/** Returns the name under which a client pulls the repository through Regway. */
export function pullName(endpoint: URL, host: string, repository: string): string {
  return `${endpoint.host}/${hostAsPathComponent(host)}/${repository}`;
}
