// The queue of one stream: bounded, for one reader, so that a slow client costs little and holds nobody up.

import type { RegistryEvent } from '../registry/events.ts';

/** A page's worth of changes; ids alone, so some 10 KB. */
export const maxWaitingEvents = 100;

/** What a reader gets: an event, or `REMINDED` between events; then how the queue ended. */
export type Taken = RegistryEvent | 'REMINDED' | 'CLOSED' | 'OVERFLOWN';

export class EventQueue {
  #events: RegistryEvent[] = [];
  #isReminded = false;
  #end: 'CLOSED' | 'OVERFLOWN' | undefined;
  #wake = Promise.withResolvers<void>();

  /** Adds an event, or ends the queue when its reader is too far behind. */
  push(event: RegistryEvent): void {
    if (this.#events.length >= maxWaitingEvents) return this.end('OVERFLOWN');
    this.#events.push(event);
    this.#wake.resolve();
  }

  /** Wakes the reader, once however often it is called. */
  remind(): void {
    this.#isReminded = true;
    this.#wake.resolve();
  }

  /** What waits is dropped. */
  end(how: 'CLOSED' | 'OVERFLOWN'): void {
    this.#end ??= how;
    this.#events = [];
    this.#wake.resolve();
  }

  /** Waits for the next. */
  async take(): Promise<Taken> {
    for (;;) {
      if (this.#end !== undefined) return this.#end;
      const event = this.#events.shift();
      if (event !== undefined) return event;
      if (this.#isReminded) {
        this.#isReminded = false;
        return 'REMINDED';
      }
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
    }
  }
}
