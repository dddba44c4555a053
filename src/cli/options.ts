// Options that several commands share, and how their values are read.

import { Command, InvalidArgumentError, Option } from 'commander';
import { type RegistryType, registryTypes } from '../core/registry/registry.ts';
import type { Rotation } from './api/operations.ts';

const outputs = ['table', 'json', 'id'] as const;
export type Output = (typeof outputs)[number];

export interface OutputOption {
  readonly output: Output;
}

export interface AccountOption {
  readonly account?: string;
}

/** What describes a registry and how to log in to it, as typed. */
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
  new Option('--type <type>', `how to log in: ${typeNames.join(', ')}`).argParser(parseType);

/** `--account`, for admins. */
export const accountOption = (): Option => new Option('--account <name>', 'another account than your own; for admins');

/** `-o`, as a table for people unless said otherwise. */
export const outputOption = (choices: readonly Output[] = outputs): Option =>
  new Option('-o, --output <form>', 'how to print the result').choices(choices).default('table');

/** `--secure-connection`. */
export const secureConnectionOption = (): Option =>
  new Option(
    '--secure-connection <true|false>',
    'verify the TLS certificate of the registry (true unless given)',
  ).argParser(parseTruth);

/** `--validate`. */
export const validateOption = (): Option =>
  new Option(
    '--validate <true|false>',
    'ask the registry whether the credential works before storing it (true unless given)',
  ).argParser(parseTruth);

/** `--rotation`, lower case on the command line. */
export const rotationOption = (): Option =>
  new Option(
    '--rotation <replace|pending>',
    'pending stores a new password that the registry does not take yet, and uses it from when it does',
  ).argParser(parseRotation);

/** `--password-stdin`; there is no option that takes the password itself. */
export const passwordStdinOption = (): Option =>
  new Option(
    '--password-stdin',
    'read the password from standard input (else REGWAY_REGISTRY_PASSWORD, else you are asked)',
  );

/** Adds what describes a registry and how to log in to it. */
export function addRegistryOptions(command: Command): Command {
  return command
    .addOption(typeOption())
    .option('--name <label>', 'a label for people')
    .option(
      '--trusted-realm <host[:port]>',
      'a token server that may receive this credential besides the registry itself',
    )
    .option(
      '--probe-repository <repository>',
      'a private repository that the check asks for, when the registry text names none',
    )
    .addOption(secureConnectionOption())
    .addOption(passwordStdinOption());
}

function parseType(text: string): RegistryType {
  const type = registryTypes.find((candidate) => candidate === text.toUpperCase());
  if (type === undefined) throw new InvalidArgumentError(`Give one of ${typeNames.join(', ')}.`);
  return type;
}

function parseRotation(text: string): Rotation {
  const rotation = text.toUpperCase();
  if (rotation === 'REPLACE' || rotation === 'PENDING') return rotation;
  throw new InvalidArgumentError('Give replace or pending.');
}

function parseTruth(text: string): boolean {
  if (!/^(?:true|false)$/i.test(text)) throw new InvalidArgumentError('Give true or false.');
  return text.toLowerCase() === 'true';
}
