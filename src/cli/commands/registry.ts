// `regway registry …`: what can be typed. What it does is in registry-actions.ts.

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
  'host[:port], host[:port]/a/b/* (all below), host[:port]/a/b (one repository), or an id (reg_…)',
] as const;
const newRegistryArgument = [
  '<registry>',
  'host[:port], host[:port]/a/b/* (all below) or host[:port]/a/b (one repository)',
] as const;

/** Adds `registry` and its commands. */
export function addRegistryCommands(program: Command, context: CommandContext): void {
  const registry = program
    .command('registry')
    .description('registries on a server: the stored credentials')
    .addHelpText('after', '\nExample:\n  regway registry add docker.io/anchore/* --username=robot');
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
    .description('list all registries, page after page')
    .option('--search <text>', 'only those with this in registry text, name or user name')
    .option('--host <host[:port]>', 'only those of this host')
    .addOption(typeOption())
    .addOption(accountOption())
    .addOption(outputOption())
    .addHelpText('after', '\nExample:\n  regway registry list --host=docker.io -o json')
    .action(async (options: OutputOption & AccountOption & Filter) =>
      actions.listRegistries(await connect(settings), options),
    );
}

function addGet(registry: Command, { settings }: CommandContext): void {
  registry
    .command('get')
    .description('show one registry')
    .argument(...registryArgument)
    .addOption(accountOption())
    .addOption(outputOption())
    .addHelpText('after', '\nExample:\n  regway registry get docker.io/anchore/*')
    .action(async (text: string, options: OutputOption & AccountOption) =>
      actions.getRegistry(await connect(settings), text, options),
    );
}

function addAdd(registry: Command, { settings }: CommandContext): void {
  const command = registry
    .command('add')
    .description('check a credential with the registry, then store it')
    .argument(...newRegistryArgument);
  addRegistryOptions(command.requiredOption('--username <name>', 'the user name (for a cloud, the id of its key)'))
    .addOption(validateOption())
    .addOption(accountOption())
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nExample:\n  regway registry add docker.io/anchore/* --username=robot\n  pass show hub | regway registry add docker.io --username=robot --password-stdin -o id',
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
      'change a registry; what is not given stays, except that the certificate is verified unless --secure-connection=false is given again',
    )
    .argument(...registryArgument)
    .option('--username <name>', 'another user name');
  addRegistryOptions(command)
    .option('--password-prompt', 'ask for a new password')
    .addOption(rotationOption())
    .addOption(validateOption())
    .addOption(accountOption())
    .addOption(outputOption())
    .addHelpText(
      'after',
      '\nAn empty --name, --trusted-realm or --probe-repository takes the value away.\n\nExample:\n  regway registry update docker.io/anchore/* --password-prompt\n  regway registry update docker.io/anchore/* --password-prompt --rotation=pending',
    )
    .action(async (text: string, options: UpdateOptions) => {
      const ask = () => askSecret(`Password for ${text}: `);
      const askPassword = isInteractive() ? ask : undefined;
      if (options.passwordPrompt === true && askPassword === undefined)
        throw usageError('--password-prompt needs a terminal: use --password-stdin.');
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
    .description('delete a registry and its password')
    .argument(...registryArgument)
    .addOption(new Option('--yes', 'do not ask'))
    .addOption(accountOption())
    .addOption(outputOption())
    .addHelpText('after', '\nExample:\n  regway registry delete docker.io/anchore/* --yes')
    .action(async (text: string, options: OutputOption & AccountOption & { readonly yes?: boolean }) =>
      actions.deleteRegistry(await connect(settings), text, options),
    );
}

function addCheck(registry: Command, { settings }: CommandContext): void {
  const command = registry
    .command('check')
    .description('check a credential with the registry and store nothing')
    .argument(...newRegistryArgument);
  addRegistryOptions(command.requiredOption('--username <name>', 'the user name (for a cloud, the id of its key)'))
    .addOption(accountOption())
    .addOption(outputOption(['table', 'json']))
    .addHelpText(
      'after',
      '\nExample:\n  regway registry check registry.example.com:5000 --username=robot --secure-connection=false',
    )
    .action(async (text: string, options: actions.CreateOptions) => {
      const client = await connect(settings);
      await actions.checkRegistry(client, await createInput(text, options, settings), options);
    });
}

function addValidate(registry: Command, { settings }: CommandContext): void {
  registry
    .command('validate')
    .description('check the stored credential of a registry again and record the outcome')
    .argument(...registryArgument)
    .addOption(accountOption())
    .addOption(outputOption())
    .addHelpText('after', '\nExample:\n  regway registry validate docker.io/anchore/*')
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
