// Options that several commands share, with the parsers of their values.

import { Command, InvalidArgumentError, Option } from 'commander';
import { type RegistryType, registryTypes } from '../core/registry/registry.ts';
import { parseDurationMs } from '../core/shared/time.ts';
import type { Rotation } from './api/operations.ts';

const outputs = ['table', 'json', 'id'] as const;
export type Output = (typeof outputs)[number];

export interface OutputOption {
  readonly output: Output;
}

export interface AccountOption {
  readonly account?: string;
}

/** A registry and its credential, as typed. */
export interface RegistryOptions extends OutputOption {
  readonly username?: string;
  readonly type?: RegistryType;
  readonly name?: string;
  readonly trustedRealm?: string;
  readonly probeRepository?: string;
  readonly secureConnection?: boolean;
  readonly validate?: boolean;
  readonly passwordStdin?: boolean;
}

const typeNames = registryTypes.map((type) => type.toLowerCase());

/** `--type`, lower case on the command line. */
export const typeOption = (): Option =>
  new Option('--type <type>', `Registry type: ${typeNames.join(', ')} (default: docker_v2)`).argParser(parseType);

/** `--account`, for admins. */
export const accountOption = (): Option =>
  new Option('--account <name>', 'Account to act in; admins only (default: your own)');

/** `-o`. Defaults to a table. */
export const outputOption = (choices: readonly Output[] = outputs): Option =>
  new Option('-o, --output <form>', 'Output format').choices(choices).default('table');

/** `--secure-connection`. */
export const secureConnectionOption = (): Option =>
  new Option('--secure-connection <true|false>', "Verify the registry's TLS certificate (default: true)").argParser(
    parseTruth,
  );

/** `--validate`. */
export const validateOption = (): Option =>
  new Option('--validate <true|false>', 'Validate the credential before storing it (default: true)').argParser(
    parseTruth,
  );

/** `--rotation`, lower case on the command line. */
export const rotationOption = (): Option =>
  new Option(
    '--rotation <replace|pending>',
    'Replace the password now, or store a pending one that Regway switches to once the registry accepts it',
  ).argParser(parseRotation);

/** `--password-stdin`. No option accepts the password itself. */
export const passwordStdinOption = (): Option =>
  new Option(
    '--password-stdin',
    'Read the password from standard input (default: REGWAY_REGISTRY_PASSWORD, else a prompt)',
  );

/** Adds the options of a registry and its credential. */
export function addRegistryOptions(command: Command): Command {
  return command
    .addOption(typeOption())
    .option('--name <label>', 'Display name')
    .option(
      '--trusted-realm <host[:port]>',
      'Token server that may receive this credential, in addition to the registry itself',
    )
    .option(
      '--probe-repository <repository>',
      'Private repository to request during validation, if the registry pattern names none',
    )
    .addOption(secureConnectionOption())
    .addOption(passwordStdinOption());
}

/** Parses hours or days to milliseconds. */
export function parseDuration(text: string): number {
  const durationMs = parseDurationMs(text);
  if (durationMs === undefined) throw new InvalidArgumentError('Must be hours or days, such as 12h or 90d.');
  return durationMs;
}

function parseType(text: string): RegistryType {
  const type = registryTypes.find((candidate) => candidate === text.toUpperCase());
  if (type === undefined) throw new InvalidArgumentError(`Must be one of ${typeNames.join(', ')}.`);
  return type;
}

function parseRotation(text: string): Rotation {
  const rotation = text.toUpperCase();
  if (rotation === 'REPLACE' || rotation === 'PENDING') return rotation;
  throw new InvalidArgumentError('Must be replace or pending.');
}

function parseTruth(text: string): boolean {
  if (!/^(?:true|false)$/i.test(text)) throw new InvalidArgumentError('Must be true or false.');
  return text.toLowerCase() === 'true';
}
