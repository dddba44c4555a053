// Keeps the functions that calls pass to a thread of the store: each crosses as a number, by which the thread calls it back.

import type { Call, CallbackPlace } from './messages.ts';
import { sendable } from './sendable.ts';

type Callback = (...args: unknown[]) => unknown;

/** The functions of the calls of one thread. */
export class Callbacks {
  readonly #kept = new Map<number, Callback>();
  #lastId = 0;

  /** Returns the argument as it crosses: plain data, or the place of a function. */
  toMessage(arg: unknown): unknown {
    if (typeof arg !== 'function') return sendable(arg);
    const callback = (this.#lastId += 1);
    this.#kept.set(callback, arg as Callback);
    return { callback } satisfies CallbackPlace;
  }

  /** Runs a function and returns its result as it crosses. @throws what it throws. */
  async run(callback: number, args: readonly unknown[]): Promise<unknown> {
    return sendable(await this.#kept.get(callback)?.(...args));
  }

  /** Forgets the functions of a call that has ended. */
  forget({ args }: Call): void {
    for (const arg of args) if (isCallback(arg)) this.#kept.delete(arg.callback);
  }
}

function isCallback(arg: unknown): arg is CallbackPlace {
  return typeof arg === 'object' && arg !== null && 'callback' in arg;
}
