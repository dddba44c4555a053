// Calls the store on a thread of its own: bounded and fair while it is busy, started again when it dies, and ended when a read takes too long.

import { Worker } from 'node:worker_threads';
import { createRestartLimit } from '../../../core/shared/restarts.ts';
import { storageUnavailable, translateFailure } from '../../errors.ts';
import { Callbacks } from './callbacks.ts';
import { FairQueue, type Waiting } from '../../fair-queue.ts';
import {
  type Call,
  fromCrossing,
  type Order,
  type Report,
  type Reply,
  type ThreadKind,
  type ThreadSetup,
} from './messages.ts';
import { laneOf } from './placement.ts';
import { busy, lostWrite, tooLong } from './refusals.ts';

export interface ThreadOptions {
  readonly path: string;
  readonly kind: ThreadKind;
  /** Called when the thread has died, after the calls that it held have failed. */
  readonly onDeath: (error: unknown) => void;
  /** Called when it dies after 3 restarts within a minute: another restart would not help. */
  readonly onGivenUp: () => void;
  /** Milliseconds that one read may take. Defaults to 10 seconds. */
  readonly maxScanMs?: number | undefined;
}

type Target = Pick<Call, 'part' | 'method' | 'args'>;

export interface StoreThread {
  /** Starts it before its first call, which does it too. */
  start(): void;
  /** Calls of the thread that have not ended. */
  readonly pending: number;
  /** Runs a method of the store. @throws what the method throws; Problem `STORAGE_UNAVAILABLE` if it cannot run, or not to its end. */
  call(target: Target): Promise<unknown>;
  /** As `call`, and again at each start of the thread, before any other call. */
  callAtEachStart(target: Target): Promise<unknown>;
  /** Waits for the pending calls, closes the connections of the thread, and ends it. Calls from now on are refused. */
  close(): Promise<void>;
}

/** Calls that wait: a write each takes 1 KB here. At 1,000 writes a second the last waits for a second. */
const maxWaiting = 1_000;
/** Calls that the thread holds. For writes two group commits, so that it need not wait for us; a scan is alone, so that it can be ended alone. */
const maxHeld = { WRITES: 128, SCANS: 1 } as const satisfies Record<ThreadKind, number>;
/** Milliseconds that a call may wait for its turn: what a caller waits for. */
const maxWaitingMs = 10_000;
/** Milliseconds between two looks at what waits for too long. */
const lookMs = 500;
/** Milliseconds that one read may take: a count over a million registries takes less than one second. */
const defaultMaxScanMs = 10_000;
/** Threads at once, those that were ended among them. */
const maxThreads = 2;
/** MiB of the old generation of one thread: a page of the largest rows takes less than 10. */
const maxHeapMiB = 128;
/** MiB of the young generation: three times a half of 8 MiB, as in the main thread. Unset, V8 collected all of a thread's heap every 25 writes. */
const maxYoungMiB = 24;

interface PendingCall extends Waiting {
  readonly call: Call;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** Creates the thread, which is not started yet. */
export function createStoreThread(options: ThreadOptions): StoreThread {
  return new Thread(options);
}

class Thread implements StoreThread {
  readonly #options: ThreadOptions;
  readonly #queue = new FairQueue<PendingCall>(maxWaiting);
  readonly #held = new Map<number, PendingCall>();
  readonly #atEachStart: Target[] = [];
  readonly #callbacks = new Callbacks();
  readonly #mayRestart = createRestartLimit(() => performance.now());
  /** The running thread. Undefined while none may be started. */
  #worker: Worker | undefined;
  /** Whether the running thread has opened the database. */
  #isOpened = false;
  /** Threads that were ended while SQLite still runs their read, which nothing can interrupt. */
  readonly #retired = new Set<Worker>();
  #state: 'OPEN' | 'CLOSING' | 'CLOSED' | 'GIVEN_UP' = 'OPEN';
  #lastId = 0;
  #isPumping = false;
  #lookTimer: NodeJS.Timeout | undefined;
  #scanTimer: NodeJS.Timeout | undefined;
  #onIdle: (() => void) | undefined;

  constructor(options: ThreadOptions) {
    this.#options = options;
  }

  get pending(): number {
    return this.#queue.size + this.#held.size;
  }

  call({ part, method, args }: Target): Promise<unknown> {
    if (this.#state !== 'OPEN') return Promise.reject(storageUnavailable('The server is stopping.', 'STOPPING'));
    this.start();
    return new Promise((resolve, reject) => {
      const call = { id: (this.#lastId += 1), part, method, args: args.map((arg) => this.#callbacks.toMessage(arg)) };
      const left = this.#queue.add({ call, lane: laneOf(args), since: performance.now(), resolve, reject });
      left?.reject(busy());
      this.#lookTimer ??= setTimeout(() => this.#look(), lookMs).unref();
      this.#pumpSoon();
    });
  }

  async callAtEachStart(target: Target): Promise<unknown> {
    const result = await this.call(target);
    this.#atEachStart.push(target);
    return result;
  }

  async close(): Promise<void> {
    if (this.#state === 'OPEN') {
      this.#state = 'CLOSING';
      if (this.pending > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    }
    const worker = this.#worker;
    this.#state = 'CLOSED';
    clearTimeout(this.#lookTimer);
    if (worker !== undefined) {
      const exited = new Promise((resolve) => worker.once('exit', resolve));
      worker.ref();
      worker.postMessage({ end: true } satisfies Order, []);
      await exited;
    }
    await Promise.all([...this.#retired].map((retired) => retired.terminate()));
  }

  /** A thread inside of SQLite ends when its read does. Meanwhile another serves, but never a third. */
  start(): void {
    const isNeeded = this.#worker === undefined && (this.#state === 'OPEN' || this.#state === 'CLOSING');
    if (isNeeded && this.#retired.size < maxThreads) this.#startWorker();
  }

  #startWorker(): void {
    const { path, kind } = this.#options;
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    const worker = new Worker(new URL(`./store-worker.${extension}`, import.meta.url), {
      workerData: { path, kind } satisfies ThreadSetup,
      resourceLimits: { maxOldGenerationSizeMb: maxHeapMiB, maxYoungGenerationSizeMb: maxYoungMiB },
    });
    let failure: unknown;
    worker.on('message', (report: Report) => this.#receive(worker, report));
    worker.on('error', (error) => (failure = error));
    // `exit` follows `error`, if there is one.
    worker.on('exit', (code) =>
      this.#onExit(worker, failure ?? new Error(`The thread of the store exited with status ${code}.`)),
    );
    // It keeps the process only while it holds calls.
    worker.unref();
    this.#worker = worker;
    this.#isOpened = false;
    for (const { part, method, args } of this.#atEachStart)
      this.#post(worker, [
        { id: (this.#lastId += 1), part, method, args: args.map((arg) => this.#callbacks.toMessage(arg)) },
      ]);
  }

  /** At the end of this turn of the event loop, so that requests that arrived together cross together. */
  #pumpSoon(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    setImmediate(() => this.#pump());
  }

  #pump(): void {
    this.#isPumping = false;
    const worker = this.#worker;
    if (worker === undefined) return;
    const calls: Call[] = [];
    while (this.#held.size < maxHeld[this.#options.kind]) {
      const next = this.#queue.take();
      if (next === undefined) break;
      if (this.#held.size === 0) worker.ref();
      this.#held.set(next.call.id, next);
      calls.push(next.call);
    }
    if (calls.length === 0) return;
    try {
      this.#post(worker, calls);
    } catch {
      for (const call of calls) this.#postAlone(worker, call);
      this.#afterCalls();
    }
    if (this.#isOpened) this.#timeScan();
  }

  /** A thread that is still starting reads nothing yet. */
  #timeScan(): void {
    if (this.#options.kind !== 'SCANS' || this.#held.size === 0) return;
    this.#scanTimer = setTimeout(() => this.#endScan(), this.#options.maxScanMs ?? defaultMaxScanMs).unref();
  }

  #post(worker: Worker, calls: readonly Call[]): void {
    worker.postMessage({ calls } satisfies Order, []);
  }

  /** A value that cannot cross to a thread is a fault of its own call, not of those that would have crossed with it. */
  #postAlone(worker: Worker, call: Call): void {
    try {
      this.#post(worker, [call]);
    } catch (error) {
      const pending = this.#held.get(call.id);
      this.#held.delete(call.id);
      if (pending !== undefined) this.#callbacks.forget(call);
      pending?.reject(translateFailure(error));
    }
  }

  #receive(worker: Worker, report: Report): void {
    if ('called' in report) return void this.#callBack(worker, report);
    if (worker !== this.#worker) return;
    if ('opened' in report) {
      this.#isOpened = true;
      return this.#timeScan();
    }
    for (const reply of report.replies) this.#settle(reply);
    this.#afterCalls();
  }

  #settle(reply: Reply): void {
    const pending = this.#held.get(reply.id);
    this.#held.delete(reply.id);
    if (pending === undefined) return;
    const failure = this.#callbacks.forget(pending.call);
    if ('error' in reply) pending.reject(failure === undefined ? fromCrossing(reply.error) : translateFailure(failure));
    else pending.resolve(reply.value);
  }

  async #callBack(worker: Worker, { called, callback, args }: Extract<Report, { called: number }>): Promise<void> {
    try {
      const value = await this.#callbacks.run(callback, args);
      worker.postMessage({ returned: called, value } satisfies Order, []);
    } catch {
      // The call ends with that error.
      worker.postMessage({ returned: called, failed: true } satisfies Order, []);
    }
  }

  #afterCalls(): void {
    if (this.#options.kind === 'SCANS') clearTimeout(this.#scanTimer);
    if (this.#held.size === 0) this.#worker?.unref();
    if (this.#queue.size > 0) this.#pump();
    if (this.pending === 0) this.#onIdle?.();
  }

  #onExit(worker: Worker, error: unknown): void {
    if (this.#retired.delete(worker)) {
      if (this.#queue.size > 0) this.start();
      return this.#afterCalls();
    }
    this.#worker = undefined;
    if (this.#state === 'CLOSED') return;
    const { kind, onDeath, onGivenUp } = this.#options;
    this.#failHeld(
      kind === 'WRITES' ? lostWrite() : storageUnavailable('The storage stopped during this call.', 'THREAD_ENDED'),
    );
    onDeath(error);
    if (this.#mayRestart()) this.start();
    else {
      this.#state = 'GIVEN_UP';
      for (let next = this.#queue.take(); next !== undefined; next = this.#queue.take())
        next.reject(storageUnavailable('The storage stopped.', 'THREAD_ENDED'));
      onGivenUp();
    }
    this.#afterCalls();
  }

  #endScan(): void {
    const worker = this.#worker;
    this.#worker = undefined;
    this.#failHeld(tooLong());
    if (worker !== undefined) this.#retired.add(worker);
    void worker?.terminate();
    this.start();
    this.#afterCalls();
  }

  #failHeld(error: Error): void {
    for (const pending of this.#held.values()) {
      this.#callbacks.forget(pending.call);
      pending.reject(error);
    }
    this.#held.clear();
  }

  #look(): void {
    for (const late of this.#queue.takeOlderThan(performance.now() - maxWaitingMs)) late.reject(busy());
    this.#lookTimer = this.#queue.size > 0 ? setTimeout(() => this.#look(), lookMs).unref() : undefined;
    if (this.pending === 0) this.#onIdle?.();
  }
}
