// Slots that are shared: nobody waits behind the many requests of another, nothing that is free is withheld, and every wait has an end.

import { describe, expect, it } from 'vitest';
import { FairSlots, NoSlot, type Slot, type SlotLimits } from '../../../src/core/shared/fair-slots.ts';

/** Timers that a test lets pass. */
function createClock() {
  let nowMs = 0;
  let timers: { readonly atMs: number; readonly run: () => void }[] = [];
  return {
    setTimer(run: () => void, delayMs: number) {
      const timer = { atMs: nowMs + delayMs, run };
      timers.push(timer);
      return () => void (timers = timers.filter((other) => other !== timer));
    },
    pass(ms: number) {
      const untilMs = nowMs + ms;
      for (;;) {
        const [next] = timers.filter(({ atMs }) => atMs <= untilMs).toSorted((one, other) => one.atMs - other.atMs);
        if (next === undefined) break;
        timers = timers.filter((timer) => timer !== next);
        nowMs = next.atMs;
        next.run();
      }
      nowMs = untilMs;
    },
    pending: () => timers.length,
  };
}

function open(limits: Partial<SlotLimits> = {}) {
  const clock = createClock();
  const slots = new FairSlots(
    {
      total: 100,
      perGroup: 4,
      reserve: 0,
      reservedPerOwner: 0,
      maxWaitMs: 10_000,
      maxWaiting: 50,
      maxWaitingPerOwner: 40,
      stallMs: 5_000,
      ...limits,
    },
    (run, delayMs) => clock.setTimer(run, delayMs),
  );
  /** Who got a slot, in order. */
  const served: string[] = [];
  const held: { readonly owner: string; readonly slot: Slot }[] = [];
  const ask = (owner: string, group = 'origin', signal?: AbortSignal): Promise<unknown> =>
    slots.acquire({ owner, group, signal }).then(
      (slot) => {
        served.push(owner);
        held.push({ owner, slot });
        return undefined;
      },
      (error: unknown) => error,
    );
  const release = async (owner: string): Promise<void> => {
    const index = held.findIndex((one) => one.owner === owner);
    held.splice(index, 1)[0]?.slot.release();
    await settle();
  };
  return { slots, clock, served, held, ask, release };
}

function settle(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

describe('an owner', () => {
  it('alone uses all that there is', async () => {
    const { ask, served } = open();
    await Promise.all(['a', 'a', 'a', 'a'].map((owner) => ask(owner)));
    expect(served).toEqual(['a', 'a', 'a', 'a']);
  });

  it('that comes later is served with the next slot that becomes free, before 30 requests of another', async () => {
    const { ask, release, served } = open();
    for (let count = 0; count < 34; count += 1) void ask('many');
    void ask('one');
    await settle();
    await release('many');
    expect(served.slice(4)).toEqual(['one']);
  });

  it('gets as much as another while both wait, however many wait', async () => {
    const { ask, release, served } = open();
    for (let count = 0; count < 24; count += 1) void ask('many');
    for (let count = 0; count < 8; count += 1) void ask('few');
    await settle();
    for (let count = 0; count < 8; count += 1) await release(count % 2 === 0 ? 'many' : (served.at(-1) ?? 'many'));
    const count = (owner: string) => served.slice(4).filter((one) => one === owner).length;
    expect(count('few')).toBeGreaterThanOrEqual(4);
  });

  it('with few slots takes one of the reserve, and with many does not', async () => {
    const { ask, served, slots } = open({ reserve: 2, reservedPerOwner: 1 });
    for (let count = 0; count < 10; count += 1) void ask('many');
    void ask('one');
    void ask('one');
    await settle();
    expect(served).toEqual(['many', 'many', 'many', 'many', 'one']);
    expect(slots.counts()).toMatchObject({ held: 5, waiting: 7 });
  });

  it('in another group is served with the next slot of all, before 30 requests of one that holds them all', async () => {
    const { ask, release, served } = open({ total: 4 });
    for (let count = 0; count < 34; count++) void ask('many');
    void ask('late', 'elsewhere');
    await settle();
    await release('many');
    expect(served.slice(4)).toEqual(['late']);
  });

  it('with many slots in many groups does not stand before one with few', async () => {
    const { ask, release, served } = open({ total: 8 });
    for (const group of ['1', '2', '3']) for (let count = 0; count < 2; count++) void ask('spread', group);
    for (let count = 0; count < 2; count++) void ask('one');
    for (const group of ['1', '2', '3', '4']) void ask('spread', group);
    void ask('one');
    await settle();
    await release('spread');
    expect(served.slice(8)).toEqual(['one']);
  });

  it('of another group does not wait, unless all slots are held', async () => {
    const { ask, release, served } = open({ total: 5 });
    for (let count = 0; count < 6; count += 1) void ask('a');
    void ask('b', 'other');
    void ask('c', 'other');
    await settle();
    expect(served).toEqual(['a', 'a', 'a', 'a', 'b']);
    await release('a');
    // Before the two of the group of the slot, because it holds none.
    expect(served.slice(5)).toEqual(['c']);
    await release('a');
    await release('a');
    expect(served.slice(6)).toEqual(['a', 'a']);
  });
});

describe('a wait', () => {
  it('ends after 10 s with a refusal, not before', async () => {
    const { ask, clock, slots } = open({ perGroup: 1 });
    await ask('a');
    const waiting = ask('b');
    clock.pass(9_999);
    await settle();
    expect(slots.counts()).toMatchObject({ waiting: 1, refused: 0 });
    clock.pass(1);
    expect(await waiting).toBeInstanceOf(NoSlot);
    expect(slots.counts()).toEqual({ held: 1, waiting: 0, refused: 1, yielded: 0 });
  });

  it('ends with its signal, and leaves nothing behind', async () => {
    const { ask, clock, slots, release } = open({ perGroup: 1 });
    await ask('a');
    const leaving = new AbortController();
    const waiting = ask('b', 'origin', leaving.signal);
    leaving.abort(new Error('left'));
    expect(await waiting).toMatchObject({ message: 'left' });
    await release('a');
    clock.pass(60_000);
    expect([slots.counts().held, slots.counts().waiting, clock.pending()]).toEqual([0, 0, 0]);
  });

  it.each([
    ['of one owner', { maxWaitingPerOwner: 3 }, 'a'],
    ['in all', { maxWaiting: 3 }, 'b'],
  ])('is refused at once when 3 wait: %s', async (_which, limits, owner) => {
    const { ask, slots } = open({ perGroup: 1, ...limits });
    for (let count = 0; count < 4; count += 1) void ask('a');
    expect(await ask(owner)).toBeInstanceOf(NoSlot);
    expect(slots.counts()).toMatchObject({ waiting: 3, refused: 1 });
  });
});

describe('a slot without progress', () => {
  const hold = (slots: FairSlots, idleMs: number, asked: () => void) =>
    slots.acquire({ owner: 'many', group: 'origin' }).then((slot) =>
      slot.onYield(
        () => idleMs,
        () => {
          asked();
          slot.release();
        },
      ),
    );

  it('yields to another owner that waits, the one without progress for longest first, one a second', async () => {
    const { slots, ask, clock, served } = open();
    const asked: number[] = [];
    for (const idleMs of [6_000, 9_000, 4_000, 7_000]) await hold(slots, idleMs, () => asked.push(idleMs));
    void ask('one');
    void ask('one');
    clock.pass(1_000);
    await settle();
    expect([asked, served]).toEqual([[9_000], ['one']]);
    clock.pass(1_000);
    await settle();
    expect([asked, served]).toEqual([
      [9_000, 7_000],
      ['one', 'one'],
    ]);
  });

  it.each([
    ['its own owner', 'many', 60_000],
    ['anybody, before 5 s', 'one', 4_999],
  ])('does not yield to %s', async (_whom, owner, idleMs) => {
    const { slots, ask, clock } = open();
    let count = 0;
    for (let held = 0; held < 4; held += 1) await hold(slots, idleMs, () => void (count += 1));
    void ask(owner);
    clock.pass(9_000);
    expect(count).toBe(0);
  });

  it('yields to nobody when nobody waits', async () => {
    const { slots, clock } = open();
    let count = 0;
    await hold(slots, 60_000, () => void (count += 1));
    clock.pass(60_000);
    expect([count, clock.pending()]).toEqual([0, 0]);
  });
});
