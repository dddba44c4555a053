// Every host has one path component that clients accept, and the component names that host again.

import { expect, test } from 'vitest';
import { hostAsPathComponent, hostOfPathComponent } from '../../../src/core/pulls/pull-name.ts';
import { canonicalHost } from '../../../src/core/registry/host.ts';

/** distribution-spec, "Pulling manifests": one component of `<name>`. */
const component = /^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*$/;

const canonical = (text: string) =>
  canonicalHost(text, (reason) => {
    throw new Error(reason);
  });

test.each([
  ['docker.io', 'docker.io'],
  ['localhost', 'localhost'],
  ['registry:5000', 'registry_5000'],
  ['127.0.0.1:5000', '127.0.0.1_5000'],
  ['[::1]', '0--1.ipv6'],
  ['[::1]:5000', '0--1.ipv6_5000'],
  ['[2001:db8::1]', '2001-db8--1.ipv6'],
  ['[fe80::]:443', 'fe80--0.ipv6_443'],
  ['[::]', '0--0.ipv6'],
  ['[1:2:3:4:5:6:7:8]', '1-2-3-4-5-6-7-8.ipv6'],
  ['[0:2:3:4:5:6:7:0]:1', '0-2-3-4-5-6-7-0.ipv6_1'],
  ['[::3:4:5:6:7:8]', '0--3-4-5-6-7-8.ipv6'],
])('%s is %s in a path, and back', (host, path) => {
  expect(hostAsPathComponent(host)).toBe(path);
  expect(path).toMatch(component);
  expect(canonical(hostOfPathComponent(path) ?? '')).toBe(canonical(host));
});

test.each(['library', 'team', '0--1', 'ipv6'])('%s names no host', (name) => {
  expect(hostOfPathComponent(name)).toBeUndefined();
});
