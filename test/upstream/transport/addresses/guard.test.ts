// The guard of connections: no address is reached that its policy, this server's own address, or the reach of a redirect forbids.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createEgressPolicy } from '../../../../src/upstream/transport/addresses/egress.ts';
import { createAddressGuard, type Reach } from '../../../../src/upstream/transport/addresses/guard.ts';
import { propertyRuns } from '../../../support/property-runs.ts';

const egress = createEgressPolicy({ loopbackAllowed: true, allow: [], deny: [] });
const codeOf = (error: Error | undefined): unknown =>
  error === undefined ? 'PERMITTED' : (error as { code?: unknown }).code;

function refused(address: string, reach: Reach, port = 443): unknown {
  return codeOf(
    createAddressGuard({ egress, isOwn: (host) => host === '8.8.4.4' }, reach).refuseAddress(address, port),
  );
}

const octet = fc.integer({ min: 0, max: 255 });
const inRange = (prefix: string, rest: number) =>
  fc.array(octet, { minLength: rest, maxLength: rest }).map((octets) => [prefix, ...octets].join('.'));
const group = fc.integer({ min: 0, max: 0xffff }).map((value) => value.toString(16));

const privateAddresses = fc.oneof(
  inRange('10', 3),
  inRange('192.168', 2),
  fc.integer({ min: 16, max: 31 }).chain((second) => inRange(`172.${second}`, 2)),
  fc
    .integer({ min: 64, max: 127 })
    .chain((second) => inRange(`100.${second}`, 2))
    .filter((address) => address !== '100.100.100.200'),
  fc.tuple(fc.constantFrom('fd12', 'fc00', 'fdff'), group, group).map(([first, a, b]) => `${first}:${a}::${b}`),
  // The same behind the translation of a network of IPv6 alone (RFC 6052).
  fc
    .tuple(octet, octet, octet)
    .map(([a, b, c]) => `64:ff9b::${(10 * 256 + a).toString(16)}:${(b * 256 + c).toString(16)}`),
);

describe('a redirect', () => {
  it('reaches no private address, from wherever it comes', () => {
    fc.assert(
      fc.property(privateAddresses, fc.constantFrom<Reach>('PUBLIC', 'PUBLIC_OR_LOOPBACK'), (address, reach) => {
        expect(refused(address, reach)).toBe('PRIVATE_REDIRECT');
        expect(refused(address, 'ANY')).toBe('PERMITTED');
      }),
      { numRuns: propertyRuns(2_000) },
    );
  });

  it.each<[string, Reach, string]>([
    ['127.0.0.1', 'PUBLIC', 'PRIVATE_REDIRECT'],
    ['::1', 'PUBLIC', 'PRIVATE_REDIRECT'],
    ['127.9.9.9', 'PUBLIC_OR_LOOPBACK', 'PERMITTED'],
    ['::1', 'PUBLIC_OR_LOOPBACK', 'PERMITTED'],
    ['169.254.169.254', 'PUBLIC_OR_LOOPBACK', 'EGRESS_FORBIDDEN'],
    ['1.1.1.1', 'PUBLIC', 'PERMITTED'],
    ['2606:4700::1111', 'PUBLIC', 'PERMITTED'],
    ['172.15.255.255', 'PUBLIC', 'PERMITTED'],
    ['172.32.0.0', 'PUBLIC', 'PERMITTED'],
    ['100.63.255.255', 'PUBLIC', 'PERMITTED'],
    ['64:ff9b::808:808', 'PUBLIC', 'PERMITTED'],
    ['::ffff:10.0.0.1', 'PUBLIC', 'EGRESS_FORBIDDEN'],
    ['not an address', 'PUBLIC', 'EGRESS_FORBIDDEN'],
  ])('to %s with the reach %s: %s', (address, reach, expected) => {
    expect(refused(address, reach)).toBe(expected);
  });
});

it.each<Reach>(['ANY', 'PUBLIC', 'PUBLIC_OR_LOOPBACK'])('this server itself is out of every reach: %s', (reach) => {
  expect(refused('8.8.4.4', reach)).toBe('OWN_ADDRESS');
  const guard = createAddressGuard({ egress, isOwn: (host, port) => host === 'regway.test' && port === 8443 }, reach);
  expect(codeOf(guard.refuseName('regway.test', 8443))).toBe('OWN_ADDRESS');
  expect(codeOf(guard.refuseName('regway.test', 443))).toBe('PERMITTED');
});
