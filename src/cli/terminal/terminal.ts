// What is written where: results to standard output, progress and questions to standard error, colours on a terminal alone.

import { once } from 'node:events';
import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** A terminal narrower than this breaks any table, one of unknown width is a pipe or a file. */
const minWidth = 40;

/** Writes a result. Waits for a slow reader, so that a long list does not pile up in memory. */
export async function printResult(text: string): Promise<void> {
  if (!process.stdout.write(`${text}\n`)) await once(process.stdout, 'drain');
}

/** A result as JSON for scripts and people, without a line end. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, null, 2);
}

/** Writes progress or an error. */
export function printNote(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Columns of standard output; undefined when it is no terminal. */
export function resultWidth(): number | undefined {
  return process.stdout.isTTY ? Math.max(process.stdout.columns, minWidth) : undefined;
}

/** Whether a person is there to answer a question. */
export function isInteractive(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}

/** Colours a piece of a note. `styleText` leaves it plain off a terminal, with NO_COLOR and on TERM=dumb. */
export function colorNote(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stderr });
}

/** Colours a piece of a result, on the same terms. */
export function colorResult(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

/** Text of a server or a file made safe to show: no control or direction-changing character reaches the terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu, '\u{FFFD}');
}

/** Ends quietly when the reader of a pipe has gone, as `… | head` does. */
export function exitOnBrokenPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });
}
