import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import { beforeEach, describe, expect, it } from 'vitest';
import type { StoredToken } from '../../../src/core/accounts/store.ts';
import type { NewToken } from '../../../src/core/accounts/tokens.ts';
import { Problem } from '../../../src/core/shared/problem.ts';
import type { Secret } from '../../../src/core/shared/secret.ts';
import { type Authorization, createAuthenticator } from '../../../src/server/auth/authenticator.ts';
import { issueFirstToken, issueToken, revokeToken } from '../../../src/server/auth/token-issuer.ts';
import { newTokenParts, parseToken, printToken } from '../../../src/server/auth/token-text.ts';
import { type MemoryAccessStore, memoryAccessStore } from './memory-access-store.ts';

let access: MemoryAccessStore;
let time: Date;
const now = (): Date => time;

beforeEach(() => {
  access = memoryAccessStore();
  time = new Date('2026-11-24T12:00:00Z');
});

const issue = async (part: Partial<NewToken> = {}): Promise<Secret> =>
  (
    await issueToken({
      access,
      now,
      account: 'anchore',
      role: 'READ_WRITE',
      name: 'ci',
      images: null,
      expiresAt: null,
      actor: 'cli',
      requestId: 'req-1',
      ...part,
    })
  ).text;

const logIn = (authorization: Authorization): ReturnType<ReturnType<typeof createAuthenticator>> =>
  createAuthenticator({ access, now })(authorization);
const logInToRest = (authorization: Authorization): ReturnType<ReturnType<typeof createAuthenticator>> =>
  createAuthenticator({ access, now, schemes: ['bearer', 'basic'] })(authorization);
const basic = (userAndPassword: string): string => `Basic ${Buffer.from(userAndPassword).toString('base64')}`;

async function problemOf(attempt: Promise<unknown>): Promise<Problem> {
  const outcome = await attempt.catch((error: unknown) => error);
  if (outcome instanceof Problem) {
    return outcome;
  }
  throw new Error('Nothing was refused.', { cause: outcome });
}

function onlyToken(): StoredToken {
  const [token, ...others] = access.tokens.values();
  if (token === undefined || others.length > 0) {
    throw new Error(`The store has ${access.tokens.size} tokens.`);
  }
  return token;
}

function alterStored(part: Partial<StoredToken>): void {
  const token = onlyToken();
  access.tokens.set(token.id, { ...token, ...part });
}

describe('a token that was issued', () => {
  it('authenticates with its account and role, and has its limits', async () => {
    const expiresAt = new Date('2026-12-24T12:00:00Z');
    const text = await issue({ role: 'PULL', images: ['index.docker.io/anchore/*'], expiresAt });
    expect(await logIn(`Bearer ${text.reveal()}`)).toEqual({
      subject: `token:${onlyToken().id}`,
      account: 'anchore',
      role: 'PULL',
      images: ['docker.io/anchore/*'],
      expiresAt,
    });
  });

  it.each(['Bearer', 'bearer', 'BEARER', 'bEaReR'])('logs in under the scheme written as %s', async (scheme) => {
    const text = (await issue()).reveal();
    expect(await logIn(`${scheme} ${text}`)).toMatchObject({ account: 'anchore' });
    expect(await logIn([`${scheme}   ${text}`])).toMatchObject({ account: 'anchore' });
  });

  it('is stored as a hash only', async () => {
    const text = (await issue()).reveal();
    const secret = parseToken(text)?.secret.reveal() ?? '';
    expect(onlyToken().secretHash).toEqual(createHash('sha256').update(secret).digest());
    expect(inspect([access.tokens, access.events], { depth: Infinity })).not.toContain(secret.slice(0, 10));
    expect(JSON.stringify([...access.tokens.values(), ...access.events])).not.toContain(secret.slice(0, 10));
  });

  it('leaves an audit event that does not hold it', async () => {
    await issue();
    expect(access.events).toEqual([
      {
        at: time,
        actor: 'cli',
        account: 'anchore',
        action: 'token.create',
        target: onlyToken().id,
        targetText: 'ci',
        outcome: 'DONE',
        requestId: 'req-1',
      },
    ]);
  });

  it('is refused on the request after it was revoked', async () => {
    const header = `Bearer ${(await issue()).reveal()}`;
    expect(await logIn(header)).toBeDefined();
    alterStored({ revokedAt: time });
    expect((await problemOf(logIn(header))).code).toBe('UNAUTHENTICATED');
  });

  it('is refused from the moment it expires', async () => {
    const header = `Bearer ${(await issue({ expiresAt: new Date(time.getTime() + 1_000) })).reveal()}`;
    time = new Date(time.getTime() + 999);
    expect(await logIn(header)).toBeDefined();
    time = new Date(time.getTime() + 1);
    expect((await problemOf(logIn(header))).code).toBe('UNAUTHENTICATED');
  });
});

it.each([[undefined], [[]]])(
  'a request without the header is unauthenticated, not rejected: %j',
  async (authorization: Authorization) => {
    expect(await logIn(authorization)).toBeUndefined();
    expect(access.reads).toBe(0);
  },
);

/** Headers that contain no Regway token, for any content of the database, created from a valid token. */
const unusable: [string, (token: string) => Authorization][] = [
  ['an empty value', () => ''],
  ['only the scheme', () => 'Bearer'],
  ['the scheme and a space', () => 'Bearer '],
  ['no scheme', (token) => token],
  ['another scheme', (token) => `Token ${token}`],
  ['the name of an object method as scheme', (token) => `constructor ${token}`],
  ['Basic with the token as password', (token) => `Basic ${Buffer.from(`any:${token}`).toString('base64')}`],
  ['a tab for the space', (token) => `Bearer\t${token}`],
  ['a space before', (token) => ` Bearer ${token}`],
  ['a word after', (token) => `Bearer ${token} x`],
  ['a comma and another', (token) => `Bearer ${token}, Bearer ${token}`],
  ['a line end after', (token) => `Bearer ${token}\n`],
  ['quotes', (token) => `Bearer "${token}"`],
  ['a parameter', (token) => `Bearer token=${token}`],
  ['padding', (token) => `Bearer ${token}=`],
  ['a bad checksum', (token) => `Bearer ${token.slice(0, -1)}${token.endsWith('0') ? '1' : '0'}`],
  ['a mistyped id', (token) => `Bearer ${token.slice(0, 4)}${token[4] === 'a' ? 'b' : 'a'}${token.slice(5)}`],
  ['a JWT', () => 'Bearer eyJhbGciOiJub25lIn0.e30.'],
  ['100 KB', () => `Bearer ${'a'.repeat(100_000)}`],
  ['two headers of the same token', (token) => [`Bearer ${token}`, `Bearer ${token}`]],
  ['two headers, the second empty', (token) => [`Bearer ${token}`, '']],
];

describe('a header that does not log in', () => {
  it.each(unusable)('is refused without reading the database: %s', async (_, headerOf) => {
    const token = (await issue()).reveal();
    access.reads = 0;
    expect((await problemOf(logIn(headerOf(token)))).code).toBe('UNAUTHENTICATED');
    expect(access.reads).toBe(0);
  });

  it.each<[string, Partial<StoredToken>]>([
    ['of another secret', { secretHash: createHash('sha256').update('other').digest() }],
    ['with a stored hash that is cut short', { secretHash: new Uint8Array(31) }],
    ['with no stored hash', { secretHash: new Uint8Array() }],
    ['that is revoked', { revokedAt: new Date('2026-01-01T00:00:00Z') }],
    ['that expired', { expiresAt: new Date('2026-01-01T00:00:00Z') }],
    ['with an expiry that is no date', { expiresAt: new Date(Number.NaN) }],
  ])('is refused for a token %s', async (_, part) => {
    const header = `Bearer ${(await issue()).reveal()}`;
    alterStored(part);
    expect((await problemOf(logIn(header))).code).toBe('UNAUTHENTICATED');
  });

  it('gets the same response for any reason, which repeats nothing of it', async () => {
    const token = (await issue()).reveal();
    const unknown = printToken(newTokenParts()).reveal();
    const problems = await Promise.all(
      [...unusable.map(([, headerOf]) => headerOf(token)), `Bearer ${unknown}`].map((header) =>
        problemOf(logIn(header)),
      ),
    );
    alterStored({ revokedAt: time });
    problems.push(await problemOf(logIn(`Bearer ${token}`)));
    alterStored({ revokedAt: null, expiresAt: time });
    problems.push(await problemOf(logIn(`Bearer ${token}`)));
    const answers = problems.map(({ code, message, reason, field, cause }) =>
      JSON.stringify({ code, message, reason, field, cause: inspect(cause) }),
    );
    expect(new Set(answers).size).toBe(1);
    expect(answers[0]).not.toContain(token.slice(0, 10));
  });

  it('lets a fault of the database through as it is', async () => {
    const header = `Bearer ${(await issue()).reveal()}`;
    access.tokenById = async () => {
      throw new Problem('STORAGE_UNAVAILABLE', 'The database does not answer.');
    };
    expect((await problemOf(logIn(header))).code).toBe('STORAGE_UNAVAILABLE');
  });
});

describe('where Basic is accepted too', () => {
  it.each(['any', '', 'admin', 'käthe', 'name with spaces', 'n'.repeat(1000)])(
    'a token is the password of the user %j',
    async (user) => {
      const text = (await issue()).reveal();
      expect(await logInToRest(basic(`${user}:${text}`))).toMatchObject({
        account: 'anchore',
        subject: `token:${onlyToken().id}`,
      });
    },
  );

  it.each(['Basic', 'basic', 'BASIC'])('the scheme may be written as %s, and Bearer still logs in', async (scheme) => {
    const text = (await issue()).reveal();
    expect(await logInToRest([basic(`u:${text}`).replace('Basic', scheme)])).toBeDefined();
    expect(await logInToRest(`Bearer ${text}`)).toBeDefined();
  });

  it.each<[string, (token: string) => Authorization]>([
    ['the token as the user name', (token) => basic(`${token}:`)],
    ['only the token', (token) => basic(token)],
    ['a colon after the token', (token) => basic(`u:${token}:`)],
    ['a second user name', (token) => basic(`u:v:${token}`)],
    ['no Base64', (token) => `Basic u:${token}`],
    [
      'Base64 without its padding',
      (token) => basic(`uu:${token}`).replace(/=+$/, '') + (basic(`uu:${token}`).endsWith('=') ? '' : '='),
    ],
    ['Base64 with bytes after its padding', (token) => `${basic(`u:${token}`)}=`],
    ['the alphabet of URLs', (token) => basic(`>>>???:${token}`).replaceAll('+', '-').replaceAll('/', '_')],
    ['two headers, one of each scheme', (token) => [basic(`u:${token}`), `Bearer ${token}`]],
    ['the token in the clear under Basic', (token) => `Basic ${token}`],
    ['Base64 under Bearer', (token) => basic(`u:${token}`).replace('Basic', 'Bearer')],
    ['another scheme', (token) => basic(`u:${token}`).replace('Basic', 'Digest')],
  ])('%s does not log in', async (_, headerOf) => {
    const token = (await issue()).reveal();
    access.reads = 0;
    const problem = await problemOf(logInToRest(headerOf(token)));
    expect([problem.code, problem.message.includes('password of HTTP Basic'), access.reads]).toEqual([
      'UNAUTHENTICATED',
      true,
      0,
    ]);
    expect(problem.message).not.toContain(token.slice(0, 10));
  });

  it('a revoked or expired token does not log in by Basic either', async () => {
    const header = basic(`u:${(await issue()).reveal()}`);
    alterStored({ revokedAt: time });
    expect((await problemOf(logInToRest(header))).code).toBe('UNAUTHENTICATED');
    alterStored({ revokedAt: null, expiresAt: time });
    expect((await problemOf(logInToRest(header))).code).toBe('UNAUTHENTICATED');
  });
});

describe('a token is not issued', () => {
  it.each<[string, Partial<NewToken>, string, string[]]>([
    ['for an unknown account', { account: 'nobody' }, 'NOT_FOUND', ['account']],
    ['as ADMIN of another account', { role: 'ADMIN' }, 'INVALID_INPUT', ['role']],
    ['under a name of 101 characters', { name: 'n'.repeat(101) }, 'INVALID_INPUT', ['name']],
    ['under a name with a line end', { name: 'a\nb' }, 'INVALID_INPUT', ['name']],
    ['under a name with a line separator', { name: 'a\u2028b' }, 'INVALID_INPUT', ['name']],
    ['under a name that clears the terminal', { name: '\u001B[2J' }, 'INVALID_INPUT', ['name']],
    ['under a name that reads backwards', { name: '\u202Eic' }, 'INVALID_INPUT', ['name']],
    ['under a name with half a character', { name: '\uD83D' }, 'INVALID_INPUT', ['name']],
    ['with images for READ_WRITE', { images: ['docker.io/anchore/*'] }, 'INVALID_INPUT', ['images']],
    ['with images for ADMIN', { account: 'admin', role: 'ADMIN', images: ['docker.io'] }, 'INVALID_INPUT', ['images']],
    ['with no images to pull', { role: 'PULL', images: [] }, 'INVALID_INPUT', ['images']],
    [
      'with too many images',
      { role: 'PULL', images: Array.from({ length: 101 }, (_, n) => `docker.io/a/b${n}`) },
      'INVALID_INPUT',
      ['images'],
    ],
    [
      'with an image that is no registry text',
      { role: 'PULL', images: ['docker.io', 'docker.io/a*'] },
      'INVALID_REGISTRY',
      ['images', '1'],
    ],
    ['expired from the start', { expiresAt: new Date('2026-11-24T12:00:00Z') }, 'INVALID_INPUT', ['expiresAt']],
    ['with an expiry that is no date', { expiresAt: new Date(Number.NaN) }, 'INVALID_INPUT', ['expiresAt']],
  ])('%s', async (_, part, code, field) => {
    expect(await problemOf(issue(part))).toMatchObject({ code, field });
    expect(access.tokens.size + access.events.length).toBe(0);
  });
});

it.each<[string, Partial<NewToken>]>([
  ['as ADMIN of the account admin', { account: 'admin', role: 'ADMIN' }],
  ['under a name of 100 characters beyond the BMP', { name: '🔑'.repeat(100) }],
  ['without a name', { name: '' }],
  ['for pulls of anything', { role: 'PULL' }],
])('a token is issued %s', async (_, part) => {
  expect(await logIn(`Bearer ${(await issue(part)).reveal()}`)).toBeDefined();
});

describe('the first token', () => {
  const first = (): ReturnType<typeof issueFirstToken> =>
    issueFirstToken({ access, now, actor: 'system', requestId: 'start' });

  it('is an admin token of the account admin without limits', async () => {
    const text = await first();
    expect(await logIn(`Bearer ${text?.reveal()}`)).toMatchObject({
      account: 'admin',
      role: 'ADMIN',
      images: null,
      expiresAt: null,
    });
    expect(access.events).toMatchObject([
      { action: 'token.create', actor: 'system', account: 'admin', target: onlyToken().id, requestId: 'start' },
    ]);
  });

  it('is not made again at the next start', async () => {
    await first();
    expect(await first()).toBeUndefined();
    expect(access.tokens.size).toBe(1);
  });

  it('is not made when any token exists', async () => {
    await issue();
    expect(await first()).toBeUndefined();
    expect(access.tokens.size).toBe(1);
  });

  it('goes to one of several processes that start at once', async () => {
    const texts = await Promise.all(Array.from({ length: 5 }, first));
    expect(texts.filter((text) => text !== undefined)).toHaveLength(1);
    expect(access.tokens.size).toBe(1);
  });
});

describe('revoking a token', () => {
  const revoke = (id: string): ReturnType<typeof revokeToken> =>
    revokeToken({ access, now, id, actor: 'cli', requestId: 'req-2' });

  it('refuses the next request with it, and writes one event of its account', async () => {
    const text = (await issue({ name: 'ci' })).reveal();
    const { id } = onlyToken();
    expect((await revoke(id)).revokedAt).toEqual(time);
    expect((await problemOf(logIn(`Bearer ${text}`))).code).toBe('UNAUTHENTICATED');
    expect(access.events.at(-1)).toMatchObject({
      action: 'token.revoke',
      account: 'anchore',
      target: id,
      targetText: 'ci',
      actor: 'cli',
      requestId: 'req-2',
    });
  });

  it('a second time changes nothing', async () => {
    await issue();
    const first = await revoke(onlyToken().id);
    const events = access.events.length;
    time = new Date('2026-12-24T12:00:00Z');
    expect(await revoke(onlyToken().id)).toEqual(first);
    expect(access.events).toHaveLength(events);
  });

  it.each(['nosuchtoken0', ''])('that does not exist (%j) is rejected', async (id) => {
    expect(await problemOf(revoke(id))).toMatchObject({ code: 'NOT_FOUND', field: ['id'] });
  });
});
