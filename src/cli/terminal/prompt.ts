// Questions to the person at the terminal: a secret that is not shown, a yes or no; and a secret from standard input.

import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { Writable } from 'node:stream';
import { Secret } from '../../core/shared/secret.ts';
import { CommandFailure, exitCodes, usageError } from '../errors.ts';

/** Takes what readline would echo. */
const nowhere = (): Writable => new Writable({ write: (_chunk, _encoding, done) => done() });

/** Asks without echo. @throws CommandFailure when nothing is typed, or on Ctrl-C. */
export async function askSecret(question: string): Promise<Secret> {
  const answer = await readLine(question, nowhere()).finally(() => process.stderr.write('\n'));
  return secretOf(answer);
}

/** Asks for a yes; everything else is a no. */
export async function confirm(question: string): Promise<boolean> {
  return /^y(es)?$/i.test((await readLine(`${question} [y/N] `, process.stderr)).trim());
}

/** Reads standard input to its end. One line end after the secret is not part of it. */
export async function readSecretFromInput(): Promise<Secret> {
  return secretOf((await text(process.stdin)).replace(/\r?\n$/, ''));
}

function secretOf(value: string): Secret {
  if (value === '') throw usageError('Nothing was given, so nothing was sent.');
  return new Secret(value);
}

function readLine(question: string, output: NodeJS.WritableStream): Promise<string> {
  // This ends the echo of the terminal, so it comes before the question: whoever types at once is not shown either.
  const lines = createInterface({ input: process.stdin, output, terminal: true, historySize: 0 });
  process.stderr.write(question);
  return new Promise<string>((resolve, reject) => {
    lines.once('line', resolve);
    // Ctrl-C, Ctrl-D and a terminal that goes away; after a line this changes nothing.
    lines.once('SIGINT', () => lines.close());
    lines.once('close', () => reject(new CommandFailure(exitCodes.canceled, 'Cancelled.')));
  }).finally(() => lines.close());
}
