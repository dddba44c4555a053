// The realm policy: a challenge is a wish, and the password goes only where its owner or a known pair says.

import { describe, expect, it } from 'vitest';
import { endpointOf, plainHttpEndpoint } from '../../../src/upstream/login/endpoint.ts';
import { isRealmAllowed } from '../../../src/upstream/login/realm.ts';

const policy = { trustedRealm: null, plainHttpHosts: [] };

describe('a realm is allowed', () => {
  it.each([
    ['registry.example.com', 'https://registry.example.com/token', null],
    ['registry.example.com', 'https://registry.example.com:443/token?a=b', null],
    ['registry.example.com', 'https://REGISTRY.example.com/token', null],
    ['registry.example.com', '/service/token', null],
    ['registry.example.com:5000', 'https://registry.example.com:5000/token', null],
    ['docker.io', 'https://auth.docker.io/token', null],
    ['registry.gitlab.com', 'https://gitlab.com/jwt/auth', null],
    ['nvcr.io', 'https://authn.nvidia.com/token?service=registry', null],
    ['registry.example.com', 'https://auth.example.com/token', 'auth.example.com'],
    ['registry.example.com', 'https://auth.example.com/token', 'auth.example.com:443'],
    ['registry.example.com', 'https://auth.example.com:8443/token', 'auth.example.com:8443'],
    ['[::1]:5000', 'https://[::1]:5000/token', null],
  ])('for %s: %s, trusting %s', (host, realm, trustedRealm) => {
    expect(isRealmAllowed(realm, endpointOf(host), { ...policy, trustedRealm })).toMatchObject({ allowed: true });
  });
});

describe('a realm is refused', () => {
  it.each([
    ['another host', 'https://evil.example/token', null, 'OTHER_HOST', 'evil.example'],
    ['another port', 'https://registry.example.com:8443/token', null, 'OTHER_HOST', 'registry.example.com:8443'],
    ['the parent domain', 'https://example.com/token', null, 'OTHER_HOST', 'example.com'],
    ['a subdomain', 'https://a.registry.example.com/token', null, 'OTHER_HOST', 'a.registry.example.com'],
    [
      'a look-alike',
      'https://registry.example.com.evil.example/token',
      null,
      'OTHER_HOST',
      'registry.example.com.evil.example',
    ],
    ['a trailing dot', 'https://registry.example.com./token', null, 'OTHER_HOST', 'registry.example.com.'],
    ['a known pair of another registry', 'https://auth.docker.io/token', null, 'OTHER_HOST', 'auth.docker.io'],
    ['no scheme', '//evil.example/token', null, 'OTHER_HOST', 'evil.example'],
    ['backslashes', 'https:\\\\evil.example\\token', null, 'OTHER_HOST', 'evil.example'],
    [
      'a backslash before the at sign',
      'https://evil.example\\@registry.example.com/token',
      null,
      'OTHER_HOST',
      'evil.example',
    ],
    ['a line break in the scheme', 'ht\ntps://evil.example/token', null, 'OTHER_HOST', 'evil.example'],
    ['fullwidth letters', 'https://ｅvil.example/token', null, 'OTHER_HOST', 'evil.example'],
    [
      'the trusted realm on another port',
      'https://auth.example.com:444/token',
      'auth.example.com',
      'OTHER_HOST',
      'auth.example.com:444',
    ],
    ['plain HTTP', 'http://registry.example.com/token', null, 'PLAIN_HTTP', 'registry.example.com'],
    [
      'plain HTTP to the trusted realm',
      'http://auth.example.com/token',
      'auth.example.com',
      'PLAIN_HTTP',
      'auth.example.com',
    ],
    ['plain HTTP to loopback', 'http://127.0.0.1:9/token', '127.0.0.1:9', 'PLAIN_HTTP', '127.0.0.1:9'],
    ['a username', 'https://registry.example.com@evil.example/token', null, 'UNUSABLE', null],
    ['a username and a password at the own host', 'https://a:b@registry.example.com/token', null, 'UNUSABLE', null],
    ['only a username', 'https://a@registry.example.com/token', null, 'UNUSABLE', null],
    ['only a password, at the registry itself', 'https://:secret@registry.example.com/token', null, 'UNUSABLE', null],
    ['only a password, at the trusted realm', 'https://:secret@auth.example/token', 'auth.example', 'UNUSABLE', null],
    ['a fragment', 'https://registry.example.com/token#x', null, 'UNUSABLE', null],
    ['an empty fragment', 'https://registry.example.com/token#', null, 'UNUSABLE', null],
    ['another scheme', 'ftp://registry.example.com/token', null, 'UNUSABLE', null],
    ['a file', 'file:///etc/passwd', null, 'UNUSABLE', null],
    ['data', 'data:application/json,{"token":"x"}', null, 'UNUSABLE', null],
    ['no URL', 'https://', null, 'UNUSABLE', null],
    ['a bad port', 'https://registry.example.com:99999/', null, 'UNUSABLE', null],
  ])('when it has %s', (_case, realm, trustedRealm, refusal, host) => {
    expect(isRealmAllowed(realm, endpointOf('registry.example.com'), { ...policy, trustedRealm })).toEqual({
      allowed: false,
      refusal,
      host,
    });
  });

  it.each(['a/b', 'a?b', 'x@auth.example.com', 'auth.example.com#', ''])(
    'when trustedRealm is no host but "%s"',
    (trustedRealm) => {
      expect(
        isRealmAllowed('https://auth.example.com/token', endpointOf('registry.example.com'), {
          ...policy,
          trustedRealm,
        }),
      ).toMatchObject({ allowed: false });
    },
  );
});

describe('a realm without TLS', () => {
  const registry = plainHttpEndpoint(endpointOf('registry.test:5000'));

  it.each([
    ['its own origin, when the host is listed', 'http://registry.test:5000/token', null, ['registry.test'], true],
    ['a trusted realm on loopback', 'http://127.0.0.1:5001/token', '127.0.0.1:5001', ['registry.test'], true],
    ['a trusted realm that is listed', 'http://auth.test/token', 'auth.test', ['auth.test'], true],
    ['a trusted realm with its default port', 'http://auth.test/token', 'auth.test:80', ['auth.test'], true],
    ['a trusted realm that is not listed', 'http://auth.test/token', 'auth.test', ['registry.test'], false],
    ['loopback that is not trusted', 'http://127.0.0.1:5001/token', null, ['registry.test'], false],
  ])(
    'serves a registry that is itself spoken to without TLS: %s',
    (_case, realm, trustedRealm, plainHttpHosts, allowed) => {
      expect(isRealmAllowed(realm, registry, { trustedRealm, plainHttpHosts }).allowed).toBe(allowed);
    },
  );

  it('with TLS it is fine there as well, if trusted', () => {
    expect(
      isRealmAllowed('https://auth.test/token', registry, { trustedRealm: 'auth.test', plainHttpHosts: [] }),
    ).toMatchObject({ allowed: true });
  });
});

describe('the endpoint', () => {
  it.each([
    ['docker.io', 'https://registry-1.docker.io'],
    ['registry.example.com', 'https://registry.example.com'],
    ['registry:443', 'https://registry'],
    ['[::1]:5000', 'https://[::1]:5000'],
  ])('of %s is %s', (host, origin) => {
    expect(endpointOf(host).origin).toBe(origin);
  });

  it('without TLS stays on the port that showed it has none', () => {
    expect(plainHttpEndpoint(endpointOf('registry.test')).origin).toBe('http://registry.test:443');
  });

  it.each([
    '0x7f.1',
    '127.1',
    '2130706433',
    'EXAMPLE.com',
    'a@b',
    'a/b',
    'a#b',
    'a?b',
    'a\\b',
    'a b',
    '',
    'a:99999',
    '[::ffff:127.0.0.1]',
    'ｅxample.com',
    '%61.com',
    'a:',
    'a:080',
  ])('of the non-canonical "%s" is refused', (host) => {
    expect(() => endpointOf(host)).toThrow(expect.objectContaining({ code: 'INVALID_REGISTRY' }));
  });
});
