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
}

/** The client disconnected before it received all of the content. */
export class ClientLeft extends Error {
  override readonly name = 'ClientLeft';
}

/** The upstream's response ended early. What arrived was sent, unless nothing did. */
export class ContentBrokenOff extends Error {
  override readonly name = 'ContentBrokenOff';
}

/** Maximum bytes in transit before the upstream is paused: two pieces or more, so that there is always one to send and one to hash. */
const maxTransitBytes = 2 * 1024 * 1024;

/** How the body of a response is sent. */
export interface BodyOptions {
  /** Writes the head of the response. Called once, before the first piece. */
  readonly writeHead: () => void;
  /** The verification of the content; undefined sends it unverified. */
  readonly check: DigestCheck | undefined;
}

/**
 * Sends the content as the body of a response. The last piece is sent only after all of the content is verified, so wrong content with a
 * Content-Length is always cut short. A failure closes the upstream, and the response too if its head was written or the content is wrong.
 * @throws DigestMismatch, ContentBrokenOff, ClientLeft, or the error of the response.
 */
export function streamBody(
  { stream, release }: Content,
  response: ServerResponse,
  { writeHead, check }: BodyOptions,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const transit = createTransit(stream, release);
  let lastPiece: Buffer | undefined;
  const fail = (error: Error): void => {
    reject(error);
    stream.destroy();
    if (response.headersSent || error instanceof DigestMismatch) response.destroy();
    check?.abandon();
  };
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
    transit.add(piece);
    // After an error the socket may still read the piece, so its memory is not reused.
    response.write(piece, (error) => {
      if (!(error instanceof Error)) transit.sent();
    });
  };
  stream.on('data', (piece: Buffer) => {
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
  const settle = () =>
    response.writableFinished
      ? resolve()
      : fail(new ClientLeft('The client disconnected before the end of the content.'));
  if (response.destroyed) settle();
  else response.once('close', settle);
  return promise;
}

/** The pieces in transit, from their arrival until each was both sent and verified. Both happen in the order of arrival. */
interface Transit {
  add(piece: Buffer): void;
  /** The next piece was sent. */
  readonly sent: () => void;
  /** The next piece was verified. */
  readonly checked: () => void;
}

/** Pauses the stream while too many bytes are in transit, and releases each piece that was both sent and verified. */
function createTransit(stream: Readable, release: Content['release']): Transit {
  const pieces: Buffer[] = [];
  let bytes = 0;
  let sentCount = 0;
  let checkedCount = 0;
  const releaseFirst = (): void => {
    if (sentCount === 0 || checkedCount === 0) return;
    const piece = pieces.shift();
    if (piece === undefined) return;
    sentCount -= 1;
    checkedCount -= 1;
    bytes -= piece.length;
    release(piece);
    if (bytes < maxTransitBytes) stream.resume();
  };
  return {
    add(piece) {
      pieces.push(piece);
      bytes += piece.length;
      if (bytes >= maxTransitBytes) stream.pause();
    },
    sent() {
      sentCount += 1;
      releaseFirst();
    },
    checked() {
      checkedCount += 1;
      releaseFirst();
    },
  };
}
