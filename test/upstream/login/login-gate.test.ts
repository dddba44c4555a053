// Of many requests with a password that may have been changed one goes first, here and on other servers that share a store; all others follow its answer.

import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { ClaimState, LoginClaims } from '../../../src/core/pulls/login-claims.ts';
import { Problem } from '../../../src/core/shared/problem.ts';
import { UpstreamFailure } from '../../../src/upstream/errors/failure.ts';
import { createLoginGate, type LoginGate } from '../../../src/upstream/login/login-gate.ts';
import { sourceOf } from '../pulling.ts';

const now = () => new Date('2026-03-01T12:00:00Z');
const monotonicMs = () => performance.now();
const source = sourceOf('registry.test');

/** Claims as the database has them, for two gates in one process. */
function memoryClaims(): LoginClaims {
  let row: { claim: string | null; untilMs: number; rejectedUntilMs: number } | undefined;
  const state = (): ClaimState | undefined =>
    row && {
      claim: row.claim,
      isHeld: row.claim !== null && row.untilMs > Date.now(),
      isRejected: row.rejectedUntilMs > Date.now(),
    };
  return {
    look: async () => state(),
    async claim(_version, claim, forMs) {
      const { isHeld = false, isRejected = false } = state() ?? {};
      if (isHeld || isRejected) return state();
      row = { claim, untilMs: Date.now() + forMs, rejectedUntilMs: 0 };
      return undefined;
    },
    async settle(_version, claim, result, rejectedForMs) {
      if (row === undefined) return;
      if (result === 'REJECTED') row.rejectedUntilMs = Date.now() + rejectedForMs;
      else if (row.claim === claim && result === 'ACCEPTED') row.claim = null;
      else if (row.claim === claim) row.untilMs = 0;
    },
  };
}

/** A registry that takes 10 ms for an answer, and counts what it receives at once. */
function startRegistry() {
  const registry = { isAccepted: true, received: 0, rejected: 0, atOnce: 0, most: 0 };
  const send = async (): Promise<string> => {
    registry.received += 1;
    registry.atOnce += 1;
    registry.most = Math.max(registry.most, registry.atOnce);
    await pause(10);
    registry.atOnce -= 1;
    if (registry.isAccepted) return 'content';
    registry.rejected += 1;
    throw new UpstreamFailure('INVALID_CREDENTIALS', {});
  };
  return Object.assign(registry, { send });
}

async function twenty(gates: readonly LoginGate[], send: () => Promise<string>) {
  const results = await Promise.allSettled(
    Array.from({ length: 20 }, (_, index) => (gates[index % gates.length] as LoginGate).pass(source, 'basic', send)),
  );
  return results.filter(({ status }) => status === 'fulfilled').length;
}

describe.each([
  ['one server', 1],
  ['three servers that share a store', 3],
])('on %s', (_name, servers) => {
  const open = () => {
    const claims = servers === 1 ? undefined : memoryClaims();
    return Array.from({ length: servers }, () => createLoginGate({ now, monotonicMs, claims }));
  };

  it('of twenty requests with a rejected password one is sent', async () => {
    const registry = startRegistry();
    registry.isAccepted = false;
    const gates = open();
    expect(await twenty(gates, registry.send)).toBe(0);
    expect(await twenty(gates, registry.send)).toBe(0);
    expect(registry.rejected).toBe(1);
  });

  it('of twenty requests with an accepted one the others follow the first all at once', async () => {
    const registry = startRegistry();
    expect(await twenty(open(), registry.send)).toBe(20);
    expect(registry.received).toBe(20);
    // All but the first of each server.
    expect(registry.most).toBeGreaterThanOrEqual(20 / servers - 2);
  });

  it('a rejection is forgotten once a validation has succeeded after it', async () => {
    const registry = startRegistry();
    registry.isAccepted = false;
    const gates = open();
    await twenty(gates, registry.send);
    registry.isAccepted = true;
    const report = { outcome: 'VALID', message: '', retryable: false, retryAfter: null, realmHost: null } as const;
    const validated = sourceOf('registry.test', 'team/app', {
      lastValidation: { ...report, checkedAt: now().getTime(), durationMs: 0, steps: [] },
    });
    if (servers > 1) return;
    expect(await gates[0]?.pass(validated, 'basic', registry.send)).toBe('content');
  });

  it('a first request that fails on the way says nothing, and the next one goes first', async () => {
    const [gate] = open();
    const registry = startRegistry();
    const failing = gate?.pass(source, 'basic', async () => {
      await pause(5);
      throw new UpstreamFailure('UNREACHABLE', {});
    });
    const others = twenty([gate as LoginGate], registry.send);
    await expect(failing).rejects.toThrow('UNREACHABLE');
    expect(await others).toBe(20);
  });

  it('a client that leaves waits no longer, and the others still follow the first', async () => {
    const [gate] = open();
    const registry = startRegistry();
    const first = gate?.pass(source, 'basic', registry.send);
    const leaver = new AbortController();
    const left = gate?.pass(source, 'basic', registry.send, leaver.signal);
    const behind = gate?.pass(source, 'basic', registry.send);
    leaver.abort(new Error('left'));
    await expect(left).rejects.toThrow('left');
    expect(await Promise.all([first, behind])).toEqual(['content', 'content']);
    expect(registry.received).toBe(2);
  });
});

it('a first request without an answer delays the others for two seconds', async () => {
  const gate = createLoginGate({ now, monotonicMs, claims: undefined });
  const { promise: never } = Promise.withResolvers<string>();
  void gate.pass(source, 'basic', () => never);
  const before = performance.now();
  expect(await gate.pass(source, 'basic', async () => 'content')).toBe('content');
  expect(performance.now() - before).toBeGreaterThan(1_900);
});

it('a first request without an answer delays nobody once another one was accepted', async () => {
  const gate = createLoginGate({ now, monotonicMs, claims: undefined });
  const { promise: never } = Promise.withResolvers<string>();
  void gate.pass(source, 'basic', () => never);
  await gate.pass(source, 'basic', async () => 'content');
  const before = performance.now();
  for (let index = 0; index < 3; index += 1)
    expect(await gate.pass(source, 'basic', async () => 'content')).toBe('content');
  expect(performance.now() - before).toBeLessThan(1_000);
});

it('a first request that fails late does not make others wait for the next first one', async () => {
  const gate = createLoginGate({ now, monotonicMs, claims: undefined });
  const first = Promise.withResolvers<string>();
  const failing = gate.pass(source, 'basic', () => first.promise);
  const slow = Promise.withResolvers<string>();
  const running = gate.pass(source, 'basic', () => slow.promise);
  await gate.pass(source, 'basic', async () => 'content');
  first.reject(new UpstreamFailure('TIMEOUT', {}));
  await expect(failing).rejects.toThrow('TIMEOUT');
  const { promise: never } = Promise.withResolvers<string>();
  void gate.pass(source, 'basic', () => never);
  const before = performance.now();
  await gate.pass(source, 'basic', async () => 'content');
  expect(performance.now() - before).toBeLessThan(1_000);
  slow.resolve('content');
  await running;
});

it.each([
  ['fails', () => Promise.reject(new Problem('STORAGE_UNAVAILABLE', 'The storage is unavailable.')), 1_000],
  ['does not answer', () => Promise.withResolvers<never>().promise, 3_000],
])('a store that %s keeps no password from being sent', async (_what, answer, withinMs) => {
  const registry = startRegistry();
  const claims: LoginClaims = { look: answer, claim: answer, settle: answer };
  const gate = createLoginGate({ now, monotonicMs, claims });
  const before = performance.now();
  expect(await twenty([gate], registry.send)).toBe(20);
  expect(await gate.ask(source, async () => undefined)).toBeUndefined();
  // Two seconds for the login, and two for the question.
  expect(performance.now() - before).toBeLessThan(2 * withinMs);
});

it('a claim that the store grants too late is given back', async () => {
  const results: string[] = [];
  const granted = Promise.withResolvers<undefined>();
  const claims: LoginClaims = {
    look: async () => undefined,
    claim: () => granted.promise,
    settle: async (_version, _claim, result) => void results.push(result),
  };
  const gate = createLoginGate({ now, monotonicMs, claims });
  expect(await gate.pass(source, 'basic', async () => 'content')).toBe('content');
  expect(results).toEqual([]);
  granted.resolve(undefined);
  await pause(10);
  expect(results).toEqual(['UNKNOWN']);
});

it('anonymous pulls and logins of clouds pass as they come', async () => {
  const registry = startRegistry();
  registry.isAccepted = false;
  const gate = createLoginGate({ now, monotonicMs, claims: memoryClaims() });
  for (const passing of [
    { ...source, registry: null },
    { ...source, renewLogin: async () => undefined },
  ])
    await Promise.allSettled([1, 2, 3].map(() => gate.pass(passing, 'basic', registry.send)));
  expect(registry.received).toBe(6);
});
