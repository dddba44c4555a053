// Prompts on the terminal (a secret without echo, a confirmation), and secrets from standard input.

import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { Writable } from 'node:stream';
import { Secret } from '../../core/shared/secret.ts';
import { CommandFailure, exitCodes, usageError } from '../errors.ts';

/** Discards what readline would echo. */
const nowhere = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() });

/** Prompts for a secret without echo. @throws CommandFailure if nothing is typed, or on Ctrl-C (exit status 130). */
export async function askSecret(question: string): Promise<Secret> {
  const answer = await readLine(question, nowhere()).finally(() => process.stderr.write('\n'));
  return secretOf(answer);
}

/** Prompts for a confirmation. Returns true only for y or yes. */
export async function confirm(question: string): Promise<boolean> {
  return /^y(es)?$/i.test((await readLine(`${question} [y/N] `, process.stderr)).trim());
}

/** Reads a secret from standard input, without one trailing newline. */
export async function readSecretFromInput(): Promise<Secret> {
  return secretOf((await text(process.stdin)).replace(/\r?\n$/, ''));
}

function secretOf(value: string): Secret {
  if (value === '') throw usageError('The value is empty, so nothing was sent.');
  return new Secret(value);
}

function readLine(question: string, output: NodeJS.WritableStream): Promise<string> {
  // Turns off the echo of the terminal before the prompt, so that early typing is not shown either.
  const lines = createInterface({ input: process.stdin, output, terminal: true, historySize: 0 });
  process.stderr.write(question);
  return new Promise<string>((resolve, reject) => {
    lines.once('line', resolve);
    // Ctrl-C, Ctrl-D, and a closed terminal; no effect after a line.
    lines.once('SIGINT', () => lines.close());
    lines.once('close', () => reject(new CommandFailure(exitCodes.canceled, 'Canceled.')));
  }).finally(() => lines.close());
}
