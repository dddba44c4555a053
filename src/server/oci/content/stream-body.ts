// Streams content from the upstream to the client at the client's pace. By hand: `stream.pipeline` costs a third more for each piece.

import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { DigestCheck } from './digest.ts';

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

/** What may be on its way before the upstream has to wait: two pieces or more, so that there is always one to send and one to hash. */
const maxPassingBytes = 2 * 1024 * 1024;

/**
 * Sends the content as the body of the response, whose head is written. The last piece leaves only when all of it has been checked: with a
 * Content-Length, wrong content always ends short. Whatever fails, both sides are closed then.
 * @throws DigestMismatch, ClientLeft, or the error of either side.
 */
export function streamBody(
  { stream, giveBack }: Content,
  response: ServerResponse,
  check: DigestCheck | undefined,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const passing = createPassing(stream, giveBack);
  let held: Buffer | undefined;
  const fail = (error: Error): void => {
    reject(error);
    stream.destroy();
    response.destroy();
    check?.abandon();
  };
  const send = (piece: Buffer): void => {
    passing.add(piece);
    // After an error nobody knows who still reads it.
    response.write(piece, (error) => {
      if (!(error instanceof Error)) passing.sent();
    });
  };
  stream.on('data', (piece: Buffer) => {
    if (check === undefined) passing.checked();
    else check.update(piece, passing.checked);
    if (held !== undefined) send(held);
    held = piece;
  });
  const finish = async (): Promise<void> => {
    await check?.finish();
    if (held !== undefined) send(held);
    response.end();
  };
  stream.once('end', () => void finish().catch(fail));
  stream.on('error', fail);
  response.on('error', fail);
  const settle = () =>
    response.writableFinished ? resolve() : fail(new ClientLeft('The client left before the end.'));
  if (response.destroyed) settle();
  else response.once('close', settle);
  return promise;
}

/** Pieces between the upstream and the end of their use, which comes in their order. */
interface Passing {
  add(piece: Buffer): void;
  /** The next one was sent. */
  readonly sent: () => void;
  /** The next one was checked. */
  readonly checked: () => void;
}

/** Lets the stream wait while too much is on its way, and gives back what was both sent and checked. */
function createPassing(stream: Readable, giveBack: Content['giveBack']): Passing {
  const pieces: Buffer[] = [];
  let bytes = 0;
  let sentCount = 0;
  let checkedCount = 0;
  const release = (): void => {
    if (sentCount === 0 || checkedCount === 0) return;
    const piece = pieces.shift();
    if (piece === undefined) return;
    sentCount -= 1;
    checkedCount -= 1;
    bytes -= piece.length;
    giveBack(piece);
    if (bytes < maxPassingBytes) stream.resume();
  };
  return {
    add(piece) {
      pieces.push(piece);
      bytes += piece.length;
      if (bytes >= maxPassingBytes) stream.pause();
    },
    sent() {
      sentCount += 1;
      release();
    },
    checked() {
      checkedCount += 1;
      release();
    },
  };
}
