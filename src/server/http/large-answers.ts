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
  /** Sends the parts, one after the other, as the body of a response whose head is written. */
  send(response: ServerResponse, parts: readonly Buffer[]): void;
  /** Returns the bytes that are not sent yet. */
  unsentBytes(): number;
  /** Returns how many answers were cut off so far because others needed their place. */
  displaced(): number;
}

/** An answer on its way. */
interface Answer {
  readonly response: ServerResponse;
  /** What is not sent yet, each at most a piece, in reverse order. */
  readonly pieces: Buffer[];
  unsentBytes: number;
}

/** Creates the bound. */
export function createLargeAnswers(limits: AnswerLimits = defaultLimits): LargeAnswers {
  /** The one whose client has read nothing for the longest time comes first. */
  const answers = new Set<Answer>();
  let unsentBytes = 0;
  let displaced = 0;
  const drop = (answer: Answer): void => {
    if (answers.delete(answer)) unsentBytes -= answer.unsentBytes;
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
    const { response, pieces } = answer;
    const piece = pieces.pop();
    if (piece === undefined) {
      drop(answer);
      response.end();
      return;
    }
    response.write(piece, (error) => {
      // Removed by the end of its connection.
      if (error instanceof Error || !answers.delete(answer)) return;
      unsentBytes -= piece.length;
      answer.unsentBytes -= piece.length;
      answers.add(answer);
      sendNext(answer);
    });
  };
  return {
    send(response, parts) {
      // The response of a client that has left emits no further `close`, and nothing else would drop its answer.
      if (response.destroyed) return;
      const bytes = parts.reduce((sum, { length }) => sum + length, 0);
      const answer: Answer = { response, pieces: parts.flatMap(piecesOf).toReversed(), unsentBytes: bytes };
      answers.add(answer);
      unsentBytes += bytes;
      response.once('close', () => drop(answer));
      response.setTimeout(limits.idleTimeoutMs, () => response.destroy());
      makeRoom();
      sendNext(answer);
    },
    unsentBytes: () => unsentBytes,
    displaced: () => displaced,
  };
}

function piecesOf(part: Buffer): Buffer[] {
  const count = Math.ceil(part.length / pieceBytes);
  return Array.from({ length: count }, (_, index) => part.subarray(index * pieceBytes, (index + 1) * pieceBytes));
}

/** The answers of this process. */
export const largeAnswers = createLargeAnswers();
