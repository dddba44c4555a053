// Names an image when it is pulled through Regway: `<server>/<host>/<repository>`, with a port written as `host_5000`.

/** Returns the public URL of the server. A function, because the port can be chosen when it starts to listen. */
export type PublicEndpoint = () => URL;

/** Returns a host as one component of a repository path, which cannot contain a colon, or undefined for IPv6. */
export function hostAsPathComponent(host: string): string | undefined {
  return host.startsWith('[') ? undefined : host.replace(':', '_');
}

/** Returns the name under which a client pulls the repository through Regway, or undefined for an IPv6 host. */
export function pullName(endpoint: URL, host: string, repository: string): string | undefined {
  const path = hostAsPathComponent(host);
  return path === undefined ? undefined : `${endpoint.host}/${path}/${repository}`;
}
