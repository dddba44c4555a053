// Keeps waiting calls in a bounded queue that is fair to their callers: each has one lane, and the lanes are served in turn.

/** A call that waits. */
export interface Waiting {
  /** Whose call it is: callers of one lane share its turns. */
  readonly lane: string;
  /** When it began to wait, in milliseconds of a monotonic clock. */
  readonly since: number;
}

/** A queue of at most `maxWaiting` items. */
export class FairQueue<Item extends Waiting> {
  readonly #maxWaiting: number;
  /** The lanes in the order of their next turns, none of them empty. */
  readonly #lanes = new Map<string, Item[]>();
  #size = 0;

  constructor(maxWaiting: number) {
    this.#maxWaiting = maxWaiting;
  }

  get size(): number {
    return this.#size;
  }

  /**
   * Adds an item. A lane may fill the whole queue, but makes room for the lanes that have less in it.
   * @returns the item that had to leave because the queue is full: the newest of the longest lane, which may be the added one.
   */
  add(item: Item): Item | undefined {
    const own = this.#lanes.get(item.lane);
    const longest = this.#size >= this.#maxWaiting ? this.#longestLane() : undefined;
    if (longest !== undefined && longest.length <= (own?.length ?? 0) + 1) return item;
    const displaced = longest?.pop();
    if (own === undefined) this.#lanes.set(item.lane, [item]);
    else own.push(item);
    if (displaced === undefined) this.#size += 1;
    return displaced;
  }

  /** Takes the oldest item of the lane whose turn it is. */
  take(): Item | undefined {
    for (const [name, lane] of this.#lanes) {
      const item = lane.shift();
      this.#lanes.delete(name);
      if (lane.length > 0) this.#lanes.set(name, lane);
      this.#size -= 1;
      return item;
    }
    return undefined;
  }

  /** Takes every item that began to wait before this moment. */
  takeOlderThan(moment: number): Item[] {
    const taken: Item[] = [];
    for (const [name, lane] of this.#lanes) {
      while (lane[0] !== undefined && lane[0].since < moment) taken.push(lane.shift() as Item);
      if (lane.length === 0) this.#lanes.delete(name);
    }
    this.#size -= taken.length;
    return taken;
  }

  #longestLane(): Item[] | undefined {
    let longest: Item[] | undefined;
    for (const lane of this.#lanes.values()) if (lane.length > (longest?.length ?? 0)) longest = lane;
    return longest;
  }
}
