// Knows this server's own names and addresses, so that no registry leads back to it.

import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { Config } from '../config.ts';

/** This server's own names and addresses. */
export interface OwnAddress {
  /** Whether a name or an IP address (without brackets) and a port are this server itself. */
  isOwn(this: void, host: string, port: number): boolean;
  /** The same for a registry's canonical `host[:port]`. */
  isOwnHost(this: void, host: string): boolean;
  /** Sets the port once the server listens. Before, only the public URL is known. */
  listensOn(port: number): void;
}

/** Every address of a machine, of each family. */
const everyAddress: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

/** Creates it for the settings of a server that does not listen yet. */
export function createOwnAddress({ listenHost, publicUrl }: Pick<Config, 'listenHost' | 'publicUrl'>): OwnAddress {
  const known = publicUrl === undefined ? undefined : hostAndPort(new URL(publicUrl));
  let listenPort: number | undefined;
  const listening = isIP(listenHost) === 6 ? canonicalIpv6(listenHost) : listenHost;
  const isLocal = (address: string): boolean => {
    if (listening === 'localhost') return isLoopback(address);
    const isOneAddress = isIP(listening) !== 0 && !everyAddress.has(listening);
    return isOneAddress ? address === listening : isOfThisMachine(address);
  };
  const isOwn: OwnAddress['isOwn'] = (host, port) =>
    (known?.port === port && known.host === withoutRootDot(host)) || (port === listenPort && isLocal(host));
  return {
    isOwn,
    isOwnHost(text) {
      const url = URL.parse(`https://${text}`);
      if (url === null) return false;
      const { host, port } = hostAndPort(url);
      return isOwn(host, port);
    },
    listensOn(port) {
      listenPort = port;
    },
  };
}

function hostAndPort(url: URL): { readonly host: string; readonly port: number } {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  return { host: withoutRootDot(host), port: Number(url.port || (url.protocol === 'http:' ? 80 : 443)) };
}

/** Returns an address as URLs and sockets write it; one with a zone stays as it is. */
function canonicalIpv6(address: string): string {
  return URL.parse(`http://[${address}]`)?.hostname.slice(1, -1) ?? address;
}

/** The dot at the end of a name that DNS takes for the same name (RFC 1034 §3.1). */
function withoutRootDot(name: string): string {
  return name.endsWith('.') ? name.slice(0, -1) : name;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(?:\.\d{1,3}){3}$/.test(host);
}

function isOfThisMachine(address: string): boolean {
  return (
    isLoopback(address) ||
    Object.values(networkInterfaces()).some((all) => all?.some((own) => own.address === address) === true)
  );
}
