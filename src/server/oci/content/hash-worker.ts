// Runs on the worker thread of hash-thread.ts: hashes the pieces it receives, and reports how many, or the digest.

import { createHash, type Hash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import type { HashOrder, HashReport } from './hash-thread.ts';

const hashes = new Map<number, Hash>();

parentPort?.on('message', (order: HashOrder) => {
  const { id } = order;
  if (order.kind === 'forget') hashes.delete(id);
  else if (order.kind === 'hash') {
    const hash = hashFor(id, order.algorithm);
    for (const piece of order.pieces) hash.update(piece);
    report({ id, count: order.pieces.length });
  } else {
    report({ id, digest: hashFor(id, order.algorithm).digest('hex') });
    hashes.delete(id);
  }
});

function hashFor(id: number, algorithm: string): Hash {
  const hash = hashes.get(id) ?? createHash(algorithm);
  hashes.set(id, hash);
  return hash;
}

function report(message: HashReport): void {
  parentPort?.postMessage(message, []);
}
