// The command line: what can be typed, and which exit code it ends with (0 done, 1 refused, 2 wrong usage, 3 not reachable).

import { Command, CommanderError } from 'commander';
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
  REGWAY_URL                 the server that registry, image, import, account and audit list talk to; else that of "regway login", else http://127.0.0.1:4000.
                             The token commands talk to it too, and work on the data directory without it
  REGWAY_TOKEN               the API token for it
  REGWAY_REGISTRY_PASSWORD   the password of the registry that is added, checked or updated
  NO_COLOR                   no colours

Exit codes:
  0 done   1 refused by the server   2 wrong usage   3 not reachable

Example:
  regway registry list`;

/** Runs one command line. Gives the exit code. */
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
    .version(packageJson.version)
    .configureOutput({ outputError: (text, write) => write(withoutValues(text)) })
    .showHelpAfterError('(add --help for what can be given)')
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
    .description('serve the gateway; settings come from REGWAY_… environment variables')
    .addHelpText('after', '\nExample:\n  REGWAY_LISTEN=127.0.0.1:4000 REGWAY_DATA_DIR=data regway serve')
    .action(async () => endWith(await (await loadDataCommands()).runServe()));
}

/** Commander repeats what it did not expect, and that may be a password typed where none belongs: `add REGISTRY USER PASSWORD`. */
function withoutValues(text: string): string {
  return text
    .replace(/( but got \d+): [^]*?\.\n/, '$1. A password is never an argument.\n')
    .replace(/(unknown option '-[^'=]*)=[^]*?'\n/, "$1'\n");
}

/** With `-o json` a script gets its answer on standard output also when the server refused. */
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
