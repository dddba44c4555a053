// What a registry repeats of what it was sent: recognized in every usual form, whatever the login, and nothing else is taken for it.

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Secret } from '../../../src/core/shared/secret.ts';
import { repeats } from '../../../src/upstream/login/redact.ts';
import { propertyRuns } from '../../support/property-runs.ts';

const forms: Readonly<Record<string, (text: string) => string>> = {
  'as it is': (text) => text,
  base64: (text) => Buffer.from(text).toString('base64'),
  base64url: (text) => Buffer.from(text).toString('base64url'),
  hex: (text) => Buffer.from(text).toString('hex'),
  'upper-case hex': (text) => Buffer.from(text).toString('hex').toUpperCase(),
  percent: (text) => encodeURIComponent(text),
  JSON: (text) => JSON.stringify(text).slice(1, -1),
};
const around = fc.string({ maxLength: 20 });
const password = fc.string({ unit: 'grapheme', minLength: 6, maxLength: 60 }).filter((text) => text.isWellFormed());
const username = fc.string({ minLength: 1, maxLength: 20 }).filter((text) => !text.includes(':'));
const basic = (login: string) => new Secret(`Basic ${Buffer.from(login).toString('base64')}`);

it.each(Object.entries(forms))('a password, and a login, is recognized in any text: %s', (_form, write) => {
  fc.assert(
    fc.property(username, password, around, around, (user, pass, before, after) => {
      const sent = basic(`${user}:${pass}`);
      expect(repeats(sent, `${before}${write(pass)}${after}`)).toBe(true);
      expect(repeats(sent, `${before}${write(`${user}:${pass}`)}${after}`)).toBe(true);
    }),
    { numRuns: propertyRuns(1_000) },
  );
});

it.each(Object.entries(forms))('a token is recognized in any text: %s', (_form, write) => {
  fc.assert(
    fc.property(fc.stringMatching(/^[\w.~+/-]{8,200}$/), around, around, (token, before, after) => {
      expect(repeats(new Secret(`Bearer ${token}`), `${before}${write(token)}${after}`)).toBe(true);
    }),
    { numRuns: propertyRuns(1_000) },
  );
});

it.each([
  ['application/vnd.oci.image.manifest.v1+json', basic('alice:json')],
  ['application/vnd.docker.distribution.manifest.v2+json', basic('alice:docker')],
  ['application/vnd.oci.image.index.v1+json', basic('manifest:application')],
  ['https://storage.test/docker/registry/v2/blobs/sha256/0f/0f34/data', basic('alice:Registry')],
  ['application/octet-stream', new Secret('Bearer t')],
  ['sha256:0f343b0931126a20f133d67c2b018a3b0f343b0931126a20f133d67c2b018a3b', basic('a:0f343')],
  ['Mon, 30 Nov 2026 19:00:00 GMT', new Secret('Bearer abcdefgh')],
  ['anything', undefined],
])('a text that only looks like it is not: %s', (text, sent) => {
  expect(repeats(sent, text)).toBe(false);
});

it('a password that every registry says by chance is recognized in any other form', () => {
  const sent = basic('alice:docker');
  for (const text of ['alice:docker', Buffer.from('docker').toString('hex'), Buffer.from('docker').toString('base64')])
    expect(repeats(sent, `x${text}x`)).toBe(true);
});
