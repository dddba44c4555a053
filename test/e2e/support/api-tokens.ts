// API tokens, made and revoked as an operator does it: with the command line, on the data directory of a running server.

import { runProgram } from './child-process.ts';
import type { Login } from './registries.ts';
import { executableArguments } from '../../support/built.ts';
import { serverEnvironment } from './server.ts';

export interface ApiTokenOptions {
  readonly role: 'ADMIN' | 'READ_WRITE' | 'READ_ONLY' | 'PULL';
  /** Defaults to `admin`. */
  readonly account?: string;
  /** Patterns that a PULL token is limited to. */
  readonly images?: readonly string[];
  /** Where the database and the keyring are, when they are not in the data directory. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Creates a token and returns its value. */
export async function createApiToken(
  dataDirectory: string,
  { role, account = 'admin', images = [], settings }: ApiTokenOptions,
): Promise<string> {
  const limits = images.flatMap((image) => ['--image', image]);
  return (
    await run({ dataDirectory, settings }, 'create', `--role=${role}`, `--account=${account}`, ...limits, '-o', 'id')
  ).trim();
}

/** Ends a token. @param settings as of its creation. */
export async function revokeApiToken(
  dataDirectory: string,
  token: string,
  settings?: ApiTokenOptions['settings'],
): Promise<void> {
  const place = { dataDirectory, settings };
  await run(place, 'revoke', await idOf(place, token));
}

interface Place {
  readonly dataDirectory: string;
  readonly settings: ApiTokenOptions['settings'];
}

/** As clients log in to Regway: the token is the password, the user name does not matter. */
export function loginWith(token: string): Login {
  return { username: 'puller', password: token };
}

/** The id is part of the text, and listed. */
async function idOf(place: Place, token: string): Promise<string> {
  const tokens = JSON.parse(await run(place, 'list', '-o', 'json')) as readonly { readonly id: string }[];
  const found = tokens.find(({ id }) => token.includes(id));
  if (found === undefined) {
    throw new Error('the token is not among those that are listed');
  }
  return found.id;
}

async function run({ dataDirectory, settings }: Place, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runProgram({
    command: process.execPath,
    args: executableArguments('token', ...args),
    env: serverEnvironment(dataDirectory, settings),
  });
  if (code !== 0) {
    throw new Error(`regway token ${args.join(' ')} ended with ${code}: ${stderr}`);
  }
  return stdout;
}
