// Words advice in the terms of the command line, and names the flag or the command that follows it.

import { type Advice, type AdviceKind, adviceFromFields, type AdviceOf } from '../../core/registry/advice.ts';
import { type AdviceWords, wordSentAdvice } from '../../core/registry/advice-words.ts';
import type { ValidationOutcome } from '../../core/registry/report.ts';
import { shellWord } from '../../core/shared/shell.ts';
import type { Report } from '../api/operations.ts';
import { printable } from '../terminal/terminal.ts';

/** The part of a check request that decides which flags can still help. */
export interface CheckRequest {
  /** Whether the command stores the credential, so that storing it without validation is an option. */
  readonly stores: boolean;
  /** The command that accepts the flags which this one does not, complete and quoted. Absent if this one accepts all of them. */
  readonly elsewhere?: { readonly command: string; readonly except: readonly string[] };
}

const offFlag = '--secure-connection=false';
const uncheckedFlag = '--validate=false';

const cliWords: AdviceWords = {
  CHECK_CREDENTIAL: () => 'Check the username and password, and whether the token has expired or was revoked.',
  REMOVE_USERNAME_SPACE: () =>
    'The username begins or ends with white space. Pass --username without the space if it is not part of the username, and pass the password.',
  REMOVE_PASSWORD_SPACE: () =>
    'The password begins or ends with white space, such as the line end of a file. Pass it without the space if it is not part of the password.',
  GRANT_PULL: ({ repository }) =>
    `Grant the user or token pull access${repository === null ? '' : ` to ${repository}`}, or pass another --username and password.`,
  PROBE_PRIVATE_REPOSITORY: ({ repository }) =>
    `To verify the password, add --probe-repository with a private repository${repository === null ? '' : ` that ${repository} covers`}.`,
  TRUST_REALM: ({ host }) =>
    `If ${host} is the token server of this registry, add ${trustFlag(host)}, and pass the password.`,
  ALLOW_UNVERIFIED_TLS: () => `To accept any certificate of this registry, add ${offFlag}, and pass the password.`,
  KEEP_UNVERIFIED_TLS: () =>
    `This registry was stored without TLS verification, and an update turns it on: add ${offFlag} to keep it off.`,
  ALLOW_PLAIN_HTTP: () => `To use plain HTTP for this host, add ${offFlag}, and pass the password.`,
  PERMIT_AND_ALLOW_PLAIN_HTTP: ({ host }) =>
    `To use plain HTTP, add ${host} to REGWAY_PLAIN_HTTP_HOSTS of the server and restart it, then add ${offFlag}.`,
  USE_TYPE: ({ type }) =>
    `For other registries and static logins, add --type=${type.toLowerCase()}, and pass the password.`,
  VALIDATE: () => 'Run "regway registry validate" with this registry to check the credential.',
};

function trustFlag(host: string): string {
  return `--trusted-realm=${shellWord(printable(host))}`;
}

const off = (): string => offFlag;

/** The flags that follow advice exactly. Advice without one needs a person, or more than this command. */
const flags: { readonly [Kind in AdviceKind]?: (advice: AdviceOf<Kind>) => string } = {
  TRUST_REALM: ({ host }) => trustFlag(host),
  ALLOW_UNVERIFIED_TLS: off,
  KEEP_UNVERIFIED_TLS: off,
  ALLOW_PLAIN_HTTP: off,
  PROBE_PRIVATE_REPOSITORY: () => '--probe-repository=<a private repository>',
  USE_TYPE: ({ type }) => `--type=${type.toLowerCase()}`,
};

/** The outcomes that say nothing about the credential, or that a later validation can change. */
const storable: ReadonlySet<ValidationOutcome> = new Set([
  'UPSTREAM_FORBIDDEN',
  'RATE_LIMITED',
  'DNS_FAILURE',
  'UNREACHABLE',
  'TIMEOUT',
  'CONNECTION_CLOSED',
  'UNSUPPORTED_CHALLENGE',
  'TOKEN_ENDPOINT_ERROR',
  'UPSTREAM_ERROR',
  'NATIVE_CREDENTIAL_ERROR',
]);

/** Returns the hint of a report in the terms of the command line; null if there is nothing to do. */
export function hintOf(report: Pick<Report, 'advice' | 'hint'>): string | null {
  return wordSentAdvice(cliWords, report);
}

/** Returns the exact flag to add, or null if no flag helps. */
export function flagThatHelps(
  { advice, outcome }: Pick<Report, 'advice' | 'outcome'>,
  asked: CheckRequest,
): string | null {
  const named = advice.map(adviceFromFields).flatMap((known) => (known === undefined ? [] : (flagOf(known) ?? [])));
  return named[0] ?? (asked.stores && storable.has(outcome) ? uncheckedFlag : null);
}

function flagOf(advice: Advice): string | undefined {
  const flag = flags[advice.kind] as ((advice: Advice) => string) | undefined;
  return flag?.(advice);
}

/** Returns the line that says what to add to this command, or which other command to run; null if neither helps. */
export function fixLine(report: Pick<Report, 'advice' | 'outcome'>, asked: CheckRequest): string | null {
  const flag = flagThatHelps(report, asked);
  const { elsewhere } = asked;
  if (flag === null) return null;
  // Unlike the other flags, it does not follow the hint.
  if (flag === uncheckedFlag) return `Flag: ${flag} (stores the credential without validation)`;
  return elsewhere === undefined || elsewhere.except.includes(flag)
    ? `Flag: ${flag}`
    : `Command: ${elsewhere.command} ${flag}`;
}

/**
 * Returns the start of a command about a registry, complete and quoted.
 * @param options flags and their values; those without a value are left out.
 */
export function commandFor(
  command: 'add' | 'update',
  registry: string,
  options: Readonly<Record<`--${string}`, string | undefined>> = {},
): string {
  const words = Object.entries(options).flatMap(([flag, value]) =>
    value === undefined ? [] : `${flag}=${shellWord(printable(value))}`,
  );
  return ['regway registry', command, shellWord(printable(registry)), ...words].join(' ');
}

/** The flags without which a command would act in another account, or an update would turn TLS verification on. */
export function keepingFlags(
  account: string | undefined,
  secureConnection: boolean,
): Readonly<Record<`--${string}`, string | undefined>> {
  return { '--account': account, '--secure-connection': secureConnection ? undefined : 'false' };
}
