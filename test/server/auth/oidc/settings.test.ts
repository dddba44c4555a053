// The setting of issuers: its defaults, and every mistake that would let an attacker in.

import { describe, expect, it } from 'vitest';
import { IssuerConfigError, parseIssuers } from '../../../../src/server/auth/oidc/settings.ts';

const least = {
  issuer: 'https://login.example.com',
  audience: 'regway',
  account: { value: 'admin' },
  roles: { claim: 'groups' },
};
const signIn = { id: 'example', name: 'Example', clientId: 'console', clientSecretFile: '/run/secret' };

function parse(...issuers: readonly object[]) {
  return parseIssuers(JSON.stringify(issuers), () => 'client-secret\n');
}

function refusal(text: string): string {
  try {
    parseIssuers(text, () => {
      throw Object.assign(new Error('not there'), { code: 'ENOENT' });
    });
  } catch (error) {
    expect(error).toBeInstanceOf(IssuerConfigError);
    return (error as IssuerConfigError).message;
  }
  throw new Error('the setting was accepted');
}

describe('the setting of issuers', () => {
  it('has defaults that admit no caller by themselves', () => {
    expect(parse(least)).toEqual([
      {
        issuer: 'https://login.example.com',
        audience: ['regway'],
        algorithms: ['RS256'],
        tokenType: 'at+jwt',
        jwksUri: undefined,
        clockToleranceSeconds: 30,
        account: { value: 'admin' },
        roles: { claim: 'groups', map: {}, otherwise: undefined },
        mayGiveAdmin: false,
        signIn: undefined,
      },
    ]);
  });

  it('reads the client secret from a file, and never shows it', () => {
    const [issuer] = parse({ ...least, signIn });
    expect(issuer?.signIn?.clientSecret?.reveal()).toBe('client-secret');
    expect(JSON.stringify(issuer)).not.toContain('client-secret');
  });

  it.each<[string, object | readonly object[], string]>([
    ['plain http to another machine', { ...least, issuer: 'http://login.example.com' }, '0.issuer'],
    ['http to a name that begins like loopback', { ...least, issuer: 'http://127.0.0.1.example.com' }, '0.issuer'],
    ['no http at all', { ...least, issuer: 'file:///etc/passwd' }, '0.issuer'],
    ['a user name in the address', { ...least, issuer: 'https://user@login.example.com' }, '0.issuer'],
    ['a fragment in the address', { ...least, issuer: 'https://login.example.com#x' }, '0.issuer'],
    ['keys by plain http', { ...least, jwksUri: 'http://login.example.com/jwks' }, '0.jwksUri'],
    ['no audience', { ...least, audience: [] }, '0.audience'],
    ['an empty audience', { ...least, audience: '' }, '0.audience'],
    ['alg none', { ...least, algorithms: ['none'] }, '0.algorithms.0'],
    ['HS256', { ...least, algorithms: ['RS256', 'HS256'] }, '0.algorithms.1'],
    ['no algorithms', { ...least, algorithms: [] }, '0.algorithms'],
    ['another type of token', { ...least, tokenType: 'any' }, '0.tokenType'],
    ['an hour of tolerance', { ...least, clockToleranceSeconds: 3600 }, '0.clockToleranceSeconds'],
    ['an unknown role', { ...least, roles: { claim: 'groups', map: { a: 'OWNER' } } }, '0.roles.map.a'],
    ['ADMIN without mayGiveAdmin', { ...least, roles: { claim: 'groups', map: { a: 'ADMIN' } } }, '0.roles.map'],
    [
      'ADMIN for all users',
      { ...least, mayGiveAdmin: true, roles: { claim: 'groups', otherwise: 'ADMIN' } },
      '0.roles.otherwise',
    ],
    ['ADMIN in another account', { ...least, mayGiveAdmin: true, account: { value: 'team' } }, '0.mayGiveAdmin'],
    [
      'the client as the audience: ID tokens would pass',
      { ...least, audience: ['regway', 'console'], signIn: { ...signIn, clientSecretFile: undefined } },
      '0.audience',
    ],
    ['a sign-in without openid', { ...least, signIn: { ...signIn, scopes: ['profile'] } }, '0.signIn.scopes'],
    ['a path as the id of a sign-in', { ...least, signIn: { ...signIn, id: '../x' } }, '0.signIn.id'],
    ['a missing secret', { ...least, signIn }, 'ENOENT'],
    ['a secret in the setting itself', { ...least, signIn: { ...signIn, clientSecret: 'hunter2' } }, '0.signIn'],
    ['a word that means nothing', { ...least, audiences: 'regway' }, '0: '],
    ['one issuer twice', [least, least], 'at the top'],
    [
      'one id of a sign-in twice',
      [
        { ...least, signIn },
        { ...least, issuer: 'https://other.example', signIn },
      ],
      'at the top',
    ],
    ['no issuer', [], 'at the top'],
  ])('refuses %s', (_, setting, place) => {
    expect(refusal(JSON.stringify([setting].flat()))).toContain(place);
  });

  it('names every mistake at once, and repeats no value', () => {
    const message = refusal(
      JSON.stringify([
        { ...least, audience: 7, algorithms: ['hunter2'], signIn: { ...signIn, clientSecret: 'hunter2' } },
      ]),
    );
    expect(message.split('\n')).toHaveLength(3);
    expect(message).not.toContain('hunter2');
    expect(refusal('hunter2')).not.toContain('hunter2');
  });
});
