// JWTs of issuers: the attacks on them, each refused with one and the same answer, and the life of an issuer's keys.

import { constants, createHmac, createSign, KeyObject, sign as signBytes } from 'node:crypto';
import { IncomingMessage, type ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { CryptoKey, JWTPayload } from 'jose';
import { beforeAll, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Principal } from '../../../../src/core/authz/principal.ts';
import { Problem } from '../../../../src/core/shared/problem.ts';
import { type Authenticator, createAuthenticator } from '../../../../src/server/auth/authenticator.ts';
import { limitFailedLogins } from '../../../../src/server/auth/failed-logins.ts';
import { createIssuer, type Issuer } from '../../../../src/server/auth/oidc/issuer.ts';
import { createJwtLogins, type JwtLogins } from '../../../../src/server/auth/oidc/jwt.ts';
import { parseIssuers } from '../../../../src/server/auth/oidc/settings.ts';
import { createRateLimiter } from '../../../../src/server/ops/rate-limiter.ts';
import { createIssuerHttp } from '../../../../src/app/wiring/issuer-http.ts';
import { type IssuerServer, makeKey, sendJson, sign, type SigningKey, startIssuer } from './issuer-server.ts';
import { type MemoryAccessStore, memoryAccessStore } from '../memory-access-store.ts';

const audience = 'https://regway.example';
let rsa: SigningKey;
let otherRsa: SigningKey;
let ec: SigningKey;

let time: Date;
let issuer: IssuerServer;
let access: MemoryAccessStore;
let logins: JwtLogins;
let logIn: Authenticator;
let log: string[];

const startTime = new Date('2026-11-24T08:00:00Z');
const now = (): Date => time;

beforeAll(async () => {
  [rsa, otherRsa, ec] = await Promise.all([makeKey('rsa'), makeKey('rsa'), makeKey('ec', 'ES256')]);
});

beforeEach(async () => {
  time = startTime;
  issuer = await startIssuer([rsa, ec]);
  access = memoryAccessStore();
  log = [];
  configure([{ issuer: issuer.url, ...common }]);
});

const common = {
  audience,
  algorithms: ['RS256', 'ES256'],
  account: { claim: 'tenant' },
  roles: { claim: 'groups', map: { writers: 'READ_WRITE', pullers: 'PULL', admins: 'ADMIN' } },
  mayGiveAdmin: true,
};

function configure(setting: readonly object[]): readonly Issuer[] {
  const http = createIssuerHttp(undefined);
  onTestFinished(() => http.close());
  const write = { warn: (fields: object, message: string) => void log.push(JSON.stringify({ message, ...fields })) };
  const issuers = parseIssuers(JSON.stringify(setting), () => 'secret').map((settings) =>
    createIssuer(settings, { http, monotonicMs: () => time.getTime() - startTime.getTime(), log: write }),
  );
  logins = createJwtLogins({ issuers, accountExists: (name) => access.accountExists(name), now, log: write });
  logIn = createAuthenticator({ access, now, loginWithJwt: logins.login, schemes: ['bearer', 'basic'] });
  return issuers;
}

const seconds = (offset = 0): number => Math.floor(time.getTime() / 1000) + offset;

function claims(change: object = {}): JWTPayload {
  return {
    iss: issuer.url,
    aud: audience,
    sub: 'alice',
    iat: seconds(),
    exp: seconds(600),
    tenant: 'anchore',
    groups: ['writers'],
    ...change,
  };
}

/** Without these claims. */
function without(...names: readonly string[]): JWTPayload {
  return Object.fromEntries(Object.entries(claims()).filter(([name]) => !names.includes(name)));
}

/** A JWS with header and payload as they are, bytes for bytes, signed with the issuer's own RSA key. */
function raw(header: string, payload: string, key: CryptoKey = rsa.privateKey): string {
  const input = `${encode(header)}.${encode(payload)}`;
  return `${input}.${createSign('sha256').update(input).sign(KeyObject.from(key)).toString('base64url')}`;
}

function hmacSigned(alg: string, secret: string): string {
  const input = `${encode(JSON.stringify({ alg, kid: 'rsa', typ: 'at+jwt' }))}.${encode(JSON.stringify(claims()))}`;
  return `${input}.${createHmac(`sha${alg.slice(2)}`, secret)
    .update(input)
    .digest('base64url')}`;
}

const encode = (text: string): string => Buffer.from(text).toString('base64url');
const header = (more: object = {}): string => JSON.stringify({ alg: 'RS256', kid: 'rsa', typ: 'at+jwt', ...more });

async function answerTo(text: string): Promise<Principal | Problem | undefined> {
  return logIn(`Bearer ${text}`).catch((error: unknown) => {
    if (error instanceof Problem) return error;
    throw error;
  });
}

it('a token that an attack starts from is good', async () => {
  const principal = await answerTo(await sign(rsa, claims()));
  expect(principal).toEqual({
    subject: `${issuer.url}#alice`,
    account: 'anchore',
    role: 'READ_WRITE',
    images: null,
    expiresAt: new Date(seconds(600) * 1000),
  });
  expect(await answerTo(raw(header(), JSON.stringify(claims())))).toEqual(principal);
  expect(await answerTo(await sign(ec, claims()))).toEqual(principal);
});

/** Every attack creates a token that must be rejected. */
const attacks: readonly [name: string, make: () => string | Promise<string>][] = [
  ['alg none', () => `${encode(header({ alg: 'none' }))}.${encode(JSON.stringify(claims()))}.`],
  [
    'alg none, with a signature',
    async () => `${encode(header({ alg: 'none' }))}.${(await sign(rsa, claims())).split('.').slice(1).join('.')}`,
  ],
  ['alg nOnE', () => `${encode(header({ alg: 'nOnE' }))}.${encode(JSON.stringify(claims()))}.AA`],
  ['no alg', () => raw(JSON.stringify({ kid: 'rsa', typ: 'at+jwt' }), JSON.stringify(claims()))],
  ['no signature', async () => `${(await sign(rsa, claims())).split('.').slice(0, 2).join('.')}.`],
  ['HS256 with the public key as its secret', () => hmacSigned('HS256', rsa.publicPem)],
  ['HS256 with the public key without its last line end', () => hmacSigned('HS256', rsa.publicPem.trim())],
  ['HS512 with the modulus', () => hmacSigned('HS512', rsa.publicJwk.n ?? '')],
  ['HS256 with an empty secret', () => hmacSigned('HS256', '')],
  ['RS256 in the header over the EC key', () => raw(header({ kid: 'ec' }), JSON.stringify(claims()))],
  ['ES256 in the header over the RSA key', () => raw(header({ alg: 'ES256' }), JSON.stringify(claims()))],
  ['a good PS256, which the issuer may not use', () => pssSigned()],
  [
    'a zero signature for ES256 (CVE-2022-21449)',
    () =>
      `${encode(header({ alg: 'ES256', kid: 'ec' }))}.${encode(JSON.stringify(claims()))}.${Buffer.alloc(64).toString('base64url')}`,
  ],
  ['an ES256 signature in DER', () => derSigned()],
  ['another key under the id of the right one', () => sign(otherRsa, claims())],
  ['its own key in jwk', () => sign(otherRsa, claims(), { jwk: otherRsa.publicJwk })],
  [
    'its own key in jwk and no kid',
    () => sign(otherRsa, claims(), { jwk: otherRsa.publicJwk, kid: undefined as never }),
  ],
  ['its own keys at jku', () => sign(otherRsa, claims(), { jku: `${issuer.url}/evil` })],
  ['its own certificate at x5u', () => sign(otherRsa, claims(), { x5u: `${issuer.url}/evil` })],
  ['its own certificate in x5c', () => sign(otherRsa, claims(), { x5c: ['MIIB'] })],
  ['crit with a header of its own', () => raw(header({ crit: ['regway'], regway: 1 }), JSON.stringify(claims()))],
  ['crit with b64, which is known to some', () => raw(header({ crit: ['b64'], b64: true }), JSON.stringify(claims()))],
  ['an empty crit', () => raw(header({ crit: [] }), JSON.stringify(claims()))],
  ['kid as a path', () => sign(otherRsa, claims(), { kid: '../../../../../../dev/null' })],
  ['kid as SQL', () => sign(otherRsa, claims(), { kid: "rsa' OR 1=1 --" })],
  ['kid as a list', () => raw(header({ kid: ['rsa'] }), JSON.stringify(claims()))],
  ['kid as __proto__', () => sign(otherRsa, claims(), { kid: '__proto__' })],
  ['an empty kid', () => raw(header({ kid: '' }), JSON.stringify(claims()))],
  [
    'a claim twice',
    () => raw(header(), JSON.stringify(claims()).replace('"sub":"alice"', '"sub":"bob","sub":"alice"')),
  ],
  [
    'a claim twice, once in escapes',
    () => raw(header(), JSON.stringify(claims()).replace('"sub":"alice"', String.raw`"su\u0062":"bob","sub":"alice"`)),
  ],
  [
    'a nested claim twice',
    () => raw(header(), JSON.stringify(claims()).replace('"sub":"alice"', '"sub":"alice","x":{"a":1,"a":2}')),
  ],
  ['a header twice', () => raw(header().replace('{', '{"alg":"none",'), JSON.stringify(claims()))],
  ['no exp', () => sign(rsa, without('exp'))],
  ['exp as a text', () => sign(rsa, claims({ exp: String(seconds(600)) }))],
  ['exp as null', () => sign(rsa, claims({ exp: null }))],
  ['exp beyond all numbers', () => raw(header(), JSON.stringify(claims()).replace(/"exp":\d+/, '"exp":1e999'))],
  ['exp in the past', () => sign(rsa, claims({ iat: seconds(-600), exp: seconds(-31) }))],
  ['nbf in the future', () => sign(rsa, claims({ nbf: seconds(31) }))],
  ['nbf as a text', () => sign(rsa, claims({ nbf: '0' }))],
  ['no iat', () => sign(rsa, without('iat'))],
  ['iat in the future', () => sign(rsa, claims({ iat: seconds(60) }))],
  ['a life of more than a day', () => sign(rsa, claims({ exp: seconds(24 * 60 * 60 + 1) }))],
  ['an old token with a long life', () => sign(rsa, claims({ iat: seconds(-2 * 24 * 60 * 60), exp: seconds(600) }))],
  ['no aud', () => sign(rsa, without('aud'))],
  ['aud of another', () => sign(rsa, claims({ aud: 'https://other.example' }))],
  ['aud with ours as its beginning', () => sign(rsa, claims({ aud: `${audience}.evil.example` }))],
  ['aud in another case', () => sign(rsa, claims({ aud: audience.toUpperCase() }))],
  ['aud as a list in a list', () => sign(rsa, claims({ aud: [[audience]] }))],
  ['aud as an object', () => sign(rsa, claims({ aud: { 0: audience, length: 1 } }))],
  ['an empty list as aud', () => sign(rsa, claims({ aud: [] }))],
  ['no iss', () => sign(rsa, without('iss'))],
  ['iss of an unknown issuer', () => sign(rsa, claims({ iss: 'https://evil.example' }))],
  ['iss as a list', () => sign(rsa, claims({ iss: [issuer.url] }))],
  ['iss with a slash more', () => sign(rsa, claims({ iss: `${issuer.url}/` }))],
  ['iss in another case', () => sign(rsa, claims({ iss: issuer.url.replace('http', 'HTTP') }))],
  ['no sub', () => sign(rsa, without('sub'))],
  ['sub as a number', () => sign(rsa, claims({ sub: 7 }))],
  ['an empty sub', () => sign(rsa, claims({ sub: '' }))],
  ['sub with a line end', () => sign(rsa, claims({ sub: 'alice\n{"level":"info"}' }))],
  ['sub of 256 characters', () => sign(rsa, claims({ sub: 'a'.repeat(256) }))],
  ['an ID token as an access token', () => sign(rsa, claims({ nonce: 'n' }), { typ: 'JWT' })],
  ['a token without a type', () => sign(rsa, claims(), { typ: undefined as never })],
  ['a logout token', () => sign(rsa, claims(), { typ: 'logout+jwt' })],
  [
    'the payload changed after signing',
    async () => withPart(await sign(rsa, claims()), 1, JSON.stringify(claims({ groups: ['admins'], tenant: 'admin' }))),
  ],
  ['the header changed after signing', async () => withPart(await sign(rsa, claims()), 0, header({ extra: 1 }))],
  ['the signature cut short', async () => (await sign(rsa, claims())).slice(0, -8)],
  ['a fourth part', async () => `${await sign(rsa, claims())}.AA`],
  ['five parts, as if encrypted', async () => `${await sign(rsa, claims())}.AA.AA`],
  ['a payload that is no object', () => raw(header(), '"alice"')],
  ['a payload that is a list', () => raw(header(), JSON.stringify([claims()]))],
  ['a payload that is no JSON', () => raw(header(), 'alice')],
  ['a header that is no JSON', () => raw('RS256', JSON.stringify(claims()))],
  ['100 KB', () => sign(rsa, claims({ padding: 'x'.repeat(100_000) }))],
  ['nothing but dots', () => '..'],
];

describe('a token is refused, with one and the same answer:', () => {
  it.each(attacks)('%s', async (_, make) => {
    const answer = await answerTo(await make());
    expect(answer).toBeInstanceOf(Problem);
    const { code, message, reason } = answer as Problem;
    expect({ code, message, reason }).toEqual({
      code: 'UNAUTHENTICATED',
      message:
        'The Authorization header does not authenticate. Send one valid API token, or one JWT of a trusted issuer, as "Authorization: Bearer rgw_…" or the password of HTTP Basic, with any username.',
      reason: undefined,
    });
    expect(issuer.asked.filter((path) => path === '/evil')).toEqual([]);
  });

  it('and what is logged of it holds nothing of the token', async () => {
    const token = await sign(rsa, claims({ sub: 'marker-subject', aud: 'marker-audience' }));
    await answerTo(token);
    expect(log).toHaveLength(1);
    expect(log[0]).toContain('ERR_JWT_CLAIM_VALIDATION_FAILED');
    expect(log[0]).not.toMatch(/marker/);
    expect(log[0]).not.toContain(token.slice(-40));
  });

  it('100 KB are not even read', async () => {
    await answerTo(await sign(rsa, claims({ padding: 'x'.repeat(100_000) })));
    expect(issuer.asked).toEqual([]);
    expect(log).toEqual([]);
  });
});

describe('a token is taken', () => {
  it.each([
    ['with a list of audiences that has ours', { aud: ['https://other.example', audience] }],
    ['that expired within the tolerance of clocks', { iat: -600, exp: -29 }],
    ['that becomes good within the tolerance of clocks', { nbf: 29 }],
  ])('%s', async (_, change) => {
    const shifted = Object.fromEntries(
      Object.entries(change).map(([name, value]) => [name, typeof value === 'number' ? seconds(value) : value]),
    );
    expect(await answerTo(await sign(rsa, claims(shifted)))).toMatchObject({ account: 'anchore' });
  });

  it('as the password of HTTP Basic', async () => {
    const text = Buffer.from(`any:${await sign(rsa, claims())}`).toString('base64');
    expect(await logIn(`Basic ${text}`)).toMatchObject({ account: 'anchore', role: 'READ_WRITE' });
  });

  it('with the type written out, and without one where the issuer writes JWT', async () => {
    expect(await answerTo(await sign(rsa, claims(), { typ: 'application/at+jwt' }))).toMatchObject({
      role: 'READ_WRITE',
    });
    configure([{ issuer: issuer.url, ...common, tokenType: 'JWT' }]);
    expect(await answerTo(await sign(rsa, claims(), { typ: undefined as never }))).toMatchObject({
      role: 'READ_WRITE',
    });
    expect(await answerTo(await sign(rsa, claims(), { typ: 'JWT' }))).toMatchObject({ role: 'READ_WRITE' });
    expect(await answerTo(await sign(rsa, claims(), { typ: 'at+jwt' }))).toMatchObject({ code: 'UNAUTHENTICATED' });
  });
});

describe('an ID token', () => {
  const client = 'regway-console';
  const idToken = (change: object = {}) => sign(rsa, claims({ aud: client, nonce: 'n', ...change }), { typ: 'JWT' });
  let asked: Issuer;

  beforeEach(() => {
    [asked] = configure([
      { issuer: issuer.url, ...common, tokenType: 'JWT', signIn: { id: 'example', name: 'Example', clientId: client } },
    ]) as [Issuer];
  });

  it('logs in where its client signs people in, and nowhere as an access token', async () => {
    expect(await logins.loginById(asked, await idToken())).toMatchObject({
      subject: `${issuer.url}#alice`,
      role: 'READ_WRITE',
    });
    expect(await answerTo(await idToken())).toMatchObject({ code: 'UNAUTHENTICATED', reason: undefined });
  });

  it.each<[string, () => Promise<string>]>([
    ['an access token', () => sign(rsa, claims(), { typ: 'JWT' })],
    ['an access token by its type', () => sign(rsa, claims({ aud: client }))],
    ['one of another client', () => idToken({ aud: 'other' })],
    ['one of another issuer', () => idToken({ iss: 'https://other.example' })],
    ['one signed by another', () => sign(otherRsa, claims({ aud: client }), { typ: 'JWT' })],
    ['one that has expired', () => idToken({ iat: seconds(-600), exp: seconds(-31) })],
    ['nothing', async () => ''],
  ])('is not %s', async (_, make) => {
    expect(await logins.loginById(asked, await make())).toBeUndefined();
  });
});

describe('the mapping', () => {
  const rejected = { code: 'UNAUTHENTICATED', reason: 'NO_ACCOUNT_OR_ROLE' };

  it.each([
    ['one of the groups', { groups: ['x', 'pullers'] }, { role: 'PULL' }],
    ['a group as a single text', { groups: 'pullers' }, { role: 'PULL' }],
    ['several groups: the widest', { groups: ['pullers', 'writers'] }, { role: 'READ_WRITE' }],
    ['an admin in the account admin', { groups: ['admins'], tenant: 'admin' }, { role: 'ADMIN', account: 'admin' }],
    ['an admin of another account: rejected, not a lesser role', { groups: ['admins', 'writers'] }, rejected],
    ['no group that is mapped', { groups: ['others'] }, rejected],
    ['no groups', { groups: undefined }, rejected],
    ['groups that are no strings', { groups: [['writers'], { writers: true }, 1] }, rejected],
    ['a group that every object has', { groups: ['constructor', '__proto__', 'toString'] }, rejected],
    ['groups in one string', { groups: 'writers pullers' }, rejected],
    ['no account', { tenant: undefined }, rejected],
    ['an empty account', { tenant: '' }, rejected],
    ['a list of accounts', { tenant: ['anchore'] }, rejected],
    ['an account that does not exist', { tenant: 'nowhere' }, rejected],
  ])('maps %s as configured', async (_, change, expected) => {
    expect(await answerTo(await sign(rsa, claims(change)))).toMatchObject(expected);
  });

  it('reads nested claims, claims whose names have dots, and the words of a scope, and applies the role for all others if it is set', async () => {
    const token = () =>
      sign(
        rsa,
        claims({
          resource: { regway: { roles: ['w'] } },
          'https://example.com/account': 'anchore',
          scope: 'openid regway:pull',
        }),
      );
    const account = { claim: 'https://example.com/account' };
    configure([
      {
        ...common,
        issuer: issuer.url,
        account,
        roles: { claim: ['resource', 'regway', 'roles'], map: { w: 'READ_WRITE' } },
      },
    ]);
    expect(await answerTo(await token())).toMatchObject({ account: 'anchore', role: 'READ_WRITE' });
    configure([{ ...common, issuer: issuer.url, account, roles: { claim: 'scope', map: { 'regway:pull': 'PULL' } } }]);
    expect(await answerTo(await token())).toMatchObject({ role: 'PULL' });
    configure([
      {
        ...common,
        issuer: issuer.url,
        mayGiveAdmin: false,
        account: { value: 'admin' },
        roles: { claim: 'groups', otherwise: 'READ_ONLY' },
      },
    ]);
    expect(await answerTo(await token())).toMatchObject({ account: 'admin', role: 'READ_ONLY' });
  });
});

describe('a login that is resolved again', () => {
  it('is valid until its token expires, its account is disabled, its issuer is removed, or its issuer may no longer grant ADMIN', async () => {
    const principal = (await answerTo(await sign(rsa, claims({ groups: ['admins'], tenant: 'admin' })))) as Principal;
    expect(await logins.resolveLogin(principal)).toEqual(principal);
    access.accounts.delete('admin');
    expect(await logins.resolveLogin(principal)).toBeUndefined();
    access.accounts.add('admin');
    configure([{ ...common, issuer: issuer.url, mayGiveAdmin: false, roles: { claim: 'groups' } }]);
    expect(await logins.resolveLogin(principal)).toBeUndefined();
    expect(await logins.resolveLogin({ ...principal, role: 'READ_WRITE' })).toBeDefined();
    configure([{ ...common, issuer: 'https://other.example' }]);
    expect(await logins.resolveLogin(principal)).toBeUndefined();
    configure([{ ...common, issuer: issuer.url }]);
    time = new Date(time.getTime() + 600_000);
    expect(await logins.resolveLogin(principal)).toBeUndefined();
  });

  it('of an API token is not resolved by an issuer', async () => {
    expect(
      await logins.resolveLogin({
        subject: 'token:0123456789ab',
        account: 'admin',
        role: 'ADMIN',
        expiresAt: new Date(time.getTime() + 1000),
      }),
    ).toBeUndefined();
  });
});

describe('two issuers', () => {
  it('have different principals for one subject, each with its own keys, audience and mapping, and neither signs for the other', async () => {
    const second = await startIssuer([otherRsa]);
    configure([
      { issuer: issuer.url, ...common },
      {
        issuer: second.url,
        audience: 'second',
        account: { value: 'anchore' },
        roles: { claim: 'groups', map: { writers: 'PULL' } },
      },
    ]);
    expect(await answerTo(await sign(rsa, claims()))).toMatchObject({
      subject: `${issuer.url}#alice`,
      role: 'READ_WRITE',
    });
    expect(await answerTo(await sign(otherRsa, claims({ iss: second.url, aud: 'second' })))).toMatchObject({
      subject: `${second.url}#alice`,
      role: 'PULL',
    });
    for (const token of [
      await sign(otherRsa, claims()),
      await sign(rsa, claims({ iss: second.url, aud: 'second' })),
      await sign(otherRsa, claims({ iss: second.url })),
    ]) {
      expect(await answerTo(token)).toMatchObject({ code: 'UNAUTHENTICATED', reason: undefined });
    }
  });

  it('never make a subject that reads like an API token or like the other issuer', async () => {
    expect(await answerTo(await sign(rsa, claims({ sub: 'token:0123456789ab' })))).toMatchObject({
      subject: `${issuer.url}#token:0123456789ab`,
    });
    expect(await answerTo(await sign(rsa, claims({ sub: 'https://other.example#bob' })))).toMatchObject({
      subject: `${issuer.url}#https://other.example#bob`,
    });
  });
});

describe('the keys of an issuer', () => {
  const minutes = (count: number): void => void (time = new Date(time.getTime() + count * 60_000));
  const fetches = (): number => issuer.asked.filter((path) => path === '/jwks').length;
  const good = async (key = rsa) => !((await answerTo(await sign(key, claims()))) instanceof Problem);

  it('are not asked for before a token needs them, and then once', async () => {
    expect(issuer.asked).toEqual([]);
    await Promise.all([good(), good(), good()]);
    expect(issuer.asked).toEqual(['/.well-known/openid-configuration', '/jwks']);
  });

  it('are followed when they change: a new one within 30 seconds, a removed one gone within 10 minutes', async () => {
    expect(await good()).toBe(true);
    const next = await makeKey('next');
    issuer.keys = [next];
    minutes(0.5);
    expect(await good(next)).toBe(true);
    expect(await good()).toBe(false);
    issuer.keys = [rsa];
    minutes(10);
    expect(await good(next)).toBe(false);
  });

  it('are requested at most once in 30 seconds, for any key IDs of 10,000 tokens', async () => {
    await good();
    const before = fetches();
    const [, payload, signature] = (await sign(rsa, claims())).split('.');
    const made = Array.from(
      { length: 10_000 },
      (_, index) => `${encode(header({ kid: `made-up-${index}` }))}.${payload}.${signature}`,
    );
    for (let start = 0; start < made.length; start += 500)
      await Promise.all(made.slice(start, start + 500).map(answerTo));
    expect(fetches()).toBe(before);
    minutes(0.5);
    await Promise.all(made.slice(0, 100).map(answerTo));
    expect(fetches()).toBe(before + 1);
    expect(await good()).toBe(true);
  });

  it('go on for a day while the issuer is down, and no longer', async () => {
    const [trusted] = configure([{ issuer: issuer.url, ...common }]);
    expect(await good()).toBe(true);
    issuer.isDown = true;
    for (const pause of [6, 60, 12 * 60]) {
      minutes(pause);
      expect(await good()).toBe(true);
    }
    minutes(12 * 60);
    expect(await answerTo(await sign(rsa, claims()))).toMatchObject({
      code: 'UNAUTHENTICATED',
      reason: 'ISSUER_UNAVAILABLE',
    });
    // A request for metadata may still be on its way: whoever needs them waits for its failure.
    await expect(trusted?.metadata()).rejects.toThrow('No cached value is usable.');
    issuer.isDown = false;
    minutes(1);
    expect(await good()).toBe(true);
  });

  it('are asked for no more than once in 30 seconds while the issuer is down', async () => {
    issuer.isDown = true;
    for (let count = 0; count < 50; count += 1) expect(await good()).toBe(false);
    expect(issuer.asked).toHaveLength(1);
    expect(log.at(-1)).toContain('"errorCode":"NOTHING_KEPT"');
    issuer.isDown = false;
    minutes(0.5);
    expect(await good()).toBe(true);
  });

  it('that cannot be had get good and forged tokens one answer, which is no failed login and names no issuer', async () => {
    const strict = limitFailedLogins(logIn, { rateLimit: createRateLimiter(1), clientAddress: () => 'here', now });
    const answerWithLimit = (text: string) =>
      strict(`Bearer ${text}`, new IncomingMessage(new Socket())).catch((error: unknown) => error);
    issuer.isDown = true;
    const tokens = await Promise.all([
      sign(rsa, claims()),
      sign(otherRsa, claims()),
      sign(rsa, claims({ groups: ['nobody'] })),
      sign(rsa, claims({ aud: 'other' })),
    ]);
    for (const text of tokens)
      expect(await answerWithLimit(text)).toMatchObject({
        code: 'UNAUTHENTICATED',
        reason: 'ISSUER_UNAVAILABLE',
        message: expect.not.stringContaining(issuer.url) as string,
      });
    const unknown = await sign(rsa, claims({ iss: 'https://unknown.example' }));
    expect([await answerWithLimit(unknown), await answerWithLimit(unknown)]).toMatchObject([
      { code: 'UNAUTHENTICATED', reason: undefined },
      { code: 'RATE_LIMITED' },
    ]);
    issuer.isDown = false;
    minutes(0.5);
    const forged = await sign(otherRsa, claims());
    expect(await answerWithLimit(forged)).toMatchObject({ code: 'RATE_LIMITED' });
    expect(await good()).toBe(true);
  });

  const large = (response: ServerResponse): void => void response.end(`{"keys":[${' '.repeat(10 * 1024 * 1024)}]}`);
  it.each<[string, string, (response: ServerResponse) => void]>([
    ['a 500', '/jwks', (response) => sendJson(response, {}, 500)],
    ['a redirect', '/jwks', (response) => response.writeHead(302, { location: `${issuer.url}/other` }).end()],
    ['10 MB', '/jwks', large],
    ['no JSON', '/jwks', (response) => void response.end('<html>')],
    ['JSON that is no key set', '/jwks', (response) => sendJson(response, { keys: 'rsa' })],
    [
      'metadata of another issuer',
      '/.well-known/openid-configuration',
      (response) => sendJson(response, { issuer: 'https://other.example', jwks_uri: `${issuer.url}/jwks` }),
    ],
    [
      'keys over plain http',
      '/.well-known/openid-configuration',
      (response) => sendJson(response, { issuer: issuer.url, jwks_uri: 'http://keys.example/jwks' }),
    ],
    [
      'keys in a file',
      '/.well-known/openid-configuration',
      (response) => sendJson(response, { issuer: issuer.url, jwks_uri: 'file:///etc/passwd' }),
    ],
    [
      'metadata without keys',
      '/.well-known/openid-configuration',
      (response) => sendJson(response, { issuer: issuer.url }),
    ],
    ['10 MB of metadata', '/.well-known/openid-configuration', large],
  ])('that are served as %s are not used, and nothing else breaks', async (_, path, answer) => {
    issuer.answers.set(path, answer);
    expect(await good()).toBe(false);
    issuer.answers.clear();
    minutes(0.5);
    expect(await good()).toBe(true);
    issuer.answers.set(path, answer);
    minutes(6);
    expect(await good()).toBe(true);
    expect(issuer.asked).not.toContain('/other');
  });

  it('that are secret instead of public authenticate no caller', async () => {
    issuer.answers.set('/jwks', (response) =>
      sendJson(response, { keys: [{ kty: 'oct', kid: 'rsa', k: encode('secret') }] }),
    );
    expect(await good()).toBe(false);
    expect(await answerTo(hmacSigned('HS256', 'secret'))).toBeInstanceOf(Problem);
  });

  it('that never end are abandoned after 5 seconds', async () => {
    issuer.answers.set('/jwks', (response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write(' '), 10);
      response.once('close', () => clearInterval(timer));
    });
    const timeouts: number[] = [];
    const timeout = AbortSignal.timeout.bind(AbortSignal);
    // A tenth of each, so that the test need not wait for all of it.
    const spy = vi.spyOn(AbortSignal, 'timeout').mockImplementation((delayMs) => {
      timeouts.push(delayMs);
      return timeout(delayMs / 10);
    });
    onTestFinished(() => spy.mockRestore());
    const started = performance.now();
    expect(await good()).toBe(false);
    expect(timeouts).toContain(5_000);
    expect(performance.now() - started).toBeLessThan(1_500);
  });

  it('can be at an address of their own, without metadata', async () => {
    configure([{ issuer: 'https://issuer.example', ...common, jwksUri: `${issuer.url}/jwks` }]);
    expect(await answerTo(await sign(rsa, claims({ iss: 'https://issuer.example' })))).toMatchObject({
      subject: 'https://issuer.example#alice',
    });
    expect(issuer.asked).toEqual(['/jwks']);
  });
});

function withPart(token: string, index: number, content: string): string {
  return token.split('.').with(index, encode(content)).join('.');
}

function pssSigned(): string {
  const input = `${encode(header({ alg: 'PS256' }))}.${encode(JSON.stringify(claims()))}`;
  const options = { key: KeyObject.from(rsa.privateKey), padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 };
  return `${input}.${createSign('sha256').update(input).sign(options).toString('base64url')}`;
}

function derSigned(): string {
  const input = `${encode(header({ alg: 'ES256', kid: 'ec' }))}.${encode(JSON.stringify(claims()))}`;
  return `${input}.${signBytes('sha256', Buffer.from(input), KeyObject.from(ec.privateKey)).toString('base64url')}`;
}
