// Where the password of a registry comes from: never the command line, which other users see in `ps` and shells keep in a file.

import type { Secret } from '../../core/shared/secret.ts';
import { usageError } from '../errors.ts';
import { askSecret, readSecretFromInput } from './prompt.ts';
import { isInteractive } from './terminal.ts';

export interface PasswordSource {
  /** REGWAY_REGISTRY_PASSWORD. */
  readonly fromEnvironment: Secret | undefined;
  readonly passwordStdin: boolean;
}

/** How a password can be given, as the end of a sentence. */
export const passwordWays =
  'set REGWAY_REGISTRY_PASSWORD, pipe it in with --password-stdin, or leave both out on a terminal and you are asked';

/** Any spelling of a flag that carries a password: `-p`, `-pTEXT`, `--pass`, `--password=TEXT`, `--passwd`, `--registry-password`. */
const passwordFlag = /^(?:-p|--(?:[a-z]+-)*pass(?:w(?:or)?d)?(?:=|$))/i;

/** @throws CommandFailure when an argument is a password flag. The argument is not repeated. */
export function refusePasswordInArguments(args: readonly string[]): void {
  const end = args.indexOf('--');
  const flags = end < 0 ? args : args.slice(0, end);
  if (flags.some((argument) => passwordFlag.test(argument))) {
    throw usageError(
      `A password on the command line can be read by every user of this machine, and stays in the history of the shell: ${passwordWays}.`,
    );
  }
}

/** @throws CommandFailure when the address of a database holds a password, in either place that one can stand. The address is not repeated. */
export function refusePasswordInAddress(address: string): void {
  const url = URL.parse(address);
  // What no URL parser reads, such as a list of hosts, may hold one all the same.
  const hasUserPassword = url === null ? /\/\/.*:.*@/s.test(address) : url.password !== '';
  if (hasUserPassword || /[?&]pass(?:word)?=/i.test(address)) {
    throw usageError(
      'A password in the address can be read by every user of this machine, and stays in the history of the shell: leave it out and set PGPASSWORD.',
    );
  }
}

/** The password of a new registry. @throws CommandFailure when there is none to be had. */
export async function requirePassword(source: PasswordSource, username: string): Promise<Secret> {
  const given = await givenPassword(source);
  if (given !== undefined) return given;
  if (!isInteractive()) throw usageError(`The password is missing: ${passwordWays}.`);
  return askSecret(`Password of ${username}: `);
}

/** The password that an update may bring along; undefined leaves the stored one. */
export async function givenPassword({ passwordStdin, fromEnvironment }: PasswordSource): Promise<Secret | undefined> {
  return passwordStdin ? readSecretFromInput() : fromEnvironment;
}
