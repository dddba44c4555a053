// Whose failures count together: the socket's address, or what a trusted proxy says, and nothing that a client can make up.

import { expect, it } from 'vitest';
import { createClientAddress } from '../../../../src/server/http/proxies/client-address.ts';

const proxies = ['10.0.0.0/8', 'fd00::/8'];

it.each([
  ['without a proxy', '192.0.2.1', undefined, '192.0.2.1'],
  ['an IPv4 client of a socket for both families', '::ffff:192.0.2.1', undefined, '192.0.2.1'],
  ['an IPv6 client', '2001:db8:1:2:3:4:5:6', undefined, '2001:db8:1:2::/64'],
  ['an IPv6 client with a short address', '2001:db8::6', undefined, '2001:db8:0:0::/64'],
  ['this machine over IPv6', '::1', undefined, '0:0:0:0::/64'],
  ['a header that a stranger sends', '192.0.2.1', '198.51.100.1', '192.0.2.1'],
  ['a trusted proxy', '10.1.2.3', '198.51.100.1', '198.51.100.1'],
  ['a trusted proxy whose client made up a header', '10.1.2.3', '203.0.113.9, 198.51.100.1', '198.51.100.1'],
  ['two trusted proxies', '10.1.2.3', '203.0.113.9, 198.51.100.1, 10.9.9.9', '198.51.100.1'],
  ['a trusted proxy over IPv6', 'fd00::1', '2001:db8::6', '2001:db8:0:0::/64'],
  ['a trusted proxy that adds ports', '10.1.2.3', '203.0.113.9, 198.51.100.1:4711', '198.51.100.1'],
  ['a trusted proxy that adds a port to IPv6', '10.1.2.3', '[2001:db8::6]:4711', '2001:db8:0:0::/64'],
  ['a trusted proxy that says nothing of use', '10.1.2.3', '203.0.113.9, unknown', '10.1.2.3'],
  ['a trusted proxy without the header', '10.1.2.3', undefined, '10.1.2.3'],
  ['a trusted proxy itself', '10.1.2.3', '10.7.7.7', '10.7.7.7'],
])('%s', (_case, remoteAddress, forwarded, address) => {
  const request = {
    socket: { remoteAddress } as never,
    headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
  };
  expect(createClientAddress(proxies)(request)).toBe(address);
});

it('trusts no proxy by default', () => {
  expect(
    createClientAddress([])({
      socket: { remoteAddress: '127.0.0.1' } as never,
      headers: { 'x-forwarded-for': '198.51.100.1' },
    }),
  ).toBe('127.0.0.1');
});
