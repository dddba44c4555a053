// The command line: what can be typed, and which exit code it ends with (0 done, 1 refused, 2 wrong usage).

import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import packageJson from '../../package.json' with { type: 'json' };
import { roles, type Role } from '../core/access.ts';
import { printToken, tokenOutputs, type TokenOutput } from './token-output.ts';

/** The commands on the data directory, loaded when one of them runs. */
export interface LocalCommands {
  serveCommand(): Promise<number>;
  createTokenCommand(request: TokenRequest, print: (token: string) => void): Promise<number>;
}

interface TokenRequest {
  readonly account: string;
  readonly role: Role;
  readonly name: string;
  readonly images: readonly string[] | null;
  readonly expiresAt: Date | null;
}

interface TokenOptions {
  readonly role: Role;
  readonly account: string;
  readonly name?: string;
  readonly image?: readonly string[];
  readonly expiresIn?: number;
  readonly output: TokenOutput;
}

const wrongUsage = 2;
const hourMs = 60 * 60 * 1000;
const unitsMs: Readonly<Record<string, number>> = { h: hourMs, d: 24 * hourMs };

/** Runs one command line. Gives the exit code. */
export async function runCommandLine(argv: readonly string[], loadLocal: () => Promise<LocalCommands>): Promise<number> {
  let exitCode = 0;
  const program = new Command('regway')
    .description('A GraphQL gateway for container-registry credentials.')
    .version(packageJson.version)
    .showHelpAfterError('(add --help for what can be given)')
    .exitOverride();
  addServe(program, async () => {
    exitCode = await (await loadLocal()).serveCommand();
  });
  addToken(program, async (options) => {
    exitCode = await (await loadLocal()).createTokenCommand(tokenRequest(options), (token) => printToken(token, options));
  });
  try {
    await program.parseAsync(argv);
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : wrongUsage;
    throw error;
  }
}

function addServe(program: Command, run: () => Promise<void>): void {
  program
    .command('serve')
    .description('serve GraphQL; settings come from REGWAY_… environment variables')
    .addHelpText('after', '\nExample:\n  REGWAY_LISTEN=127.0.0.1:4000 REGWAY_DATA_DIR=data regway serve')
    .action(run);
}

function addToken(program: Command, create: (options: TokenOptions) => Promise<void>): void {
  program
    .command('token')
    .description('API tokens')
    .command('create')
    .description('make an API token on the data directory; it is shown once and stored as a hash')
    .addOption(new Option('--role <role>', 'what it may do').choices(roles).makeOptionMandatory())
    .option('--account <name>', 'the account it acts in', 'admin')
    .option('--name <label>', 'a label for people')
    .option('--image <pattern...>', 'limit a PULL token to these images, such as docker.io/anchore/*')
    .option('--expires-in <duration>', 'hours or days, such as 12h or 90d; without it the token does not expire', parseDurationMs)
    .addOption(new Option('-o, --output <form>', 'how to print it').choices(tokenOutputs).default('table'))
    .addHelpText('after', '\nExample:\n  regway token create --role=READ_WRITE --account=admin -o id')
    .action(create);
}

function tokenRequest({ role, account, name, image, expiresIn }: TokenOptions): TokenRequest {
  return {
    role,
    account,
    name: name ?? `${role.toLowerCase()} token`,
    images: image ?? null,
    expiresAt: expiresIn === undefined ? null : new Date(Date.now() + expiresIn),
  };
}

function parseDurationMs(text: string): number {
  const match = /^([1-9]\d{0,4})([hd])$/.exec(text);
  const unitMs = unitsMs[match?.[2] ?? ''];
  if (match === null || unitMs === undefined) throw new InvalidArgumentError('Give hours or days, such as 12h or 90d.');
  return Number(match[1]) * unitMs;
}
