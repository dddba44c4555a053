// Writes results to standard output and progress to standard error, with colors only on a terminal.

import { once } from 'node:events';
import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

/** Minimum columns; a narrower terminal breaks any table. */
const minWidth = 40;

/** Writes a result. Waits for a slow reader, so that a long list does not accumulate in memory. */
export async function printResult(text: string): Promise<void> {
  await write(`${text}\n`);
}

async function write(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain');
}

/** Writes one JSON object with one list, which arrives in pieces, as `jsonText` would write the whole. */
export interface JsonListPrinter {
  /** Waits for a slow reader. */
  print(items: readonly object[]): Promise<void>;
  /** Ends the object. Without it what was written is no valid JSON, as it must be when the rest could not be read. */
  end(): Promise<void>;
}

/** Creates the printer. Nothing is written before the first piece or the end. @param name of the list. */
export function jsonListPrinter(name: string): JsonListPrinter {
  let isEmpty = true;
  return {
    async print(items) {
      const pieces = items.map((item) => {
        const opening = isEmpty ? `{\n  ${JSON.stringify(name)}: [` : ',';
        isEmpty = false;
        return `${opening}\n    ${jsonText(item).replaceAll('\n', '\n    ')}`;
      });
      await write(pieces.join(''));
    },
    end: () => write(isEmpty ? `${jsonText({ [name]: [] })}\n` : '\n  ]\n}\n'),
  };
}

/** Formats a result as indented JSON, without a trailing newline. */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, null, 2);
}

/** Writes progress or an error to standard error. */
export function printNote(text: string): void {
  process.stderr.write(`${text}\n`);
}

/** Returns the columns of standard output, or undefined if it is not a terminal. */
export function resultWidth(): number | undefined {
  return process.stdout.isTTY ? Math.max(process.stdout.columns, minWidth) : undefined;
}

/** Whether a user can answer a prompt. */
export function isInteractive(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}

/** Colors a part of a note. `styleText` adds no color off a terminal, with NO_COLOR, or with TERM=dumb. */
export function colorNote(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stderr });
}

/** Colors a part of a result, under the same conditions. */
export function colorResult(style: Style, text: string): string {
  return styleText(style, text, { stream: process.stdout });
}

/** Replaces control and bidirectional characters in text of a server or file, so that none reaches the terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/gu, '\u{FFFD}');
}

/** Exits with status 0 when the reader of a pipe closes it, as `… | head` does. */
export function exitOnBrokenPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    process.exit(0);
  });
}
