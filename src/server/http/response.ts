// Sends JSON responses, and reports a client that disconnects.

import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { jsonPieces } from './json-pieces.ts';
import { largeAnswers, maxSmallAnswerBytes } from './large-answers.ts';
import type { Turns } from './turns.ts';

/** Headers for JSON that no cache stores. */
export const noStore: OutgoingHttpHeaders = {
  'Content-Type': 'application/json; charset=utf-8',
  'Cache-Control': 'no-store',
};

/**
 * Sends a value as JSON with its Content-Length.
 * @param headers Further headers. They can replace the media type, which defaults to `application/json` (RFC 8259 §11 defines no charset).
 */
export function sendJson(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: OutgoingHttpHeaders = {},
): void {
  const text = JSON.stringify(value);
  const length = Buffer.byteLength(text);
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': length, ...headers });
  if (length > maxSmallAnswerBytes) return largeAnswers.send(response, [Buffer.from(text)]);
  // ASCII has the same bytes in both encodings; latin1 is copied instead of encoded.
  response.end(text, length === text.length ? 'latin1' : 'utf8');
}

/** Length of the text that is encoded at once, in UTF-16 code units: serializing it takes less than a millisecond. */
const partLength = 32 * 1024;

/** Sends a value that may be large as `sendJson` does, but serializes it in several turns of the event loop. */
export async function sendJsonInTurns(
  response: ServerResponse,
  status: number,
  value: unknown,
  { headers = {}, turns }: { readonly headers?: OutgoingHttpHeaders; readonly turns: Turns },
): Promise<void> {
  const parts: Buffer[] = [];
  let text = '';
  for (const piece of jsonPieces(value)) {
    text += piece;
    if (text.length < partLength) continue;
    parts.push(Buffer.from(text));
    text = '';
    if (turns.isOver()) await turns.later(undefined);
    if (response.destroyed) return;
  }
  parts.push(Buffer.from(text));
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': length, ...headers });
  largeAnswers.send(response, parts);
}

/** Returns a signal that aborts if the client disconnects before it has the whole response. */
export function disconnected(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  const abort = () => response.writableFinished || controller.abort();
  if (response.closed) abort();
  else response.once('close', abort);
  return controller.signal;
}
