// Shares slots among owners: an owner uses whatever is free, and while others wait, the one with the fewest slots is served next.
// Written by hand: the queues of libraries serve requests in the order of their arrival, so an owner with many requests is served before all others.

import type { Timer } from './time.ts';

/** The number of slots and the bounds of waiting. */
export interface SlotLimits {
  /** Slots in all groups together. */
  readonly total: number;
  /** Slots in one group. */
  readonly perGroup: number;
  /** Further slots, in a group and in all, for owners that hold fewer than `reservedPerOwner` in the group: they need not wait for those that hold many. */
  readonly reserve: number;
  readonly reservedPerOwner: number;
  /** Milliseconds after which a request that waits is refused. */
  readonly maxWaitMs: number;
  /** Requests that wait, in all. Further ones are refused at once. */
  readonly maxWaiting: number;
  readonly maxWaitingPerOwner: number;
  /** Milliseconds without progress after which a slot is asked to yield while another owner waits. */
  readonly stallMs: number;
}

/** A request for a slot. */
export interface SlotRequest {
  /** Who is served in turn with others. */
  readonly owner: string;
  /** Where the slot is. */
  readonly group: string;
  /** Ends the wait. */
  readonly signal?: AbortSignal | undefined;
}

/** A slot that is held. */
export interface Slot {
  /** Frees the slot. Further calls do nothing. */
  release(this: void): void;
  /**
   * Lets the slot be asked to yield.
   * @param idleMs Returns the milliseconds since its holder last made progress.
   * @param giveUp Ends the use, which then releases the slot. Called once at most.
   */
  onYield(this: void, idleMs: () => number, giveUp: () => void): void;
}

/** What is held, waits, and was refused so far. */
export interface SlotCounts {
  readonly held: number;
  readonly waiting: number;
  readonly refused: number;
  readonly yielded: number;
}

/** No slot became free in time. */
export class NoSlot extends Error {
  override readonly name = 'NoSlot';
  /** Milliseconds after which another attempt makes sense. */
  readonly retryAfterMs: number;

  constructor(retryAfterMs: number) {
    super('No slot became free in time.');
    this.retryAfterMs = retryAfterMs;
  }
}

interface Holder {
  readonly owner: string;
  idleMs: () => number;
  giveUp: (() => void) | undefined;
}

interface Group {
  readonly name: string;
  readonly holders: Set<Holder>;
  /** Slots by owner. */
  readonly held: Map<string, number>;
  /** Requests by owner; an owner that is served moves to the end. */
  readonly queues: Map<string, (() => void)[]>;
}

/** Milliseconds between two looks for slots that can yield. */
const yieldCheckMs = 1_000;

/** The slots, all of them free at first. */
export class FairSlots {
  readonly #limits: SlotLimits;
  readonly #setTimer: Timer;
  readonly #groups = new Map<string, Group>();
  readonly #heldByOwner = new Map<string, number>();
  readonly #waitingByOwner = new Map<string, number>();
  readonly #counts = { held: 0, waiting: 0, refused: 0, yielded: 0 };
  #isChecking = false;

  constructor(limits: SlotLimits, setTimer: Timer) {
    this.#limits = limits;
    this.#setTimer = setTimer;
  }

  counts(): SlotCounts {
    return { ...this.#counts };
  }

  /** Resolves once there is a slot. @throws NoSlot after `maxWaitMs`, or at once if too many wait; the signal's reason. */
  async acquire(request: SlotRequest): Promise<Slot> {
    const { owner, group: name, signal } = request;
    signal?.throwIfAborted();
    const group = this.#groups.get(name) ?? { name, holders: new Set(), held: new Map(), queues: new Map() };
    const { maxWaiting, maxWaitingPerOwner } = this.#limits;
    const isFree = this.#hasRoom(group, owner);
    if (!isFree && (this.#counts.waiting >= maxWaiting || (this.#waitingByOwner.get(owner) ?? 0) >= maxWaitingPerOwner))
      throw this.#refusal();
    this.#groups.set(name, group);
    return isFree ? this.#take(group, owner) : this.#wait(group, request);
  }

  #hasRoom(group: Group, owner: string): boolean {
    const { reservedPerOwner, perGroup, total } = this.#limits;
    const reserve = (group.held.get(owner) ?? 0) < reservedPerOwner ? this.#limits.reserve : 0;
    return group.holders.size < perGroup + reserve && this.#counts.held < total + reserve;
  }

  #take(group: Group, owner: string): Slot {
    const holder: Holder = { owner, idleMs: () => 0, giveUp: undefined };
    group.holders.add(holder);
    add(group.held, owner, 1);
    add(this.#heldByOwner, owner, 1);
    this.#counts.held += 1;
    const release = (): void => {
      if (!group.holders.delete(holder)) return;
      add(group.held, owner, -1);
      add(this.#heldByOwner, owner, -1);
      this.#counts.held -= 1;
      this.#serve(group);
      this.#drop(group);
    };
    return { release, onYield: (idleMs, giveUp) => void Object.assign(holder, { idleMs, giveUp }) };
  }

  #wait(group: Group, { owner, signal }: SlotRequest): Promise<Slot> {
    const { promise, resolve, reject } = Promise.withResolvers<Slot>();
    const end = (): void => {
      stopTimer();
      signal?.removeEventListener('abort', leave);
      this.#counts.waiting -= 1;
      add(this.#waitingByOwner, owner, -1);
    };
    const start = (): void => {
      end();
      resolve(this.#take(group, owner));
    };
    const quit = (error: unknown): void => {
      end();
      const others = group.queues.get(owner)?.filter((other) => other !== start) ?? [];
      if (others.length > 0) group.queues.set(owner, others);
      else group.queues.delete(owner);
      this.#drop(group);
      reject(error);
    };
    const leave = (): void => quit(signal?.reason);
    const stopTimer = this.#setTimer(() => quit(this.#refusal()), this.#limits.maxWaitMs);
    signal?.addEventListener('abort', leave, { once: true });
    this.#counts.waiting += 1;
    add(this.#waitingByOwner, owner, 1);
    const queue = group.queues.get(owner);
    if (queue === undefined) group.queues.set(owner, [start]);
    else queue.push(start);
    if (!this.#isChecking) this.#checkLater();
    return promise;
  }

  #refusal(): NoSlot {
    this.#counts.refused += 1;
    return new NoSlot(this.#limits.maxWaitMs);
  }

  /** Forgets a group that nobody uses. */
  #drop({ name, holders, queues }: Group): void {
    if (holders.size === 0 && queues.size === 0) this.#groups.delete(name);
  }

  /** Serves while there is room, also in the other groups, because one slot of all became free. */
  #serve(freed: Group): void {
    while (this.#counts.waiting > 0) {
      const turn = this.#nextTurn(freed);
      const queue = turn?.group.queues.get(turn.owner) ?? [];
      const start = queue.shift();
      if (turn === undefined || start === undefined) return;
      const { group, owner } = turn;
      group.queues.delete(owner);
      if (queue.length > 0) group.queues.set(owner, queue);
      start();
    }
  }

  /** Returns whose turn it is: of the next owner of each group, the one with the fewest slots in all; of equals, the one in the group of the free slot. */
  #nextTurn(freed: Group): { readonly group: Group; readonly owner: string } | undefined {
    let turn: { readonly group: Group; readonly owner: string; readonly held: number } | undefined;
    for (const group of [freed, ...this.#groups.values()]) {
      const owner = nextOwner(group, (candidate) => this.#hasRoom(group, candidate));
      if (owner === undefined) continue;
      const held = this.#heldByOwner.get(owner) ?? 0;
      if (turn === undefined || held < turn.held) turn = { group, owner, held };
    }
    return turn;
  }

  #checkLater(): void {
    this.#isChecking = true;
    this.#setTimer(() => this.#askToYield(), yieldCheckMs);
  }

  /** Asks one slot to yield for each group in which a caller waits: the one without progress for the longest time, of an owner with at least two slots more than the waiting owner with the fewest. */
  #askToYield(): void {
    this.#isChecking = false;
    if (this.#counts.waiting === 0) return;
    this.#checkLater();
    const { total, perGroup, stallMs } = this.#limits;
    for (const group of [...this.#groups.values()].filter(({ queues }) => queues.size > 0)) {
      const fewest = Math.min(...[...group.queues.keys()].map((owner) => group.held.get(owner) ?? 0));
      const isOwnFull = this.#counts.held < total || group.holders.size >= perGroup;
      const stalled = (isOwnFull ? [group] : [...this.#groups.values()])
        .flatMap(({ holders, held }) => [...holders].filter(({ owner }) => (held.get(owner) ?? 0) > fewest + 1))
        .filter(({ giveUp, idleMs }) => giveUp !== undefined && idleMs() >= stallMs)
        .toSorted((one, other) => other.idleMs() - one.idleMs())[0];
      if (stalled?.giveUp === undefined) continue;
      const { giveUp } = stalled;
      stalled.giveUp = undefined;
      this.#counts.yielded += 1;
      giveUp();
    }
  }
}

/** Returns the owner that waits and holds the fewest slots; of equals, the one that has waited the longest since it was served. */
function nextOwner({ queues, held }: Group, hasRoom: (owner: string) => boolean): string | undefined {
  let next: string | undefined;
  for (const owner of queues.keys()) {
    if (!hasRoom(owner)) continue;
    if (next === undefined || (held.get(owner) ?? 0) < (held.get(next) ?? 0)) next = owner;
  }
  return next;
}

function add(counts: Map<string, number>, key: string, change: number): void {
  const count = (counts.get(key) ?? 0) + change;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
}
