// Passes content from the upstream to the client, at the client's pace. By hand: `stream.pipeline` costs a third more for each piece.

import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { DigestCheck } from './verify.ts';

/** Content as it comes from the upstream. */
export interface Content {
  readonly stream: Readable;
  /** For a piece of the stream that nobody reads any more, whole as it came: its memory is used again. */
  readonly giveBack: (piece: Buffer) => void;
}

/** The client left before it had everything. */
export class ClientLeft extends Error {
  override readonly name = 'ClientLeft';
}

/** What waits for the client at most before the upstream has to wait: two pieces or more, so that there is always one to send. */
const maxUnsentBytes = 512 * 1024;

/**
 * Sends the content as the body of the response, whose head is written. The last piece leaves only when all of it has been checked: with a
 * Content-Length, wrong content always ends short. Whatever fails, both sides are closed then.
 * @throws DigestMismatch, ClientLeft, or the error of either side.
 */
export function passContent({ stream, giveBack }: Content, response: ServerResponse, check: DigestCheck | undefined): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let held: Buffer | undefined;
  let unsentBytes = 0;
  const fail = (error: Error): void => {
    reject(error);
    stream.destroy();
    response.destroy();
  };
  const send = (piece: Buffer): void => {
    unsentBytes += piece.length;
    if (unsentBytes >= maxUnsentBytes) stream.pause();
    response.write(piece, (error) => {
      unsentBytes -= piece.length;
      // After an error nobody knows who still reads it.
      if (error instanceof Error) return;
      giveBack(piece);
      if (unsentBytes < maxUnsentBytes) stream.resume();
    });
  };
  stream.on('data', (piece: Buffer) => {
    check?.update(piece);
    if (held !== undefined) send(held);
    held = piece;
  });
  stream.once('end', () => {
    try {
      check?.finish();
      if (held !== undefined) send(held);
      response.end();
    } catch (error) {
      fail(error as Error);
    }
  });
  stream.on('error', fail);
  response.on('error', fail);
  const settle = () => (response.writableFinished ? resolve() : fail(new ClientLeft('The client left before the end.')));
  if (response.destroyed) settle();
  else response.once('close', settle);
  return promise;
}
