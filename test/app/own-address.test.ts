// This server's own names and addresses, by its settings and the port that it listens on.

import { networkInterfaces } from 'node:os';
import { expect, it } from 'vitest';
import { createOwnAddress } from '../../src/app/wiring/own-address.ts';

const another = Object.values(networkInterfaces())
  .flatMap((all) => all ?? [])
  .map(({ address }) => address);

it.each<[string, string | undefined, string, number, boolean]>([
  ['127.0.0.1', undefined, '127.0.0.1', 4000, true],
  ['127.0.0.1', undefined, '127.0.0.1', 5000, false],
  ['127.0.0.1', undefined, '127.0.0.2', 4000, false],
  ['localhost', undefined, '127.0.0.1', 4000, true],
  ['localhost', undefined, '::1', 4000, true],
  ['0.0.0.0', undefined, '127.5.5.5', 4000, true],
  ['::', undefined, '::1', 4000, true],
  ['0.0.0.0', undefined, '192.0.2.7', 4000, false],
  ['0.0.0.0', 'https://regway.example', 'regway.example', 443, true],
  ['0.0.0.0', 'https://regway.example', 'regway.example', 4000, false],
  ['0.0.0.0', 'http://regway.example:8080', 'regway.example', 8080, true],
  ['0.0.0.0', 'https://[2001:db8::7]:8443', '2001:db8::7', 8443, true],
  ['0.0.0.0', 'https://regway.example', 'regway.example.', 443, true],
  ['0:0:0:0:0:0:0:0', undefined, '::1', 4000, true],
  ['0:0:0:0:0:0:0:1', undefined, '::1', 4000, true],
  ['FD00::1', undefined, 'fd00::1', 4000, true],
  ['cafe', undefined, '127.0.0.1', 4000, true],
  ...another.map((address): [string, undefined, string, number, boolean] => [
    '0.0.0.0',
    undefined,
    address,
    4000,
    true,
  ]),
])('a server on %s, public as %s, is %s:%i itself: %s', (listenHost, publicUrl, host, port, expected) => {
  const own = createOwnAddress({ listenHost, publicUrl });
  own.listensOn(4000);
  expect(own.isOwn(host, port)).toBe(expected);
  expect(own.isOwnHost(`${host.includes(':') ? `[${host}]` : host}:${port}`)).toBe(expected);
});

it('a server that does not listen yet knows its public address alone', () => {
  const own = createOwnAddress({ listenHost: '127.0.0.1', publicUrl: 'https://regway.example' });
  expect(own.isOwn('127.0.0.1', 4000)).toBe(false);
  expect(own.isOwnHost('regway.example')).toBe(true);
});
