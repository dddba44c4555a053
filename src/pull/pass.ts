// Passes content from the upstream to the client, at the client's pace. By hand: `stream.pipeline` costs a third more for each piece.

import type { ServerResponse } from 'node:http';
import type { Readable } from 'node:stream';
import type { DigestCheck } from './verify.ts';

/** The client left before it had everything. */
export class ClientLeft extends Error {
  override readonly name = 'ClientLeft';
}

/**
 * Sends the body as that of the response, whose head is written. The last piece leaves only when all of it has been checked: with a
 * Content-Length, wrong content always ends short. Whatever fails, both sides are closed then.
 * @throws DigestMismatch, ClientLeft, or the error of either side.
 */
export function passContent(body: Readable, response: ServerResponse, check: DigestCheck | undefined): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const write = createWriter(response);
  let held: Buffer | undefined;
  const fail = (error: Error): void => {
    reject(error);
    body.destroy();
    response.destroy();
  };
  body.on('data', (chunk: Buffer) => {
    check?.update(chunk);
    const ready = held;
    held = chunk;
    if (ready !== undefined && !write(ready)) body.pause();
  });
  body.once('end', () => {
    try {
      check?.finish();
      response.end(held);
    } catch (error) {
      fail(error as Error);
    }
  });
  body.on('error', fail);
  response.on('drain', () => body.resume());
  response.on('error', fail);
  const settle = () => (response.writableFinished ? resolve() : fail(new ClientLeft('The client left before the end.')));
  if (response.destroyed) settle();
  else response.once('close', settle);
  return promise;
}

/** Joins what arrives in one turn of the event loop, as the pieces that TLS cuts, into one write. False when the client is behind. */
function createWriter(response: ServerResponse): (chunk: Buffer) => boolean {
  let isJoining = false;
  const flush = (): void => {
    isJoining = false;
    response.uncork();
  };
  return (chunk) => {
    if (!isJoining) {
      isJoining = true;
      response.cork();
      setImmediate(flush);
    }
    return response.write(chunk);
  };
}
