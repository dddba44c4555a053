// Defines the command line and its exit codes: 0 success, 1 rejected by the server, 2 usage error, 3 server unreachable.

import { Command, CommanderError, Help } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { addAccountCommands } from './commands/account.ts';
import { addAuditCommands } from './commands/audit.ts';
import { addDataCommands } from './commands/data.ts';
import { addImageCommands } from './commands/image.ts';
import { addImportCommand } from './commands/import.ts';
import { addKeysCommands } from './commands/keys.ts';
import { addLoginCommands } from './commands/login.ts';
import { addRegistryCommands } from './commands/registry.ts';
import { addTokenCommands } from './commands/token.ts';
import type { CommandContext, CommandLineSettings, DataCommands } from './context.ts';
import { CommandFailure, exitCodes } from './errors.ts';
import { refusePasswordInArguments } from './terminal/password.ts';
import { colorNote, jsonText, printNote } from './terminal/terminal.ts';

const environmentHelp = `
Environment:
  REGWAY_URL                 Server for registry, image, import, account, and
                             audit list (default: the server saved by
                             "regway login", else http://127.0.0.1:4000).
                             Token commands use REGWAY_URL if it is set, else
                             the data directory
  REGWAY_TOKEN               API token for that server
  REGWAY_REGISTRY_PASSWORD   Password of the registry to add, check, or update
  NO_COLOR                   Disable colors

Exit codes:
  0 success   1 rejected by the server   2 usage error   3 server unreachable

Examples:
  # List the registries of your account
  regway registry list`;

/** Runs one command line and returns its exit code. @param loadDataCommands called only by commands that work on the data directory. */
export async function runCommandLine(
  argv: readonly string[],
  settings: CommandLineSettings,
  loadDataCommands: () => Promise<DataCommands>,
): Promise<number> {
  let exitCode: number = exitCodes.done;
  const program = createProgram({
    settings,
    loadDataCommands,
    endWith: (code) => {
      exitCode = code;
    },
  });
  try {
    refusePasswordInArguments(argv.slice(2));
    await program.parseAsync(argv);
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usageError;
    if (error instanceof CommandFailure) return report(error, argv);
    throw error;
  }
}

function createProgram(context: CommandContext): Command {
  const program = new Command('regway')
    .description('A GraphQL gateway for container-registry credentials.')
    .version(packageJson.version, '-V, --version', 'Print the version')
    .helpOption('-h, --help', 'Show help for a command')
    .helpCommand('help [command]', 'Show help for a command')
    .configureOutput({
      writeOut: (text) => process.stdout.write(wrapped(text)),
      outputError: (text, write) => write(withoutValues(text)),
    })
    .showHelpAfterError('(run the command with --help to see its arguments and options)')
    .addHelpText('after', environmentHelp)
    .exitOverride();
  addServe(program, context);
  addRegistryCommands(program, context);
  addImageCommands(program, context);
  addImportCommand(program, context);
  addTokenCommands(program, context);
  addKeysCommands(program, context);
  addDataCommands(program, context);
  addAccountCommands(program, context);
  addAuditCommands(program, context);
  addLoginCommands(program, context);
  return program;
}

function addServe(program: Command, { loadDataCommands, endWith }: CommandContext): void {
  program
    .command('serve')
    .description('Run the server; settings come from REGWAY_… environment variables')
    .addHelpText(
      'after',
      '\nExit codes:\n  0    stopped by a signal\n  75   database unavailable, start again later\n  78   settings, keyring, or database must be fixed\n\nExamples:\n  # Listen on loopback and store the data in ./data\n  REGWAY_LISTEN=127.0.0.1:4000 REGWAY_DATA_DIR=data regway serve',
    )
    .action(async () => endWith(await (await loadDataCommands()).runServe()));
}

/** Columns of help; commander uses the same where there is no terminal. */
const helpColumns = 80;

/** Wraps the paragraphs of a help, which commander prints as they are. Lines with an indent are examples and tables. */
function wrapped(text: string): string {
  const help = new Help();
  return text.replace(/^\S.*$/gm, (line) => help.boxWrap(line, helpColumns));
}

/** Removes values from an error of commander, which repeats unexpected arguments: one may be a password, as in `add REGISTRY USER PASSWORD`. */
function withoutValues(text: string): string {
  return text
    .replace(/( but got \d+): [^]*?\.\n/, '$1. A password is never an argument.\n')
    .replace(/(unknown option '-[^'=]*)=[^]*?'\n/, "$1'\n");
}

/** Prints a failure. With `-o json`, a script also gets the errors on standard output. */
function report({ message, exitCode, answer }: CommandFailure, argv: readonly string[]): number {
  printNote(`${colorNote('red', 'Error:')} ${message}`);
  if (answer !== undefined && wantsJson(argv)) process.stdout.write(`${jsonText(answer)}\n`);
  return exitCode;
}

function wantsJson(argv: readonly string[]): boolean {
  return argv.some(
    (argument, index) =>
      /^(?:-o=?|--output=)json$/.test(argument) || (/^(?:-o|--output)$/.test(argument) && argv[index + 1] === 'json'),
  );
}
