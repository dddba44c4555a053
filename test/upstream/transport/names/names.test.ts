// Names that do not resolve: what they may hold, what is remembered of them, and that no other name waits for them.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createNames, type LookupFailure, type Names } from '../../../../src/upstream/transport/names/names.ts';

const address = [{ address: '192.0.2.1', family: 4 }];

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** A system whose calls return when the test says so, and a resolver over it. */
function start(threads?: number) {
  const calls = new Map<string, PromiseWithResolvers<typeof address>>();
  const failures: LookupFailure[] = [];
  let asked = 0;
  let fast = new Set<string>();
  const names: Names = createNames({
    threads,
    nowMs: () => Date.now(),
    onFailure: (reason) => failures.push(reason),
    resolve(hostname) {
      asked += 1;
      if (fast.has(hostname)) return Promise.resolve(address);
      const call = Promise.withResolvers<typeof address>();
      calls.set(hostname, call);
      return call.promise;
    },
  });
  const answer = async (hostname: string) => {
    calls.get(hostname)?.resolve(address);
    calls.delete(hostname);
    await vi.advanceTimersByTimeAsync(0);
  };
  const fail = async (hostname: string, code: string) => {
    calls.get(hostname)?.reject(Object.assign(new Error(code), { code }));
    calls.delete(hostname);
    await vi.advanceTimersByTimeAsync(0);
  };
  return {
    names,
    calls,
    failures,
    answer,
    fail,
    asked: () => asked,
    fast: (...hostnames: string[]) => void (fast = new Set(hostnames)),
    /** How a lookup ends: `found`, or its code. */
    look: (hostname: string) =>
      names.lookup(hostname).then(
        () => 'found',
        (error: unknown) => (error as { code?: string }).code,
      ),
  };
}

type Test = ReturnType<typeof start>;

/** Looks a name up until it has been slow: 12 seconds without an answer. */
async function hang(test: Test, hostname: string): Promise<void> {
  void test.look(hostname);
  await vi.advanceTimersByTimeAsync(12_000);
}

/** Resolves names quickly once. */
async function prove(test: Test, ...hostnames: string[]): Promise<void> {
  test.fast(...hostnames);
  for (const hostname of hostnames) expect(await test.look(hostname)).toBe('found');
}

describe('one name', () => {
  it('is looked up once for all who ask at the same time', async () => {
    const test = start();
    const looks = Array.from({ length: 50 }, () => test.look('a.example'));
    expect(test.asked()).toBe(1);
    await test.answer('a.example');
    expect(new Set(await Promise.all(looks))).toEqual(new Set(['found']));
  });

  it('is looked up again by the next who asks, because the system caches for itself', async () => {
    const test = start();
    await prove(test, 'a.example');
    expect(await test.look('a.example')).toBe('found');
    expect(test.asked()).toBe(2);
  });

  it('that never resolves fails for each caller after 4 seconds, then at once, and holds one thread until the system returns', async () => {
    const test = start();
    const first = test.look('never.example');
    await vi.advanceTimersByTimeAsync(3_999);
    expect(test.names.counts()).toEqual({ running: 1, waiting: 0 });
    await vi.advanceTimersByTimeAsync(1);
    expect(await first).toBe('EAI_AGAIN');
    for (let second = 0; second < 60; second += 1) {
      expect(await test.look('never.example')).toBe('EAI_AGAIN');
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect([test.asked(), test.names.counts().running]).toEqual([1, 1]);
    await test.fail('never.example', 'EAI_AGAIN');
    expect([test.names.counts().running, test.failures]).toEqual([0, ['no_answer']]);
  });

  it.each([
    ['ENOTFOUND', 'not_found'],
    ['EAI_AGAIN', 'no_answer'],
    ['EAI_FAIL', 'no_answer'],
  ])('that fails with %s is not looked up again for 5 seconds', async (code, reason) => {
    const test = start();
    const first = test.look('no.example');
    await test.fail('no.example', code);
    expect(await first).toBe(code);
    await vi.advanceTimersByTimeAsync(4_999);
    expect(await test.look('no.example')).toBe(code);
    expect([test.asked(), test.failures]).toEqual([1, [reason]]);
    await vi.advanceTimersByTimeAsync(1);
    const again = test.look('no.example');
    await test.answer('no.example');
    expect([await again, test.asked()]).toEqual(['found', 2]);
  });

  it('that failed after a second or more is not looked up again for 10 seconds', async () => {
    const test = start();
    void test.look('no.example');
    await vi.advanceTimersByTimeAsync(1_000);
    await test.fail('no.example', 'EAI_AGAIN');
    await vi.advanceTimersByTimeAsync(9_999);
    expect([await test.look('no.example'), test.asked()]).toEqual(['EAI_AGAIN', 1]);
  });

  it('whose answer comes after its callers have left is found by the next one', async () => {
    const test = start();
    const early = test.look('late.example');
    await vi.advanceTimersByTimeAsync(6_000);
    expect(await early).toBe('EAI_AGAIN');
    await test.answer('late.example');
    expect([await test.look('late.example'), test.asked()]).toEqual(['found', 1]);
  });
});

describe('names that were slow', () => {
  it.each([
    [undefined, 1, 1],
    [1, 1, 1],
    [4, 1, 1],
    [16, 4, 2],
    [64, 16, 8],
  ])('hold, with %s threads, at most %i of them, and %i once they are known', async (threads, unknown, known) => {
    const test = start(threads);
    const all = Array.from({ length: 20 }, (_, number) => `never.site${number}`);
    for (const name of all) void test.look(name);
    expect(test.names.counts().running).toBe(unknown);
    // Each is found to be slow, as its turn comes.
    for (let left = 0; left < 20; left += 1) {
      for (const name of all) void test.look(name);
      await vi.advanceTimersByTimeAsync(1_000);
      const hanging = [...test.calls.keys()];
      for (const name of hanging) await test.fail(name, 'EAI_AGAIN');
    }
    await vi.advanceTimersByTimeAsync(11_000);
    for (const name of all) void test.look(name);
    expect(test.names.counts().running).toBe(known);
  });

  it('delay no name that resolved quickly before: 200 lookups a minute that never end, and every check finds its name at once', async () => {
    const test = start();
    await prove(test, 'good.example');
    for (let second = 0; second < 120; second += 1) {
      for (const number of [0, 1, 2, 3]) void test.look(`never${(second * 4 + number) % 40}.trouble.example`);
      const before = Date.now();
      expect(await test.look('good.example')).toBe('found');
      expect(Date.now()).toBe(before);
      await vi.advanceTimersByTimeAsync(1_000);
      const { running, waiting } = test.names.counts();
      expect(running).toBe(1);
      expect(waiting).toBeLessThanOrEqual(40);
    }
  });

  it('of one site hold one thread, so that a new name of another site finds one', async () => {
    const test = start(16);
    for (let name = 0; name < 20; name += 1) await hang(test, `never${name}.trouble.example`);
    expect(test.names.counts().running).toBe(1);
    test.fast('new.example.org');
    expect(await test.look('new.example.org')).toBe('found');
  });

  it('get their turns one site after the other', async () => {
    const test = start();
    for (const name of ['a', 'b', 'c']) void test.look(`${name}.greedy.example`);
    void test.look('a.modest.test');
    const order: (string | undefined)[] = [];
    for (let turn = 0; turn < 4; turn += 1) {
      const [running] = test.calls.keys();
      order.push(running);
      await test.answer(running ?? '');
    }
    expect(order).toEqual(['a.greedy.example', 'b.greedy.example', 'a.modest.test', 'c.greedy.example']);
  });

  it.each([
    [3_999, 'found'],
    [4_000, 'EAI_AGAIN'],
  ])('do not include one that resolved quickly before and takes %i ms once: the next is %s', async (ms, expected) => {
    const test = start();
    await prove(test, 'good.example');
    test.fast();
    void test.look('good.example');
    await vi.advanceTimersByTimeAsync(ms);
    await test.answer('good.example');
    await vi.advanceTimersByTimeAsync(10_000);
    test.fast('good.example');
    void test.look('never.test');
    const next = test.look('good.example');
    await vi.advanceTimersByTimeAsync(4_000);
    expect(await next).toBe(expected);
  });

  it('count as others again once they resolve quickly', async () => {
    const test = start();
    await hang(test, 'healed.example');
    await test.fail('healed.example', 'EAI_AGAIN');
    await vi.advanceTimersByTimeAsync(10_000);
    await prove(test, 'healed.example');
    void test.look('never.example.org');
    expect(await test.look('healed.example')).toBe('found');
  });
});

describe('a queue', () => {
  it('holds 256 names, 128 of one site, and one more fails at once as busy', async () => {
    const test = start();
    void test.look('holds.the.thread');
    for (const site of ['one.example', 'two.example'])
      for (let name = 0; name < 129; name += 1) void test.look(`n${name}.${site}`);
    await vi.advanceTimersByTimeAsync(0);
    expect([test.names.counts().waiting, test.failures]).toEqual([256, ['busy', 'busy']]);
    expect(await test.look('one.more')).toBe('EAI_AGAIN');
    expect(test.failures.at(-1)).toBe('busy');
  });

  it('forgets a name that no one waits for any more', async () => {
    const test = start();
    void test.look('holds.the.thread');
    const waits = test.look('waits.example');
    expect(test.names.counts()).toEqual({ running: 1, waiting: 1 });
    await vi.advanceTimersByTimeAsync(4_000);
    expect([await waits, test.names.counts()]).toEqual(['EAI_AGAIN', { running: 1, waiting: 0 }]);
    await test.answer('holds.the.thread');
    expect(test.asked()).toBe(1);
  });
});

it('what is remembered is bounded: 5,000 names', async () => {
  const test = start();
  for (let name = 0; name < 5_001; name += 1) {
    void test.look(`n${name}.example`);
    await test.fail(`n${name}.example`, 'ENOTFOUND');
  }
  expect(await test.look('n5000.example')).toBe('ENOTFOUND');
  expect(test.asked()).toBe(5_001);
  void test.look('n0.example');
  expect(test.asked()).toBe(5_002);
});

it('a socket gets the addresses as it asks for them', async () => {
  const test = start();
  test.fast('a.example');
  const { promise, resolve } = Promise.withResolvers<unknown[]>();
  test.names.lookupFunction('a.example', { all: true }, (...answer) => resolve(answer));
  expect(await promise).toEqual([null, address]);
  const one = Promise.withResolvers<unknown[]>();
  test.names.lookupFunction('a.example', {}, (...answer) => one.resolve(answer));
  expect(await one.promise).toEqual([null, '192.0.2.1', 4]);
});
