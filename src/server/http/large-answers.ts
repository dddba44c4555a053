// Sends large JSON answers in pieces, at the pace of their clients, and bounds what all of them hold: a client that does not read loses its answer first.
// Written by hand: a Writable has no bound that several share, and tells nobody how long it has been waiting.

import type { ServerResponse } from 'node:http';

/** An answer up to this size fits in the buffers of the system, or nearly; it is sent at once. */
export const maxSmallAnswerBytes = 64 * 1024;

/** Bytes of one piece. Its end shows that the client reads. */
const pieceBytes = 64 * 1024;

/** The bounds of all large answers together. */
export interface AnswerLimits {
  /** Bytes of answers that are not sent yet. An answer beyond that takes the place of the one whose client has read nothing for the longest time. */
  readonly maxUnsentBytes: number;
  /** Milliseconds after which a client that reads nothing is disconnected. */
  readonly idleTimeoutMs: number;
}

/** The largest answer that GraphQL allows has some 10 MiB: several of them, or hundreds of usual ones. */
const defaultLimits: AnswerLimits = { maxUnsentBytes: 48 * 1024 * 1024, idleTimeoutMs: 30_000 };

/** Answers on their way. */
export interface LargeAnswers {
  /** Sends the text as the body of a response whose head is written. */
  send(response: ServerResponse, text: string): void;
  /** Returns the bytes that are not sent yet. */
  unsentBytes(): number;
  /** Returns how many answers were cut off so far because others needed their place. */
  displaced(): number;
}

/** An answer on its way. */
interface Answer {
  readonly response: ServerResponse;
  readonly body: Buffer;
  sentBytes: number;
}

/** Creates the bound. */
export function createLargeAnswers(limits: AnswerLimits = defaultLimits): LargeAnswers {
  /** The one whose client has read nothing for the longest time comes first. */
  const answers = new Set<Answer>();
  let unsentBytes = 0;
  let displaced = 0;
  const drop = (answer: Answer): void => {
    if (answers.delete(answer)) unsentBytes -= answer.body.length - answer.sentBytes;
  };
  const makeRoom = (): void => {
    for (const answer of answers) {
      if (unsentBytes <= limits.maxUnsentBytes || answers.size === 1) return;
      drop(answer);
      displaced += 1;
      answer.response.destroy();
    }
  };
  const sendNext = (answer: Answer): void => {
    const { response, body, sentBytes } = answer;
    if (sentBytes === body.length) {
      drop(answer);
      response.end();
      return;
    }
    const piece = body.subarray(sentBytes, sentBytes + pieceBytes);
    response.write(piece, (error) => {
      // Removed by the end of its connection.
      if (error instanceof Error || !answers.delete(answer)) return;
      unsentBytes -= piece.length;
      answer.sentBytes += piece.length;
      answers.add(answer);
      sendNext(answer);
    });
  };
  return {
    send(response, text) {
      // A client that has left emits no `close` any more, and nothing else would drop its answer.
      if (response.destroyed) return;
      const answer: Answer = { response, body: Buffer.from(text), sentBytes: 0 };
      answers.add(answer);
      unsentBytes += answer.body.length;
      response.once('close', () => drop(answer));
      response.setTimeout(limits.idleTimeoutMs, () => response.destroy());
      makeRoom();
      sendNext(answer);
    },
    unsentBytes: () => unsentBytes,
    displaced: () => displaced,
  };
}

/** The answers of this process. */
export const largeAnswers = createLargeAnswers();
