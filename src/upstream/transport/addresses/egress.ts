// Decides which addresses the server may connect to, whatever a registry pattern, a DNS server, or a challenge names.

import { BlockList, isIP } from 'node:net';

interface EgressSettings {
  /** Whether 127.0.0.0/8 and ::1 may be contacted: only if the server itself listens only on loopback. */
  readonly loopbackAllowed: boolean;
  /** Addresses or CIDR networks. If not empty, nothing outside them is reachable. Opens nothing that is always forbidden. */
  readonly allow: readonly string[];
  /** Addresses or CIDR networks that are forbidden even if `allow` names them. */
  readonly deny: readonly string[];
}

export interface EgressPolicy {
  /** Returns whether a connection to this IP address (without brackets) is allowed. False for anything that is not an IP address. */
  permits(address: string): boolean;
}

type Family = 'ipv4' | 'ipv6';

/** Addresses that no registry has, so no setting opens them: the IANA special-purpose registries (RFC 6890) and metadata services of clouds. */
const forbiddenIpv4 = [
  '0.0.0.0/8', // "this network"; 0.0.0.0 reaches loopback on Linux
  '100.100.100.200', // Alibaba Cloud metadata
  '168.63.129.16', // Azure platform
  '169.254.0.0/16', // link-local: metadata of most clouds
  '192.0.0.0/24', // IETF protocol assignments; Oracle Cloud metadata
  '192.0.2.0/24', // documentation
  '192.88.99.0/24', // 6to4 relay
  '198.18.0.0/15', // benchmarking
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, broadcast
];

const forbiddenIpv6 = [
  '2001::/23', // IETF protocol assignments: Teredo, ORCHID
  '2001:db8::/32', // documentation
  '2002::/16', // 6to4: embeds any IPv4 address
  '3fff::/20', // documentation
  'fd00:42::42', // Scaleway metadata
  'fd00:ec2::/32', // AWS metadata and pod identity
  'fd20:ce::254', // Google Cloud metadata
];

export const loopbackNetworks = ['127.0.0.0/8', '::1'];

/** The only parts of IPv6 that contain registries; the rest is link-local, site-local, multicast, mapped, discard-only, or unassigned. */
const reachableIpv6 = ['2000::/3', 'fc00::/7'];

/**
 * Creates the policy. Private networks are reachable unless the settings restrict it, because registries run there.
 * @throws Error naming an entry that is neither an address nor a CIDR network.
 */
export function createEgressPolicy(settings: EgressSettings): EgressPolicy {
  const forbidden = networks([...forbiddenIpv4, ...forbiddenIpv6]);
  const reachable = networks(reachableIpv6);
  const loopback = networks(loopbackNetworks);
  const allow = networks(settings.allow);
  const deny = networks(settings.deny);

  const narrowed = (address: string) => !deny.has(address) && (settings.allow.length === 0 || allow.has(address));
  const permits = (address: string): boolean => {
    if (loopback.has(address)) return settings.loopbackAllowed && narrowed(address);
    const family = familyOf(address);
    if (family === undefined || forbidden.has(address)) return false;
    if (family === 'ipv4') return narrowed(address);
    const translated = nat64Target(address);
    if (translated !== undefined) return !deny.has(address) && !loopback.has(translated) && permits(translated);
    return reachable.has(address) && narrowed(address);
  };
  return { permits };
}

/** A set of networks. */
export interface Networks {
  has(address: string): boolean;
}

/** @throws Error naming an entry that is neither an address nor a CIDR network. */
export function networks(entries: readonly string[]): Networks {
  // Two lists: in one list Node also matches IPv4 addresses against IPv6 rules in their mapped form.
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const entry of entries) {
    const { address, family, prefixBits } = parseNetwork(entry);
    lists[family].addSubnet(address, prefixBits, family);
  }
  return {
    has(address) {
      const family = familyOf(address);
      return family !== undefined && lists[family].check(address, family);
    },
  };
}

function parseNetwork(entry: string): { address: string; family: Family; prefixBits: number } {
  const [address = '', prefix, ...rest] = entry.trim().split('/');
  const family = familyOf(address);
  const widest = family === 'ipv4' ? 32 : 128;
  const prefixBits = prefix === undefined ? widest : Number(prefix);
  const prefixIsNumber = prefix === undefined || /^\d{1,3}$/.test(prefix);
  if (family === undefined || rest.length > 0 || !prefixIsNumber || prefixBits > widest) {
    throw new Error(`"${entry}" is not an IP address or a CIDR network such as 10.0.0.0/8.`);
  }
  return { address, family, prefixBits };
}

/** Returns the family of an address, or undefined for a name or an address with a zone (`fe80::1%eth0`), which only local links have. */
function familyOf(address: string): Family | undefined {
  if (address.includes('%')) return undefined;
  const version = isIP(address);
  if (version === 0) return undefined;
  return version === 4 ? 'ipv4' : 'ipv6';
}

/** Returns the IPv4 address behind a NAT64 address of the well-known prefix 64:ff9b::/96 (RFC 6052 §2.1), as IPv6-only clusters see IPv4 hosts. */
export function nat64Target(address: string): string | undefined {
  const tail = /^64:ff9b::(?:([\da-f]{1,4}):)?([\da-f]{1,4})$/.exec(compressed(address));
  if (tail === null) return undefined;
  const high = Number.parseInt(tail[1] ?? '0', 16);
  const low = Number.parseInt(tail[2] ?? '0', 16);
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

function compressed(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}
