// The origin at which a client reached this server, as nginx, HAProxy, Caddy, Traefik, and cloud balancers report it, and as attackers do.

import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { createOriginOf } from '../../../../src/server/http/proxies/origin.ts';

type Headers = Record<string, string>;

function originOf(
  headers: Headers,
  {
    from = '10.0.0.5',
    trustedProxies = ['10.0.0.0/24'],
    loopbackOnly = false,
    isEncrypted = false,
    publicUrl = undefined as string | undefined,
  } = {},
): string {
  const socket = { remoteAddress: from, ...(isEncrypted ? { encrypted: true } : {}) };
  const found = createOriginOf({ publicUrl, trustedProxies, loopbackOnly })({
    socket,
    headers,
  } as unknown as IncomingMessage);
  return 'origin' in found ? found.origin : found.fault;
}

describe('behind a trusted proxy', () => {
  it.each<[string, Headers, string]>([
    [
      'nginx',
      { host: 'regway.example', 'x-forwarded-proto': 'https', 'x-forwarded-for': '203.0.113.9' },
      'https://regway.example',
    ],
    [
      'Caddy',
      {
        host: 'upstream:4000',
        'x-forwarded-proto': 'https',
        'x-forwarded-host': 'regway.example',
        'x-forwarded-for': '203.0.113.9',
      },
      'https://regway.example',
    ],
    [
      'Traefik with a port',
      { host: 'regway.example:8443', 'x-forwarded-proto': 'https', 'x-forwarded-host': 'regway.example:8443' },
      'https://regway.example:8443',
    ],
    [
      'HAProxy with Forwarded',
      { host: 'upstream', forwarded: 'for=203.0.113.9;proto=https;host=regway.example' },
      'https://regway.example',
    ],
    [
      'Forwarded with quotes',
      { host: 'upstream', forwarded: 'For="[2001:db8::1]:443"; Proto=HTTPS; Host="regway.example:8443"' },
      'https://regway.example:8443',
    ],
    [
      'a chain of two',
      { host: 'regway.example', 'x-forwarded-for': '203.0.113.9, 10.0.0.7', 'x-forwarded-proto': 'https, http' },
      'https://regway.example',
    ],
    [
      'a chain of two by Forwarded',
      {
        host: 'inner',
        forwarded: 'for=203.0.113.9;proto=https;host=regway.example, for=10.0.0.7;proto=http;host=inner',
      },
      'https://regway.example',
    ],
    [
      'a chain whose inner proxy keeps one value',
      { host: 'regway.example', 'x-forwarded-for': '203.0.113.9, 10.0.0.7', 'x-forwarded-proto': 'https' },
      'https://regway.example',
    ],
    [
      'a proxy without TLS, as it says',
      { host: 'regway.example', 'x-forwarded-proto': 'http' },
      'http://regway.example',
    ],
  ])('%s', (_proxy, headers, expected) => {
    expect(originOf(headers)).toBe(expected);
  });

  it.each<[string, Headers, string]>([
    [
      'its own X-Forwarded-Host to the left',
      {
        host: 'regway.example',
        'x-forwarded-for': '198.51.100.1, 203.0.113.9',
        'x-forwarded-host': 'evil.example, regway.example',
        'x-forwarded-proto': 'http, https',
      },
      'https://regway.example',
    ],
    [
      'its own Forwarded to the left',
      {
        host: 'inner',
        forwarded: 'for=10.0.0.9;proto=http;host=evil.example, for=203.0.113.9;proto=https;host=regway.example',
      },
      'https://regway.example',
    ],
    [
      'a comma in quotes',
      { host: 'inner', forwarded: 'for="203.0.113.9, for=10.0.0.9;host=evil.example";proto=https;host=regway.example' },
      'https://regway.example',
    ],
    ['a host with a path', { host: 'regway.example', 'x-forwarded-host': 'evil.example/x' }, 'BAD_HOST'],
    ['a host with a login', { host: 'regway.example', 'x-forwarded-host': 'a@evil.example' }, 'BAD_HOST'],
    ['a scheme that is none', { host: '203.0.113.1', 'x-forwarded-proto': 'javascript' }, 'http://203.0.113.1'],
    ['Forwarded that never ends', { host: '203.0.113.1', forwarded: 'for="'.repeat(5_000) }, 'http://203.0.113.1'],
    [
      'Forwarded through a proxy that writes X-Forwarded-Proto and passes the rest on',
      { host: 'regway.example', 'x-forwarded-proto': 'https', forwarded: 'for=10.0.0.9;proto=http;host=evil.example' },
      'https://regway.example',
    ],
    [
      'Forwarded through a proxy that writes X-Forwarded-Host and passes the rest on',
      { host: '203.0.113.1', 'x-forwarded-host': '203.0.113.2', forwarded: 'proto=https;host=evil.example' },
      'http://203.0.113.2',
    ],
  ])('a client that sends %s is not believed', (_attack, headers, expected) => {
    expect(originOf(headers)).toBe(expected);
  });

  it.each([
    ['an open quote full of escaped ones', `"${'\\"'.repeat(3_000)}`],
    ['a name without an end', 'a'.repeat(6_000)],
    ['names without a value', 'a '.repeat(3_000)],
    ['quotes that open again and again', 'a="\\'.repeat(1_500)],
    ['a backslash at its end', `"${'a'.repeat(4_094)}\\`],
  ])('Forwarded with %s holds up nobody', (_attack, forwarded) => {
    const before = process.threadCpuUsage();
    expect(originOf({ host: '203.0.113.1', forwarded })).toBe('http://203.0.113.1');
    const { user, system } = process.threadCpuUsage(before);
    expect((user + system) / 1_000).toBeLessThan(15);
  });
});

describe('without a trusted proxy', () => {
  const outside = { from: '203.0.113.9' };
  it.each<[string, Headers, Parameters<typeof originOf>[1], string]>([
    ['a name is refused', { host: 'regway.example' }, outside, 'PLAIN'],
    ['a name of a cluster is refused', { host: 'regway.tools.svc:4000' }, outside, 'PLAIN'],
    [
      'what a client forwards is not believed',
      { host: 'regway.example', 'x-forwarded-proto': 'https', forwarded: 'proto=https' },
      outside,
      'PLAIN',
    ],
    ['a name that looks like an address is refused', { host: '127.0.0.1.evil.example' }, outside, 'PLAIN'],
    ['an address is named', { host: '10.1.2.3:4000' }, outside, 'http://10.1.2.3:4000'],
    ['an address of IPv6 is named', { host: '[2001:db8::7]:4000' }, outside, 'http://[2001:db8::7]:4000'],
    ['this machine is named', { host: 'localhost:4000' }, outside, 'http://localhost:4000'],
    [
      'a name is named over TLS',
      { host: 'regway.example' },
      { ...outside, isEncrypted: true },
      'https://regway.example',
    ],
    [
      'a name is named by a server of this machine',
      { host: 'regway.test:4000' },
      { ...outside, loopbackOnly: true },
      'http://regway.test:4000',
    ],
    [
      'the public URL decides alone',
      { host: 'evil.example' },
      { ...outside, publicUrl: 'http://regway.example' },
      'http://regway.example',
    ],
    ['no host is none', {}, outside, 'BAD_HOST'],
    ['an address that is none', { host: '1.2.3.999' }, outside, 'BAD_HOST'],
    ['a port that is none', { host: 'regway.example:99999' }, outside, 'BAD_HOST'],
    ['an address of IPv6 that is none', { host: '[:::]' }, { ...outside, isEncrypted: true }, 'BAD_HOST'],
  ])('%s', (_what, headers, settings, expected) => {
    expect(originOf(headers, settings)).toBe(expected);
  });
});
