// Streams content from the upstream to the client at the client's pace. Written by hand, because `stream.pipeline` costs a third more per piece
// and cannot return the memory of a piece.

import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import { type DigestCheck, DigestMismatch } from './digest.ts';

/** Content that arrives from the upstream. */
export interface Content {
  readonly stream: Readable;
  /** Releases the memory of a piece for reuse. Call it with the piece as it arrived, once no one reads it. */
  readonly release: (piece: Buffer) => void;
  /**
   * Lets the upstream's connection be asked for while others wait for one.
   * @param idleMs Returns the milliseconds since the client last took a piece.
   */
  readonly onYield: (idleMs: () => number, giveUp: () => void) => void;
}

/** The client disconnected before it received all of the content. */
export class ClientLeft extends Error {
  override readonly name = 'ClientLeft';
}

/** The client takes nothing, so its connection is closed: for too long, or while others wait for the upstream's connection. */
export class ClientStalled extends Error {
  override readonly name = 'ClientStalled';
}

/** The upstream's response ended early. What arrived was sent, unless nothing did. */
export class ContentBrokenOff extends Error {
  override readonly name = 'ContentBrokenOff';
}

/** Maximum bytes in transit before the upstream is paused: two pieces or more, so that there is always one to send and one to hash. */
const maxTransitBytes = 2 * 1024 * 1024;

/** The same for pieces outside of the memory that all pulls share in a budget: with one more piece, and what waits below, at most 96 KiB for each pull. */
const maxOwnTransitBytes = 32 * 1024;

/** In milliseconds. A client that accepts no data for this long is disconnected, so that its upstream connection is free for others. */
const clientIdleTimeoutMs = 90_000;

/** Counts the bytes of content that are in transit in the process. */
export interface ByteMeter {
  bytes: number;
}

/** How the body of a response is sent. */
export interface BodyOptions {
  /** Writes the head of the response. Called once, before the first piece. */
  readonly writeHead: () => void;
  /** The verification of the content; undefined sends it unverified. */
  readonly check: DigestCheck | undefined;
  readonly meter: ByteMeter;
}

/**
 * Sends the content as the body of a response. The last piece is sent only after all of the content is verified, so wrong content with a
 * Content-Length is always cut short. A failure closes the upstream, and the response too if its head was written or the content is wrong.
 * @throws DigestMismatch, ContentBrokenOff, ClientLeft, or the error of the response.
 */
export function streamBody(
  { stream, release, onYield }: Content,
  response: ServerResponse,
  { writeHead, check, meter }: BodyOptions,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const transit = createTransit(stream, release, meter);
  let lastPiece: Buffer | undefined;
  const fail = (error: Error): void => {
    reject(error);
    stream.destroy();
    if (response.headersSent || error instanceof DigestMismatch) response.destroy();
    check?.abandon();
  };
  const stall = (): void => fail(new ClientStalled('The client took no content for too long.'));
  const breakOff = (cause: Error): void => {
    const error = new ContentBrokenOff('The upstream registry ended its response early.', { cause });
    if (lastPiece === undefined) return fail(error);
    // A client continues with a Range after what it has.
    if (!response.headersSent) writeHead();
    response.write(lastPiece, () => fail(error));
    lastPiece = undefined;
  };
  const send = (piece: Buffer): void => {
    if (!response.headersSent) writeHead();
    // After an error the socket may still read the piece, so its memory is not reused.
    response.write(piece, (error) => {
      if (!(error instanceof Error)) transit.sent();
    });
  };
  onYield(transit.idleMs, stall);
  response.setTimeout(clientIdleTimeoutMs, stall);
  stream.on('data', (piece: Buffer) => {
    transit.add(piece);
    if (check === undefined) transit.checked();
    else check.update(piece, transit.checked);
    if (lastPiece !== undefined) send(lastPiece);
    lastPiece = piece;
  });
  const finish = async (): Promise<void> => {
    await check?.finish();
    if (lastPiece !== undefined) send(lastPiece);
    else if (!response.headersSent) writeHead();
    response.end();
  };
  stream.once('end', () => void finish().catch(fail));
  stream.on('error', breakOff);
  response.on('error', fail);
  const settle = (): void => {
    if (response.writableFinished) resolve();
    else fail(new ClientLeft('The client disconnected before the end of the content.'));
    transit.drop();
  };
  if (response.destroyed) settle();
  else response.once('close', settle);
  // It broke off while its pull waited, and emits nothing any more.
  if (stream.destroyed) breakOff(stream.errored ?? new Error('The upstream closed the connection.'));
  return promise;
}

/** The pieces in transit, from their arrival until each was both sent and verified. Both happen in the order of arrival. */
interface Transit {
  add(piece: Buffer): void;
  /** The next piece was sent. */
  readonly sent: () => void;
  /** The next piece was verified. */
  readonly checked: () => void;
  /** Returns the milliseconds since a piece was sent, or since the start; 0 while no piece waits for the client. */
  readonly idleMs: () => number;
  /** Releases all pieces, once the client's connection is closed: then nothing is sent, and what is hashed does not matter. */
  drop(): void;
}

/** Pauses the stream while too many bytes are in transit, and releases each piece that was both sent and verified. */
function createTransit(stream: Readable, release: Content['release'], meter: ByteMeter): Transit {
  const pieces: Buffer[] = [];
  let bytes = 0;
  let ownBytes = 0;
  let sentCount = 0;
  let checkedCount = 0;
  let lastSentMs = performance.now();
  // The last piece that arrived is sent only when the next one has.
  const isFull = (): boolean => pieces.length > 1 && (bytes >= maxTransitBytes || ownBytes >= maxOwnTransitBytes);
  const releaseFirst = (): void => {
    if (sentCount === 0 || checkedCount === 0) return;
    const piece = pieces.shift();
    if (piece === undefined) return;
    sentCount -= 1;
    checkedCount -= 1;
    bytes -= piece.length;
    meter.bytes -= piece.length;
    if (!isShared(piece)) ownBytes -= piece.length;
    release(piece);
    if (!isFull()) stream.resume();
  };
  return {
    add(piece) {
      pieces.push(piece);
      bytes += piece.length;
      meter.bytes += piece.length;
      if (!isShared(piece)) ownBytes += piece.length;
      if (isFull()) stream.pause();
    },
    sent() {
      sentCount += 1;
      lastSentMs = performance.now();
      releaseFirst();
    },
    checked() {
      checkedCount += 1;
      releaseFirst();
    },
    idleMs: () => (pieces.length > sentCount + 1 ? performance.now() - lastSentMs : 0),
    drop() {
      meter.bytes -= bytes;
      bytes = 0;
      for (const piece of pieces.splice(0)) release(piece);
    },
  };
}

/** Memory of at most this size belongs to one pull: a piece of 16 KiB, with room to spare. */
const maxOwnMemoryBytes = 64 * 1024;

/** Whether a piece is in memory that all pulls share, whose budget pauses the upstream by itself. */
function isShared({ buffer }: Buffer): boolean {
  return buffer.byteLength > maxOwnMemoryBytes;
}
