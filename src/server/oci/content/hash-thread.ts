// Hashes large content on one worker thread that all pulls share, because the main thread is busy with streaming.

import { Worker } from 'node:worker_threads';
import { createRestartLimit } from '../../../core/shared/restarts.ts';
import type { Coding } from './decoded-hash.ts';

/** What is hashed. */
export interface HashKind {
  /** A name that `createHash` supports, such as `sha256`. */
  readonly algorithm: string;
  /** The coding that the content is labeled with; if its pieces do not have the expected digest, the digest is of what they decode to. */
  readonly coded?: { readonly coding: Coding; readonly expected: string } | undefined;
}

/** A message to the thread: pieces of content to hash in order, and at the end to finish or to discard the hash. */
export type HashOrder =
  | { readonly id: number; readonly kind: 'hash'; readonly hash: HashKind; readonly pieces: readonly Uint8Array[] }
  | { readonly id: number; readonly kind: 'finish'; readonly hash: HashKind }
  | { readonly id: number; readonly kind: 'forget' };

/** A message from the thread: how many pieces it has hashed, or the digest in hexadecimal. */
export type HashReport =
  { readonly id: number; readonly count: number } | { readonly id: number; readonly digest: string };

/** A hash in progress. */
export interface ThreadHash {
  /** Hashes a piece, without a copy if its memory is shared. Calls back when the thread no longer reads it; do not write to it before that. */
  update(this: void, piece: Buffer, onHashed: () => void): void;
  /** Returns the digest of all pieces, or of what they decode to, in hexadecimal. Call it once, at the end. @throws Error if the worker died. */
  digest(this: void): Promise<string>;
  /** Discards a hash whose digest is not needed. No callback runs after it. */
  forget(this: void): void;
}

/** The worker thread that hashes for all pulls. */
export interface HashThread {
  /** Starts a hash. */
  start(hash: HashKind): ThreadHash;
}

export interface HashThreadOptions {
  /** Called when a worker has died, after its unfinished hashes have failed. */
  readonly onDeath: (error: unknown) => void;
  /** Called when a worker dies after 3 restarts within a minute: another restart would not help. */
  readonly onGivenUp: () => void;
  /** Returns milliseconds of a monotonic clock. Defaults to `performance.now`. */
  readonly now?: () => number;
  /** Milliseconds without a hash after which the worker ends. Defaults to 10 seconds. */
  readonly idleMs?: number;
}

/** Longer than the pause between the layers of an image. The memory of decodings is only given back as a whole, when the worker ends. */
const defaultIdleMs = 10_000;

/**
 * Creates the thread. Its worker starts with the first hash, and ends after a while without any. If it dies, its unfinished hashes fail. The next
 * hash starts another worker.
 */
export function createHashThread({
  onDeath,
  onGivenUp,
  now = () => performance.now(),
  idleMs = defaultIdleMs,
}: HashThreadOptions): HashThread {
  const hashes = new Map<number, PostedHash>();
  let worker: Worker | undefined;
  let idleTimer: NodeJS.Timeout | undefined;
  const endWorker = (): void => {
    // This exit is no death.
    worker?.removeAllListeners('exit');
    void worker?.terminate();
    worker = undefined;
  };
  const forget = (id: number): void => {
    hashes.delete(id);
    clearTimeout(idleTimer);
    if (hashes.size === 0) idleTimer = setTimeout(endWorker, idleMs).unref();
  };
  let lastId = 0;
  const mayRestart = createRestartLimit(now);
  const onWorkerDeath = (error: unknown): void => {
    worker = undefined;
    const unfinished = [...hashes.values()];
    hashes.clear();
    for (const hash of unfinished) hash.fail(error);
    onDeath(error);
    if (!mayRestart()) onGivenUp();
  };
  return {
    start(kind) {
      clearTimeout(idleTimer);
      const id = (lastId += 1);
      worker ??= startWorker((report) => hashes.get(report.id)?.receive(report), onWorkerDeath);
      const hash = createPostedHash(worker, id, kind, () => forget(id));
      hashes.set(id, hash);
      return hash;
    },
  };
}

interface PostedHash extends ThreadHash {
  receive(report: HashReport): void;
  /** Rejects the digest and calls back for every piece, because no thread reads them now. */
  fail(error: unknown): void;
}

/** MiB of the old generation of the thread, which keeps no content in it. */
const maxHeapMiB = 64;
/**
 * MiB of the young generation: three halves of 1 MiB. V8 collects it when the decoded pieces that are garbage take 2 MiB; with the halves of the
 * main thread they would take 16 MiB or more, which the allocator keeps.
 */
const maxYoungMiB = 3;

/** Bytes of pieces that are sent together while the thread is busy: waking it costs as much as hashing about 50 KiB. */
const batchBytes = 768 * 1024;

function createPostedHash(worker: Worker, id: number, kind: HashKind, onEnd: () => void): PostedHash {
  const { promise: digest, resolve, reject } = Promise.withResolvers<string>();
  // The digest is awaited at the end of the content, or never.
  digest.catch(() => undefined);
  let hasFailed = false;
  const order = (message: HashOrder): void => worker.postMessage(message, []);
  /** The callbacks of the pieces that are not hashed yet, in order. */
  const callbacks: (() => void)[] = [];
  let unposted: Uint8Array[] = [];
  let unpostedBytes = 0;
  const post = (): void => {
    if (unposted.length > 0) order({ id, kind: 'hash', hash: kind, pieces: unposted });
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
      order({ id, kind: 'finish', hash: kind });
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
      // The thread is idle, so the unsent pieces need not wait for more.
      if (callbacks.length === unposted.length) post();
    },
    fail(error) {
      hasFailed = true;
      unposted = [];
      reject(new Error('The thread that hashed the content died.', { cause: error }));
      for (const callback of callbacks.splice(0)) callback();
    },
  };
}

/** Returns a piece of shared memory as it is, and a copy of any other: a view would be cloned with the whole buffer behind it. */
function sendable(piece: Buffer): Uint8Array {
  return piece.buffer instanceof SharedArrayBuffer ? piece : new Uint8Array(piece);
}

function startWorker(onReport: (report: HashReport) => void, onDeath: (error: unknown) => void): Worker {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const worker = new Worker(new URL(`./hash-worker.${extension}`, import.meta.url), {
    resourceLimits: { maxOldGenerationSizeMb: maxHeapMiB, maxYoungGenerationSizeMb: maxYoungMiB },
  });
  let failure: unknown;
  worker.on('message', onReport);
  worker.on('error', (error) => (failure = error));
  // `exit` follows `error`, if there is one.
  worker.on('exit', (code) => onDeath(failure ?? new Error(`The hashing worker exited with status ${code}.`)));
  worker.unref();
  return worker;
}
