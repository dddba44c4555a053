// Refuses connections to addresses: those of the egress policy, this server's own, and for a redirect those that only its own network reaches.

import { isIP } from 'node:net';
import { forbiddenAddressCode, ownAddressCode, privateRedirectCode } from '../../errors/network-errors.ts';
import { type EgressPolicy, loopbackNetworks, nat64Target, networks } from './egress.ts';

/**
 * How far a connection may lead: to `ANY` address that the policy permits, if a record or a setting names its host; to a `PUBLIC` one, if only a
 * redirect names it; to a public or loopback one, if the redirecting registry is on this machine too.
 */
export type Reach = 'ANY' | 'PUBLIC' | 'PUBLIC_OR_LOOPBACK';

/** Whether a name or an IP address (without brackets) and a port are this server itself. */
export type IsOwn = (host: string, port: number) => boolean;

/** Refuses connections before they are made. Each function returns the error for it, or undefined. */
export interface AddressGuard {
  /** @param address Without brackets. */
  refuseAddress(address: string, port: number): Error | undefined;
  /** Before the name is resolved, because a load balancer in front of this server has another address. */
  refuseName(name: string, port: number): Error | undefined;
  /** Returns whether an address is private or forbidden. Failures there are not described to a caller without a registry for it. */
  isPrivate(address: string): boolean;
}

interface GuardSettings {
  readonly egress: EgressPolicy;
  readonly isOwn: IsOwn | undefined;
}

/** Networks that only their own hosts reach (RFC 1918, RFC 6598, RFC 4193). */
const privateNetworks = ['10.0.0.0/8', '100.64.0.0/10', '172.16.0.0/12', '192.168.0.0/16', 'fc00::/7'];

/** Creates the guard of connections with this reach. */
export function createAddressGuard({ egress, isOwn = () => false }: GuardSettings, reach: Reach): AddressGuard {
  const privates = networks(privateNetworks);
  const loopback = networks(loopbackNetworks);
  const isPrivate = (address: string): boolean => {
    const translated = isIP(address) === 6 ? nat64Target(address) : undefined;
    return loopback.has(address) || privates.has(translated ?? address);
  };
  const isWithin = (address: string): boolean =>
    reach === 'ANY' || !isPrivate(address) || (reach === 'PUBLIC_OR_LOOPBACK' && loopback.has(address));
  const refuseName: AddressGuard['refuseName'] = (name, port) =>
    isOwn(name, port) ? refusal(ownAddressCode) : undefined;
  return {
    refuseName,
    isPrivate: (address) => isPrivate(address) || !egress.permits(address),
    refuseAddress(address, port) {
      if (!egress.permits(address)) return refusal(forbiddenAddressCode);
      return isWithin(address) ? refuseName(address, port) : refusal(privateRedirectCode);
    },
  };
}

function refusal(code: string): Error {
  return Object.assign(new Error('No connection to this address is made.'), { code });
}
