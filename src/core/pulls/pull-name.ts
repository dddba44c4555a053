// How an image is named when it is pulled through this server: `<server>/<host>/<repository>`, a port written as `host_5000`.

/** Where pullers reach this server; asked late, since the port may be chosen when it listens. */
export type PublicEndpoint = () => URL;

/** A host as one component of a repository path, where no colon may stand; undefined for IPv6, which cannot be written so. */
export function hostAsPathComponent(host: string): string | undefined {
  return host.startsWith('[') ? undefined : host.replace(':', '_');
}

/** The name under which a client pulls the repository through this server; undefined when there is none. */
export function pullName(endpoint: URL, host: string, repository: string): string | undefined {
  const path = hostAsPathComponent(host);
  return path === undefined ? undefined : `${endpoint.host}/${path}/${repository}`;
}
