// Hashes large content on a worker thread that all pulls share, because streaming leaves the main thread no time for it.

import { Worker } from 'node:worker_threads';

/** An order to the thread: pieces of content to hash in their order, and at last to finish or to forget the hash. */
export type HashOrder =
  | { readonly id: number; readonly kind: 'hash'; readonly algorithm: string; readonly pieces: readonly Uint8Array[] }
  | { readonly id: number; readonly kind: 'finish'; readonly algorithm: string }
  | { readonly id: number; readonly kind: 'forget' };

/** A report of the thread: how many pieces of an order it has hashed, or the digest. */
export type HashReport =
  { readonly id: number; readonly count: number } | { readonly id: number; readonly digest: string };

/** One hash that is being taken. */
export interface ThreadHash {
  /** Hashes a piece, in its own memory if that is shared. Calls back when the thread no longer reads it; until then it must not be written to. */
  update(this: void, piece: Buffer, onHashed: () => void): void;
  /** Returns the digest of all pieces, in hexadecimal. Call it once, at the end. @throws Error if the worker died. */
  digest(this: void): Promise<string>;
  /** Ends a hash whose digest is not needed. No piece is called back for after it. */
  forget(this: void): void;
}

export interface HashThread {
  /** @param algorithm One that `createHash` knows. */
  start(algorithm: string): ThreadHash;
}

export interface HashThreadOptions {
  /** Called when a worker has died, after the hashes that it held have failed. */
  readonly onDeath: (fault: unknown) => void;
  /** Called when a worker dies although it was restarted 3 times within a minute: no further one is worth starting. */
  readonly onGivenUp: () => void;
  /** Milliseconds on a clock that never goes back. Defaults to the process's own. */
  readonly now?: () => number;
}

const maxRestarts = 3;
const restartWindowMs = 60_000;

/** Creates a thread that starts with its first hash. If its worker dies, the hashes that it held fail, and the next hash starts another. */
export function createHashThread({ onDeath, onGivenUp, now = () => performance.now() }: HashThreadOptions): HashThread {
  const hashes = new Map<number, PostedHash>();
  let worker: Worker | undefined;
  let lastId = 0;
  let deaths: number[] = [];
  const onWorkerDeath = (fault: unknown): void => {
    worker = undefined;
    const held = [...hashes.values()];
    hashes.clear();
    for (const hash of held) hash.fail(fault);
    onDeath(fault);
    deaths = [...deaths.filter((at) => now() - at < restartWindowMs), now()];
    if (deaths.length > maxRestarts) onGivenUp();
  };
  return {
    start(algorithm) {
      const id = (lastId += 1);
      worker ??= startWorker((report) => hashes.get(report.id)?.receive(report), onWorkerDeath);
      const hash = createPostedHash(worker, id, algorithm, () => void hashes.delete(id));
      hashes.set(id, hash);
      return hash;
    },
  };
}

interface PostedHash extends ThreadHash {
  receive(report: HashReport): void;
  /** Rejects the digest, and returns every piece: nothing reads them any longer. */
  fail(fault: unknown): void;
}

/** While the thread is busy, pieces wait until they are so many bytes together: to wake it costs as much as to hash some 50 KiB. */
const batchBytes = 768 * 1024;

function createPostedHash(worker: Worker, id: number, algorithm: string, onEnd: () => void): PostedHash {
  const { promise: digest, resolve, reject } = Promise.withResolvers<string>();
  // Its reader comes at the end of the content, and may never come.
  digest.catch(() => undefined);
  let hasFailed = false;
  const order = (message: HashOrder): void => worker.postMessage(message, []);
  /** Of the pieces that are not hashed yet, in their order. */
  const callbacks: (() => void)[] = [];
  let unposted: Uint8Array[] = [];
  let unpostedBytes = 0;
  const post = (): void => {
    if (unposted.length > 0) order({ id, kind: 'hash', algorithm, pieces: unposted });
    unposted = [];
    unpostedBytes = 0;
  };
  return {
    update(piece, onHashed) {
      if (hasFailed) return onHashed();
      const isIdle = callbacks.length === 0;
      callbacks.push(onHashed);
      unposted.push(sendable(piece));
      unpostedBytes += piece.length;
      if (isIdle || unpostedBytes >= batchBytes) post();
    },
    digest() {
      post();
      order({ id, kind: 'finish', algorithm });
      return digest;
    },
    forget() {
      onEnd();
      order({ id, kind: 'forget' });
    },
    receive(report) {
      if ('digest' in report) {
        onEnd();
        resolve(report.digest);
        return;
      }
      for (const callback of callbacks.splice(0, report.count)) callback();
      // The thread has nothing to do: what is here waits no longer for more.
      if (callbacks.length === unposted.length) post();
    },
    fail(fault) {
      hasFailed = true;
      unposted = [];
      reject(new Error('The thread that hashed the content died.', { cause: fault }));
      for (const callback of callbacks.splice(0)) callback();
    },
  };
}

/** Shared memory goes as it is. Of other memory the thread gets a copy, and of a view all that lies behind it: so a view of nothing else. */
function sendable(piece: Buffer): Uint8Array {
  return piece.buffer instanceof SharedArrayBuffer ? piece : new Uint8Array(piece);
}

function startWorker(onReport: (report: HashReport) => void, onDeath: (fault: unknown) => void): Worker {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const worker = new Worker(new URL(`./hash-worker.${extension}`, import.meta.url));
  let fault: unknown;
  worker.on('message', onReport);
  worker.on('error', (error) => (fault = error));
  // It comes after the error, if there is one.
  worker.on('exit', (code) => onDeath(fault ?? new Error(`The hashing worker exited with status ${code}.`)));
  worker.unref();
  return worker;
}
