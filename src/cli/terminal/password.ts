// Reads the password of a registry: never from the command line, which other users see in `ps` and shells keep in their history.

import type { Secret } from '../../core/shared/secret.ts';
import { usageError } from '../errors.ts';
import { askSecret, readSecretFromInput } from './prompt.ts';
import { isInteractive } from './terminal.ts';

export interface PasswordSource {
  /** REGWAY_REGISTRY_PASSWORD. */
  readonly fromEnvironment: Secret | undefined;
  readonly passwordStdin: boolean;
}

/** The ways to pass a password, as the end of a sentence. */
export const passwordWays =
  'set REGWAY_REGISTRY_PASSWORD, pipe it in with --password-stdin, or omit both on a terminal to be prompted';

/** Matches any spelling of a flag that carries a password: `-p`, `-pTEXT`, `--pass`, `--password=TEXT`, `--passwd`, `--registry-password`. */
const passwordFlag = /^(?:-p|--(?:[a-z]+-)*pass(?:w(?:or)?d)?(?:=|$))/i;

/** Rejects password flags. @throws CommandFailure if an argument is one; it does not repeat the argument. */
export function refusePasswordInArguments(args: readonly string[]): void {
  const end = args.indexOf('--');
  const flags = end < 0 ? args : args.slice(0, end);
  if (flags.some((argument) => passwordFlag.test(argument))) {
    throw usageError(
      `A password on the command line is visible to every user of this machine and stays in the shell history. Instead, ${passwordWays}.`,
    );
  }
}

/** Rejects a database address that contains a password, as user info or as a parameter. @throws CommandFailure, which does not repeat the address. */
export function refusePasswordInAddress(address: string): void {
  const url = URL.parse(address);
  // An address that no URL parser accepts, such as a list of hosts, may contain one too.
  const hasUserPassword = url === null ? /\/\/.*:.*@/s.test(address) : url.password !== '';
  if (hasUserPassword || /[?&]pass(?:word)?=/i.test(address)) {
    throw usageError(
      'A password in the address is visible to every user of this machine and stays in the shell history. Omit it and set PGPASSWORD.',
    );
  }
}

/** Returns the password of a new registry, from standard input, the environment, or a prompt. @throws CommandFailure if none is available. */
export async function requirePassword(source: PasswordSource, username: string): Promise<Secret> {
  const given = await givenPassword(source);
  if (given !== undefined) return given;
  if (!isInteractive()) throw usageError(`The password is missing. To pass it, ${passwordWays}.`);
  return askSecret(`Password of ${username}: `);
}

/** Returns the password of an update, or undefined to keep the stored one. */
export async function givenPassword({ passwordStdin, fromEnvironment }: PasswordSource): Promise<Secret | undefined> {
  return passwordStdin ? readSecretFromInput() : fromEnvironment;
}
