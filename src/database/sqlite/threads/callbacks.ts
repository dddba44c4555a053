// Keeps the functions that calls pass to a thread of the store: each crosses as a number, by which the thread calls it back.

import type { Call, CallbackPlace } from './messages.ts';
import { sendable } from './sendable.ts';

type Callback = (...args: unknown[]) => unknown;

/** The functions of the calls of one thread. */
export class Callbacks {
  readonly #kept = new Map<number, Callback>();
  /** What a kept function threw. */
  readonly #failures = new Map<number, unknown>();
  #lastId = 0;

  /** Returns the argument as it crosses: plain data, or the place of a function. */
  toMessage(arg: unknown): unknown {
    if (typeof arg !== 'function') return sendable(arg);
    const callback = (this.#lastId += 1);
    this.#kept.set(callback, arg as Callback);
    return { callback } satisfies CallbackPlace;
  }

  /** Runs a function and returns its result as it crosses. @throws what it throws, which is kept for the end of its call. */
  async run(callback: number, args: readonly unknown[]): Promise<unknown> {
    try {
      return sendable(await this.#kept.get(callback)?.(...args));
    } catch (error) {
      if (this.#kept.has(callback)) this.#failures.set(callback, error);
      throw error;
    }
  }

  /** Forgets the functions of a call that has ended. Returns what one of them threw, if one did. */
  forget({ args }: Call): unknown {
    let failure: unknown;
    for (const { callback } of args.filter(isCallback)) {
      failure ??= this.#failures.get(callback);
      this.#failures.delete(callback);
      this.#kept.delete(callback);
    }
    return failure;
  }
}

function isCallback(arg: unknown): arg is CallbackPlace {
  return typeof arg === 'object' && arg !== null && 'callback' in arg;
}
