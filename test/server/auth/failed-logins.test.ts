// Failed logins have a limit, for each address and each token; a good login never meets it.

import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { beforeEach, expect, it } from 'vitest';
import { Problem } from '../../../src/core/shared/problem.ts';
import { createAuthenticator } from '../../../src/server/auth/authenticator.ts';
import { limitFailedLogins, type RequestAuthenticator } from '../../../src/server/auth/failed-logins.ts';
import { issueToken } from '../../../src/server/auth/token-issuer.ts';
import { newTokenParts, parseToken, printToken } from '../../../src/server/auth/token-text.ts';
import { createRateLimiter } from '../../../src/server/ops/rate-limiter.ts';
import { type MemoryAccessStore, memoryAccessStore } from './memory-access-store.ts';

const now = () => new Date('2026-11-24T08:00:00Z');
let access: MemoryAccessStore;
let logIn: RequestAuthenticator;
let token: string;

beforeEach(async () => {
  access = memoryAccessStore();
  const issued = await issueToken({
    access,
    now,
    actor: 'test',
    requestId: 'test',
    account: 'admin',
    role: 'READ_WRITE',
    name: '',
    images: null,
    expiresAt: null,
  });
  token = issued.text.reveal();
  logIn = limitFailedLogins(createAuthenticator({ access, now, schemes: ['bearer', 'basic'] }), {
    rateLimit: createRateLimiter(3),
    clientAddress: ({ headers }) => String(headers['x-test-address']),
    now,
  });
});

async function codeOf(authorization: string | undefined, address = 'here'): Promise<string> {
  const request = new IncomingMessage(new Socket());
  request.headers['x-test-address'] = address;
  try {
    return (await logIn(authorization, request)) === undefined ? 'NOBODY' : 'IN';
  } catch (error) {
    return error instanceof Problem ? error.code : 'FAULT';
  }
}

async function codesOf(count: number, authorization: () => string | undefined, address?: string): Promise<string[]> {
  const codes: string[] = [];
  for (let index = 0; index < count; index += 1) codes.push(await codeOf(authorization(), address));
  return codes;
}

const strange = (): string => `Bearer ${printToken(newTokenParts()).reveal()}`;
const basic = (text: string): string => `Basic ${Buffer.from(`any:${text}`).toString('base64')}`;

it.each([
  ['unknown tokens', strange],
  ['mistyped tokens', () => `Bearer ${token}x`],
  ['no tokens at all', () => 'Bearer guess'],
  ['passwords of Basic', () => basic('guess')],
])('ends guessing with %s', async (_what, guess) => {
  expect(await codesOf(5, guess)).toEqual([
    'UNAUTHENTICATED',
    'UNAUTHENTICATED',
    'UNAUTHENTICATED',
    'RATE_LIMITED',
    'RATE_LIMITED',
  ]);
});

it('accepts a valid token from an address with too many failures', async () => {
  await codesOf(10, strange);
  expect([await codeOf(`Bearer ${token}`), await codeOf(basic(token)), await codeOf(strange())]).toEqual([
    'IN',
    'IN',
    'RATE_LIMITED',
  ]);
});

it('does not affect other addresses', async () => {
  await codesOf(10, strange);
  expect(await codeOf(strange(), 'elsewhere')).toBe('UNAUTHENTICATED');
});

it('counts guesses at one token from many addresses together, and the token itself still works', async () => {
  const [, id = ''] = token.split('_');
  const guess = (): string => `Bearer ${printToken({ ...newTokenParts(), id }).reveal()}`;
  const codes: string[] = [];
  for (let index = 0; index < 5; index += 1) codes.push(await codeOf(guess(), `address ${index}`));
  expect(codes).toEqual(['UNAUTHENTICATED', 'UNAUTHENTICATED', 'UNAUTHENTICATED', 'RATE_LIMITED', 'RATE_LIMITED']);
  expect(parseToken(token)?.id).toBe(id);
  expect(await codeOf(`Bearer ${token}`)).toBe('IN');
});

it('counts neither requests without a login nor good ones', async () => {
  expect(await codesOf(10, () => undefined)).toEqual(Array.from({ length: 10 }, () => 'NOBODY'));
  expect(await codesOf(10, () => `Bearer ${token}`)).toEqual(Array.from({ length: 10 }, () => 'IN'));
  expect(await codeOf(strange())).toBe('UNAUTHENTICATED');
});

it('does not count internal errors', async () => {
  access.tokenById = async () => {
    throw new Problem('STORAGE_UNAVAILABLE', 'The database does not answer.');
  };
  expect(await codesOf(5, () => `Bearer ${token}`)).toEqual(Array.from({ length: 5 }, () => 'STORAGE_UNAVAILABLE'));
});
