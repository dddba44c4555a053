// `regway token …`: API tokens, on the server that REGWAY_URL names, else on the data directory.

import { InvalidArgumentError, Option, type Command } from 'commander';
import { adminAccount, roles, type Role } from '../../core/authz/permissions.ts';
import { parseDurationMs } from '../../core/shared/time.ts';
import type { CommandContext, TokenFacts, TokenRequest } from '../context.ts';
import { outputOption, type AccountOption, type OutputOption } from '../options.ts';
import { formatToken, formatTokens, printToken } from './token-output.ts';
import { createTokenOnServer, listTokensOnServer, revokeTokenOnServer } from './token-server.ts';

interface CreateOptions extends OutputOption {
  readonly role: Role;
  readonly account?: string;
  readonly name?: string;
  readonly image?: readonly string[];
  readonly expiresIn?: number;
}

const where =
  '\nWith REGWAY_URL it speaks to that server, as REGWAY_TOKEN or the login of "regway login" may. Without, it works on the data directory\n(REGWAY_DATA_DIR, REGWAY_DATABASE_URL, REGWAY_KEYRING_FILE), with the server running or not.\n';

/** Adds `token` and its commands. */
export function addTokenCommands(program: Command, context: CommandContext): void {
  const token = program.command('token').description('API tokens, on a server or on the data directory').addHelpText('after', `${where}\nExample:\n  regway token list`);
  addCreate(token, context);
  addList(token, context);
  addRevoke(token, context);
}

function addCreate(token: Command, { settings, loadLocal, endWith }: CommandContext): void {
  token
    .command('create')
    .description('make an API token; it is shown once and stored as a hash')
    .addOption(new Option('--role <role>', 'what it may do').choices(roles).makeOptionMandatory())
    .option('--account <name>', 'the account it acts in; on a server your own unless given, else admin')
    .option('--name <label>', 'a label for people')
    .option('--image <pattern...>', 'limit a PULL token to these images, such as docker.io/anchore/*')
    .option('--expires-in <duration>', 'hours or days, such as 12h or 90d; without it the token does not expire', parseDuration)
    .addOption(outputOption())
    .addHelpText('after', `${where}\nExample:\n  regway token create --role=READ_WRITE --account=admin -o id`)
    .action(async (options: CreateOptions) => {
      const request = tokenRequest(options);
      if (settings.url !== undefined) {
        const { text, account } = await createTokenOnServer(settings, request);
        return printToken(text, { ...options, account });
      }
      const local = await loadLocal();
      const account = request.account ?? adminAccount;
      endWith(await local.createTokenCommand({ ...request, account }, (text) => printToken(text, { ...options, account })));
    });
}

function addList(token: Command, { settings, loadLocal, endWith }: CommandContext): void {
  token
    .command('list')
    .description('list the API tokens, the revoked and expired ones too')
    .option('--account <name>', 'only those of this account; on a server your own unless given')
    .addOption(outputOption())
    .addHelpText('after', `${where}\nExample:\n  regway token list --account=admin -o json`)
    .action(async ({ account, output }: AccountOption & OutputOption) => {
      const print = (tokens: readonly TokenFacts[]) => process.stdout.write(formatTokens(tokens, output));
      if (settings.url !== undefined) return void print(await listTokensOnServer(settings, account));
      endWith(await (await loadLocal()).listTokensCommand(account, print));
    });
}

function addRevoke(token: Command, { settings, loadLocal, endWith }: CommandContext): void {
  token
    .command('revoke')
    .description('end an API token; the next request with it is refused')
    .argument('<id>', 'the id that "regway token list" shows, not the token itself')
    .addOption(outputOption())
    .addHelpText('after', `${where}\nExample:\n  regway token revoke 3np0vxq8cy2m`)
    .action(async (id: string, { output }: OutputOption) => {
      const print = (revoked: TokenFacts) => process.stdout.write(formatToken(revoked, output));
      if (settings.url !== undefined) return void print(await revokeTokenOnServer(settings, id));
      endWith(await (await loadLocal()).revokeTokenCommand(id, print));
    });
}

function tokenRequest({ role, account, name, image, expiresIn }: CreateOptions): Omit<TokenRequest, 'account'> & { readonly account: string | undefined } {
  return {
    role,
    account,
    name: name ?? `${role.toLowerCase()} token`,
    images: image ?? null,
    expiresAt: expiresIn === undefined ? null : new Date(Date.now() + expiresIn),
  };
}

function parseDuration(text: string): number {
  const durationMs = parseDurationMs(text);
  if (durationMs === undefined) throw new InvalidArgumentError('Give hours or days, such as 12h or 90d.');
  return durationMs;
}
