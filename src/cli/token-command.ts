// `regway token …`: API tokens on the data directory.

import { InvalidArgumentError, Option, type Command } from 'commander';
import { roles, type Role } from '../core/access.ts';
import type { CommandContext, TokenRequest } from './context.ts';
import { outputOption, type AccountOption, type OutputOption } from './options.ts';
import { formatToken, formatTokens, printToken } from './token-output.ts';

interface CreateOptions extends OutputOption {
  readonly role: Role;
  readonly account: string;
  readonly name?: string;
  readonly image?: readonly string[];
  readonly expiresIn?: number;
}

const hourMs = 60 * 60 * 1000;
const unitsMs: Readonly<Record<string, number>> = { h: hourMs, d: 24 * hourMs };
const where = '\nIt works on the data directory (REGWAY_DATA_DIR, REGWAY_DATABASE_URL), with the server running or not. REGWAY_URL does not count here:\ntokens cannot be managed over the network in this version.\n';

/** Adds `token` and its commands. */
export function addTokenCommands(program: Command, context: CommandContext): void {
  const token = program.command('token').description('API tokens, on the data directory').addHelpText('after', `${where}\nExample:\n  regway token list`);
  addCreate(token, context);
  addList(token, context);
  addRevoke(token, context);
}

function addCreate(token: Command, { loadLocal, endWith }: CommandContext): void {
  token
    .command('create')
    .description('make an API token on the data directory; it is shown once and stored as a hash')
    .addOption(new Option('--role <role>', 'what it may do').choices(roles).makeOptionMandatory())
    .option('--account <name>', 'the account it acts in', 'admin')
    .option('--name <label>', 'a label for people')
    .option('--image <pattern...>', 'limit a PULL token to these images, such as docker.io/anchore/*')
    .option('--expires-in <duration>', 'hours or days, such as 12h or 90d; without it the token does not expire', parseDurationMs)
    .addOption(outputOption())
    .addHelpText('after', `${where}\nExample:\n  regway token create --role=READ_WRITE --account=admin -o id`)
    .action(async (options: CreateOptions) => {
      const local = await loadLocal();
      endWith(await local.createTokenCommand(tokenRequest(options), (text) => printToken(text, options)));
    });
}

function addList(token: Command, { loadLocal, endWith }: CommandContext): void {
  token
    .command('list')
    .description('list the API tokens on the data directory, the revoked and expired ones too')
    .option('--account <name>', 'only those of this account')
    .addOption(outputOption())
    .addHelpText('after', `${where}\nExample:\n  regway token list --account=admin -o json`)
    .action(async ({ account, output }: AccountOption & OutputOption) => {
      const local = await loadLocal();
      endWith(await local.listTokensCommand(account, (tokens) => process.stdout.write(formatTokens(tokens, output))));
    });
}

function addRevoke(token: Command, { loadLocal, endWith }: CommandContext): void {
  token
    .command('revoke')
    .description('end an API token on the data directory; the next request with it is refused')
    .argument('<id>', 'the id that "regway token list" shows, not the token itself')
    .addOption(outputOption())
    .addHelpText('after', `${where}\nExample:\n  regway token revoke 3np0vxq8cy2m`)
    .action(async (id: string, { output }: OutputOption) => {
      const local = await loadLocal();
      endWith(await local.revokeTokenCommand(id, (revoked) => process.stdout.write(formatToken(revoked, output))));
    });
}

function tokenRequest({ role, account, name, image, expiresIn }: CreateOptions): TokenRequest {
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
