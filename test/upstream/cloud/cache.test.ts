// The cache of minted logins: when it mints, which login it returns in the meantime, and which callers a failure affects.

import { describe, expect, it } from 'vitest';
import { Secret } from '../../../src/core/shared/secret.ts';
import { createCloudCache } from '../../../src/upstream/cloud/cache.ts';
import type { MintedCredential } from '../../../src/upstream/cloud/provider.ts';

const hourMs = 3600_000;
const one = { id: 'reg_1', version: 1 };
const other = { id: 'reg_2', version: 1 };

/** Creates a cache with a stopped clock, and a scripted minting that is counted and can fail or wait. */
function start() {
  const test = {
    nowMs: Date.parse('2026-03-01T12:00:00Z'),
    /** How far the wall clock was set. */
    setMs: 0,
    minted: 0,
    failure: undefined as Error | undefined,
    gate: undefined as Promise<void> | undefined,
  };
  const cache = createCloudCache({ now: () => new Date(test.nowMs + test.setMs), monotonicMs: () => test.nowMs });
  const mint = async (): Promise<MintedCredential> => {
    test.minted += 1;
    const secret = new Secret(`login-${test.minted}`);
    await test.gate;
    if (test.failure !== undefined) throw test.failure;
    return { username: 'AWS', secret, expiresAt: new Date(test.nowMs + test.setMs + hourMs) };
  };
  const get = async (registry = one): Promise<string> => (await cache.get(registry, mint)).secret.reveal();
  return Object.assign(test, { cache, get, mint });
}

/** Waits for the end of a renewal in the background. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('a login', () => {
  it('is minted once and used until 80 % of its lifetime has passed', async () => {
    const test = start();
    expect(await test.get()).toBe('login-1');
    test.nowMs += 0.8 * hourMs - 1;
    expect(await test.get()).toBe('login-1');
    await settle();
    expect(test.minted).toBe(1);
  });

  it('is renewed then, while the old one is returned without a wait', async () => {
    const test = start();
    await test.get();
    test.nowMs += 0.8 * hourMs;
    const { promise, resolve } = Promise.withResolvers<void>();
    test.gate = promise;
    expect([await test.get(), await test.get(), test.minted]).toEqual(['login-1', 'login-1', 2]);
    resolve();
    await settle();
    expect([await test.get(), test.minted]).toEqual(['login-2', 2]);
  });

  it('is minted once for concurrent callers', async () => {
    const test = start();
    expect(await Promise.all([test.get(), test.get(), test.get()])).toEqual(['login-1', 'login-1', 'login-1']);
    expect(test.minted).toBe(1);
  });

  it('of an older version of the registry is not used', async () => {
    const test = start();
    expect([await test.get(), await test.get({ ...one, version: 2 })]).toEqual(['login-1', 'login-2']);
  });

  it('of an older version that is minted while the registry changes does not replace the new one', async () => {
    const test = start();
    const { promise, resolve } = Promise.withResolvers<void>();
    test.gate = promise;
    const old = test.get();
    test.gate = undefined;
    expect(await test.get({ ...one, version: 2 })).toBe('login-2');
    resolve();
    expect(await old).toBe('login-1');
    expect(await test.get({ ...one, version: 2 })).toBe('login-2');
  });

  it('is not returned once it has expired', async () => {
    const test = start();
    await test.get();
    test.nowMs += hourMs;
    expect(await test.get()).toBe('login-2');
  });

  it('is evicted if there are thousands of others, least recently used first', async () => {
    const test = start();
    await test.get();
    for (let index = 0; index < 2_000; index += 1) await test.get({ id: `reg_other_${index}`, version: 1 });
    const before = test.minted;
    await test.get({ id: 'reg_other_1999', version: 1 });
    expect(test.minted).toBe(before);
    await test.get();
    expect(test.minted).toBe(before + 1);
  });
});

describe('a failed renewal', () => {
  it('leaves the old login in use until it expires, and is repeated every ten seconds', async () => {
    const test = start();
    await test.get();
    test.failure = new Error('AWS is away');
    test.nowMs += 0.8 * hourMs;
    expect(await test.get()).toBe('login-1');
    await settle();
    expect([await test.get(), test.minted]).toEqual(['login-1', 2]);
    test.nowMs += 10_000;
    expect([await test.get(), test.minted]).toEqual(['login-1', 3]);
    await settle();
    test.nowMs += 0.2 * hourMs;
    await expect(test.get()).rejects.toThrow('AWS is away');
  });

  it('is over as soon as one succeeds', async () => {
    const test = start();
    await test.get();
    test.failure = new Error('AWS is away');
    test.nowMs += 0.8 * hourMs;
    await test.get();
    await settle();
    test.failure = undefined;
    test.nowMs += 10_000;
    await test.get();
    await settle();
    expect(await test.get()).toBe('login-3');
  });
});

describe.each([
  ['back an hour', -hourMs],
  ['forward a day', 24 * hourMs],
])('where the clock of the machine is set %s', (_, jumpMs) => {
  it('a login is renewed in time and not before, and never used beyond its end', async () => {
    const test = start();
    await test.get();
    test.setMs = jumpMs;
    test.nowMs += 0.8 * hourMs - 1;
    expect([await test.get(), test.minted]).toEqual(['login-1', 1]);
    test.nowMs += 0.2 * hourMs;
    expect(await test.get()).toBe('login-2');
  });

  it('a failure is remembered for ten seconds, and a login is replaced again after a minute', async () => {
    const test = start();
    test.failure = new Error('denied');
    await expect(test.get()).rejects.toThrow('denied');
    test.setMs = jumpMs;
    test.failure = undefined;
    test.nowMs += 9_999;
    await expect(test.get()).rejects.toThrow('denied');
    test.nowMs += 1;
    expect(await test.get()).toBe('login-2');
    expect(test.cache.replace(one, 1, false)).toBe(true);
    expect(await test.get()).toBe('login-2');
    await settle();
    test.setMs = 0;
    test.nowMs += 59_999;
    expect(test.cache.replace(one, 2, false)).toBe(false);
    test.nowMs += 1;
    expect(test.cache.replace(one, 2, false)).toBe(true);
  });
});

describe('a failed minting', () => {
  it('is not repeated for ten seconds by any caller', async () => {
    const test = start();
    test.failure = new Error('denied');
    await expect(test.get()).rejects.toThrow('denied');
    await expect(test.get()).rejects.toThrow('denied');
    expect(test.minted).toBe(1);
    test.failure = undefined;
    test.nowMs += 10_000;
    expect(await test.get()).toBe('login-2');
  });

  it('does not affect the next version of the registry', async () => {
    const test = start();
    test.failure = new Error('denied');
    await expect(test.get()).rejects.toThrow('denied');
    test.failure = undefined;
    expect(await test.get({ ...one, version: 2 })).toBe('login-2');
  });

  it('of one registry does not delay another, nor does one that hangs', async () => {
    const test = start();
    const { promise, resolve } = Promise.withResolvers<void>();
    test.gate = promise;
    const hanging = test.get();
    test.gate = undefined;
    expect(await test.get(other)).toBe('login-2');
    test.failure = new Error('denied');
    resolve();
    await expect(hanging).rejects.toThrow('denied');
    expect(await test.get(other)).toBe('login-2');
  });
});
