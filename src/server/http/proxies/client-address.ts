// Determines the address of a client: that of the socket, or the one that a trusted proxy reports.

import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';

/** Returns the client's address; for IPv6 its /64, because one household or attacker has a whole /64. */
export type ClientAddress = (request: Pick<IncomingMessage, 'socket' | 'headers'>) => string;

/**
 * Creates the function that determines a client's address.
 * @param trustedProxies The CIDR ranges whose `X-Forwarded-For` is trusted. It is read from its right end, because a client can put any text at its left.
 */
export function createClientAddress(trustedProxies: readonly string[]): ClientAddress {
  const isTrusted = trustIn(trustedProxies);
  return ({ socket, headers }) => {
    const nearest = plain(socket.remoteAddress ?? '');
    const forwarded = hopsIn(headers['x-forwarded-for']);
    const farthest = [...forwarded, nearest].findLast((hop, index) => index === 0 || !isTrusted(hop)) ?? '';
    return networkOf(isIP(farthest) === 0 ? nearest : farthest);
  };
}

/** Returns whether an address is that of a proxy in these CIDR ranges. */
export function trustIn(trustedProxies: readonly string[]): (address: string) => boolean {
  const trusted = new BlockList();
  for (const range of trustedProxies) {
    const [address = '', prefix] = range.split('/');
    trusted.addSubnet(address, Number(prefix), familyOf(address));
  }
  return (address) => isIP(address) !== 0 && trusted.check(address, familyOf(address));
}

/** Returns the addresses of `X-Forwarded-For`, the nearest last. */
export function hopsIn(forwardedFor: string | string[] | undefined): string[] {
  return [forwardedFor ?? []]
    .flat()
    .join(',')
    .split(',')
    .map((hop) => plain(hop.trim()));
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}

/** Returns an address as a socket names it: removes the port that some proxies add, and unwraps an IPv4 address, which a socket for both families reports inside IPv6. */
export function plain(address: string): string {
  const bare = /^\[([^\]]+)\](?::\d+)?$/.exec(address)?.[1] ?? /^([\d.]+):\d+$/.exec(address)?.[1] ?? address;
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(bare)?.[1] ?? bare;
}

/** Returns the /64 of an IPv6 address, and any other address unchanged. */
function networkOf(address: string): string {
  const url = isIP(address) === 6 ? URL.parse(`http://[${address}]`) : null;
  // An address with a zone is link-local: URL rejects it, and it has no network of its own.
  if (url === null) return address;
  const [head = '', tail = ''] = url.hostname.slice(1, -1).split('::');
  const [first, last] = [head, tail].map((half) => half.split(':').filter((group) => group !== ''));
  const groups = [
    ...(first ?? []),
    ...Array.from({ length: 8 - (first?.length ?? 0) - (last?.length ?? 0) }, () => '0'),
    ...(last ?? []),
  ];
  return `${groups.slice(0, 4).join(':')}::/64`;
}
