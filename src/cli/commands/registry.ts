// Commands `regway registry …`: their arguments and options. registry/actions.ts runs them.

import { type Command, Option } from 'commander';
import { connect } from '../api/connection.ts';
import type { CreateInput, Filter, Rotation, UpdateInput } from '../api/operations.ts';
import type { CommandContext, CommandLineSettings } from '../context.ts';
import { usageError } from '../errors.ts';
import {
  type AccountOption,
  accountOption,
  addRegistryOptions,
  outputOption,
  type OutputOption,
  type RegistryOptions,
  rotationOption,
  typeOption,
  validateOption,
} from '../options.ts';
import * as actions from '../registry/actions.ts';
import { givenPassword, requirePassword } from '../terminal/password.ts';
import { askSecret } from '../terminal/prompt.ts';
import { isInteractive } from '../terminal/terminal.ts';

type UpdateOptions = RegistryOptions &
  AccountOption & { readonly passwordPrompt?: boolean; readonly rotation?: Rotation };

const registryArgument = [
  '<registry>',
  'Registry pattern: host[:port], host[:port]/a/b/* (everything below), or host[:port]/a/b (one repository); or an ID (reg_…)',
] as const;
const newRegistryArgument = [
  '<registry>',
  'Registry pattern: host[:port], host[:port]/a/b/* (everything below), or host[:port]/a/b (one repository)',
] as const;

/** Adds `registry` and its commands. */
export function addRegistryCommands(program: Command, context: CommandContext): void {
  const registry = program
    .command('registry')
    .description('Manage registries: the stored credentials of a server')
    .addHelpText(
      'after',
      '\nExamples:\n  # Add a registry; the password is prompted for\n  regway registry add docker.io/anchore/* --username=robot',
    );
  addList(registry, context);
  addGet(registry, context);
  addAdd(registry, context);
  addUpdate(registry, context);
  addDelete(registry, context);
  addCheck(registry, context);
  addValidate(registry, context);
}

function addList(registry: Command, { settings }: CommandContext): void {
  registry
    .command('list')
    .description('List registries')
    .option('--search <text>', 'Only registries whose pattern, name, or username contains each word of this text')
    .option('--host <host[:port]>', 'Only registries of this host')
    .addOption(typeOption())
    .addOption(accountOption())
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nExamples:\n  # List the registries of one host as JSON\n  regway registry list --host=docker.io -o json',
    )
    .action(async (options: OutputOption & AccountOption & Filter) =>
      actions.listRegistries(await connect(settings), options),
    );
}

function addGet(registry: Command, { settings }: CommandContext): void {
  registry
    .command('get')
    .description('Show a registry')
    .argument(...registryArgument)
    .addOption(accountOption())
    .addOption(outputOption())
    .addHelpText('after', '\nExamples:\n  # Show a registry\n  regway registry get docker.io/anchore/*')
    .action(async (text: string, options: OutputOption & AccountOption) =>
      actions.getRegistry(await connect(settings), text, options),
    );
}

function addAdd(registry: Command, { settings }: CommandContext): void {
  const command = registry
    .command('add')
    .description('Validate a credential and store it')
    .argument(...newRegistryArgument);
  addRegistryOptions(command.requiredOption('--username <name>', 'Username (for a cloud, the ID of its key)'))
    .addOption(validateOption())
    .addOption(accountOption())
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nExamples:\n  # Add a registry; the password is prompted for\n  regway registry add docker.io/anchore/* --username=robot\n\n  # Read the password from a password manager, and print only the ID\n  pass show hub |\n    regway registry add docker.io --username=robot --password-stdin -o id',
    )
    .action(async (text: string, options: actions.CreateOptions) => {
      const client = await connect(settings);
      await actions.addRegistry(client, await createInput(text, options, settings), options);
    });
}

function addUpdate(registry: Command, { settings }: CommandContext): void {
  const command = registry
    .command('update')
    .description(
      'Change a registry. Omitted options keep their values, except that TLS verification is turned on unless you pass --secure-connection=false again',
    )
    .argument(...registryArgument)
    .option('--username <name>', 'New username');
  addRegistryOptions(command)
    .option('--password-prompt', 'Prompt for a new password')
    .addOption(rotationOption())
    .addOption(validateOption())
    .addOption(accountOption())
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nAn empty --name, --trusted-realm, or --probe-repository removes the value.\n\nExamples:\n  # Replace the password\n  regway registry update docker.io/anchore/* --password-prompt\n\n  # Store a password that the registry will accept soon\n  regway registry update docker.io/anchore/* --rotation=pending \\\n    --password-prompt',
    )
    .action(async (text: string, options: UpdateOptions) => {
      const ask = () => askSecret(`Password for ${text}: `);
      const askPassword = isInteractive() ? ask : undefined;
      if (options.passwordPrompt === true && askPassword === undefined)
        throw usageError('--password-prompt requires a terminal. Use --password-stdin instead.');
      const client = await connect(settings);
      const password =
        options.passwordPrompt === true ? await ask() : await givenPassword(passwordSource(options, settings));
      await actions.updateRegistry(client, text, updateInput(options, password), {
        ...options,
        askPassword: password === undefined ? askPassword : undefined,
      });
    });
}

function addDelete(registry: Command, { settings }: CommandContext): void {
  registry
    .command('delete')
    .alias('del')
    .description('Delete a registry and its password')
    .argument(...registryArgument)
    .addOption(new Option('--yes', 'Skip the confirmation prompt'))
    .addOption(accountOption())
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nExamples:\n  # Delete a registry without a prompt\n  regway registry delete docker.io/anchore/* --yes',
    )
    .action(async (text: string, options: OutputOption & AccountOption & { readonly yes?: boolean }) =>
      actions.deleteRegistry(await connect(settings), text, options),
    );
}

function addCheck(registry: Command, { settings }: CommandContext): void {
  const command = registry
    .command('check')
    .description('Validate a credential without storing it')
    .argument(...newRegistryArgument);
  addRegistryOptions(command.requiredOption('--username <name>', 'Username (for a cloud, the ID of its key)'))
    .addOption(accountOption())
    .addOption(outputOption(['table', 'json']))
    .addHelpText(
      'after',
      '\nExamples:\n  # Test a credential against a registry with a self-signed certificate\n  regway registry check registry.example.com:5000 --username=robot \\\n    --secure-connection=false',
    )
    .action(async (text: string, options: actions.CreateOptions) => {
      const client = await connect(settings);
      await actions.checkRegistry(client, await createInput(text, options, settings), options);
    });
}

function addValidate(registry: Command, { settings }: CommandContext): void {
  registry
    .command('validate')
    .description('Validate the stored credential of a registry and record the outcome')
    .argument(...registryArgument)
    .addOption(accountOption())
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nExamples:\n  # Validate a stored credential\n  regway registry validate docker.io/anchore/*',
    )
    .action(async (text: string, options: OutputOption & AccountOption) =>
      actions.validateRegistry(await connect(settings), text, options),
    );
}

async function createInput(
  registry: string,
  options: actions.CreateOptions,
  settings: CommandLineSettings,
): Promise<CreateInput> {
  const { username, type, name, trustedRealm, probeRepository, account } = options;
  const password = await requirePassword(passwordSource(options, settings), username);
  return { registry, username, password, type, name, trustedRealm, probeRepository, account };
}

function updateInput(
  { username, type, rotation, name, trustedRealm, probeRepository }: UpdateOptions,
  password: UpdateInput['password'],
): UpdateInput {
  return {
    username,
    password,
    rotation,
    type,
    name: emptyAsNull(name),
    trustedRealm: emptyAsNull(trustedRealm),
    probeRepository: emptyAsNull(probeRepository),
  };
}

function emptyAsNull(text: string | undefined): string | null | undefined {
  return text === '' ? null : text;
}

function passwordSource(
  { passwordStdin = false }: RegistryOptions,
  { registryPassword }: CommandLineSettings,
): { passwordStdin: boolean; fromEnvironment: typeof registryPassword } {
  return { passwordStdin, fromEnvironment: registryPassword };
}
