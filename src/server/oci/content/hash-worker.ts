// Runs on the worker thread of hash-thread.ts: hashes the pieces it receives, as they are and decoded, and reports how many, or the digest.

import { createHash, type Hash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import { createDecodedHash, type DecodedHash } from './decoded-hash.ts';
import type { HashKind, HashOrder, HashReport } from './hash-thread.ts';

interface Hashing {
  /** Of the pieces as they are. */
  readonly sent: Hash;
  readonly decoded: DecodedHash | undefined;
  /** Resolves when every piece so far is decoded. */
  work: Promise<void>;
}

const hashings = new Map<number, Hashing>();

parentPort?.on('message', (order: HashOrder) => {
  const { id } = order;
  if (order.kind === 'forget') {
    hashings.get(id)?.decoded?.abandon();
    hashings.delete(id);
    return;
  }
  const hashing = hashingFor(id, order.hash);
  if (order.kind === 'hash') hashPieces(id, hashing, order.pieces);
  else finish(id, hashing, order.hash);
});

function hashingFor(id: number, { algorithm, coded }: HashKind): Hashing {
  const known = hashings.get(id);
  if (known !== undefined) return known;
  const decoded = coded && createDecodedHash(algorithm, coded.coding);
  const hashing = { sent: createHash(algorithm), decoded, work: Promise.resolve() };
  hashings.set(id, hashing);
  return hashing;
}

function hashPieces(id: number, hashing: Hashing, pieces: readonly Uint8Array[]): void {
  const { sent, decoded } = hashing;
  for (const piece of pieces) {
    sent.update(piece);
    if (decoded === undefined) continue;
    hashing.work = decodeAfter(hashing.work, decoded, piece, id);
  }
  if (decoded === undefined) report({ id, count: pieces.length });
}

async function decodeAfter(work: Promise<void>, decoded: DecodedHash, piece: Uint8Array, id: number): Promise<void> {
  await work;
  await decoded.update(piece);
  report({ id, count: 1 });
}

/** Reports the digest of the pieces as they are, or, if it is not the expected one, of what they decode to. */
function finish(id: number, { sent, decoded, work }: Hashing, { coded }: HashKind): void {
  hashings.delete(id);
  const digest = sent.digest('hex');
  if (decoded === undefined || digest === coded?.expected) {
    decoded?.abandon();
    return report({ id, digest });
  }
  void work.then(async () => report({ id, digest: (await decoded.digest()) ?? digest }));
}

function report(message: HashReport): void {
  parentPort?.postMessage(message, []);
}
