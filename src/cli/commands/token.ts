// Commands `regway token …`: manage API tokens, on the server that REGWAY_URL names, else in the data directory.

import { type Command, Option } from 'commander';
import { adminAccount, type Role, roles } from '../../core/authz/principal.ts';
import {
  createTokenOperation,
  readAllPages,
  requireResult,
  revokeTokenOperation,
  type Token,
  tokensOperation,
} from '../api/access-operations.ts';
import { connect } from '../api/connection.ts';
import type { CommandContext, CommandLineSettings, TokenSelection, TokenSummary, TokenRequest } from '../context.ts';
import { type AccountOption, type Output, type OutputOption, outputOption, parseDuration } from '../options.ts';
import { type Column, tablePrinter } from '../terminal/table.ts';
import { jsonText, printable, resultWidth } from '../terminal/terminal.ts';

interface CreateOptions extends OutputOption {
  readonly role: Role;
  readonly account?: string;
  readonly name?: string;
  readonly image?: readonly string[];
  readonly expiresIn?: number;
}

interface ListOptions extends AccountOption, OutputOption {
  readonly all?: boolean;
}

interface NewTokenSummary {
  readonly role: string;
  readonly account: string;
  readonly output: Output;
}

const columns: readonly Column<TokenSummary>[] = [
  { heading: 'ID', text: ({ id }) => id },
  { heading: 'NAME', text: ({ name }) => name },
  { heading: 'ROLE', text: ({ role }) => role },
  { heading: 'ACCOUNT', text: ({ account }) => account },
  { heading: 'IMAGES', text: ({ images }) => images?.join(', ') ?? '-' },
  { heading: 'CREATED', text: ({ createdAt }) => day(createdAt) },
  { heading: 'EXPIRES', text: ({ expiresAt }) => day(expiresAt) },
  { heading: 'LAST USED', text: ({ lastUsedAt }) => day(lastUsedAt) },
  { heading: 'REVOKED', text: ({ revokedAt }) => day(revokedAt) },
];

const where =
  '\nIf REGWAY_URL is set, the command uses that server, with REGWAY_TOKEN or the token saved by "regway login". Otherwise it works on the data\ndirectory (REGWAY_DATA_DIR, REGWAY_DATABASE_URL, REGWAY_KEYRING_FILE), also while the server runs.\n';

/** Adds `token` and its commands. */
export function addTokenCommands(program: Command, context: CommandContext): void {
  const token = program
    .command('token')
    .description('Manage API tokens, on a server or in the data directory')
    .addHelpText('after', `${where}\nExamples:\n  # List API tokens\n  regway token list`);
  addCreate(token, context);
  addList(token, context);
  addRevoke(token, context);
}

function addCreate(token: Command, { settings, loadDataCommands, endWith }: CommandContext): void {
  token
    .command('create')
    .description('Create an API token; its value is shown once and only a hash is stored')
    .addOption(new Option('--role <role>', 'Role of the token').choices(roles).makeOptionMandatory())
    .option('--account <name>', 'Account the token acts in (default: your own on a server, else admin)')
    .option('--name <label>', 'Display name')
    .option('--image <pattern...>', 'Limit a PULL token to these images, such as docker.io/anchore/*')
    .option(
      '--expires-in <duration>',
      'Lifetime in hours or days, such as 12h or 90d (default: the token does not expire)',
      parseDuration,
    )
    .addOption(outputOption())
    .addHelpText(
      'after',
      `${where}\nExamples:\n  # Create a token and print only its value\n  regway token create --role=READ_WRITE --account=admin -o id`,
    )
    .action(async (options: CreateOptions) => {
      const request = tokenRequest(options);
      if (settings.url !== undefined) {
        const { text, account } = await createTokenOnServer(settings, request);
        return printToken(text, { ...options, account });
      }
      const local = await loadDataCommands();
      const account = request.account ?? adminAccount;
      endWith(await local.runCreateToken({ ...request, account }, (text) => printToken(text, { ...options, account })));
    });
}

function addList(token: Command, { settings, loadDataCommands, endWith }: CommandContext): void {
  token
    .command('list')
    .description('List API tokens')
    .option('--account <name>', 'Only tokens of this account (default: your own on a server, else all)')
    .option('--all', 'Include revoked and expired tokens')
    .addOption(outputOption())
    .addHelpText(
      'after',
      `${where}\nExamples:\n  # List the tokens of one account as JSON\n  regway token list --account=admin -o json`,
    )
    .action(async ({ account, all = false, output }: ListOptions) => {
      const selection = { account, includeInactive: all };
      const print = (tokens: readonly TokenSummary[]) => process.stdout.write(formatTokens(tokens, output));
      if (settings.url !== undefined) return void print(await listTokensOnServer(settings, selection));
      endWith(await (await loadDataCommands()).runListTokens(selection, print));
    });
}

function addRevoke(token: Command, { settings, loadDataCommands, endWith }: CommandContext): void {
  token
    .command('revoke')
    .description('Revoke an API token; it is rejected from the next request on')
    .argument('<id>', 'Token ID that "regway token list" shows, not the token value')
    .addOption(outputOption())
    .addHelpText('after', `${where}\nExamples:\n  # Revoke a token\n  regway token revoke 3np0vxq8cy2m`)
    .action(async (id: string, { output }: OutputOption) => {
      const print = (revoked: TokenSummary) => process.stdout.write(formatToken(revoked, output));
      if (settings.url !== undefined) return void print(await revokeTokenOnServer(settings, id));
      endWith(await (await loadDataCommands()).runRevokeToken(id, print));
    });
}

function tokenRequest({
  role,
  account,
  name,
  image,
  expiresIn,
}: CreateOptions): Omit<TokenRequest, 'account'> & { readonly account: string | undefined } {
  return {
    role,
    account,
    name: name ?? `${role.toLowerCase()} token`,
    images: image ?? null,
    expiresAt: expiresIn === undefined ? null : new Date(Date.now() + expiresIn),
  };
}

/** Writes a new token to standard output. It is not stored, so this is the only time. */
function printToken(token: string, { role, account, output }: NewTokenSummary): void {
  process.stdout.write(`${formatNew(token, role, account, output)}\n`);
}

/** Formats stored tokens, each line ending with a newline. */
function formatTokens(tokens: readonly TokenSummary[], output: Output): string {
  switch (output) {
    case 'id':
      return tokens.map(({ id }) => `${printable(id)}\n`).join('');
    case 'json':
      return `${jsonText(tokens.map(tokenJson))}\n`;
    case 'table':
      return `${tablePrinter(columns, resultWidth())(tokens)}\n`;
  }
}

/** Formats one stored token, ending with a newline. */
function formatToken(token: TokenSummary, output: Output): string {
  return output === 'json' ? `${jsonText(tokenJson(token))}\n` : formatTokens([token], output);
}

/** Formats a token with the keys that scripts rely on, without its hash. */
function tokenJson({
  id,
  name,
  role,
  account,
  images,
  createdAt,
  expiresAt,
  revokedAt,
  lastUsedAt,
}: TokenSummary): object {
  return { id, name, role, account, images, createdAt, expiresAt, revokedAt, lastUsedAt };
}

function day(date: Date | null): string {
  return date?.toISOString().slice(0, 10) ?? '-';
}

function formatNew(token: string, role: string, account: string, output: Output): string {
  switch (output) {
    case 'id':
      return printable(token);
    case 'json':
      return JSON.stringify({ token, role, account });
    case 'table':
      return `Role:     ${role}\nAccount:  ${printable(account)}\nToken:    ${printable(token)}\nCopy the token now. You will not be able to see it again.`;
  }
}

/** Creates a token on the server; returns its value and the account it acts in. @param request `account` defaults to the caller's own. @throws CommandFailure */
async function createTokenOnServer(
  settings: CommandLineSettings,
  request: Omit<TokenRequest, 'account'> & { readonly account: string | undefined },
): Promise<{ text: string; account: string }> {
  const input = { ...request, expiresAt: request.expiresAt?.toISOString() ?? null };
  const { createToken } = await (await connect(settings)).run(createTokenOperation, { input });
  const { account } = requireResult(createToken.token, createToken);
  return { text: requireResult(createToken.text, createToken), account };
}

async function listTokensOnServer(settings: CommandLineSettings, selection: TokenSelection): Promise<TokenSummary[]> {
  const server = await connect(settings);
  const tokens = await readAllPages(
    async (after) => (await server.run(tokensOperation, { ...selection, after })).tokens,
  );
  return tokens.map(summaryOf);
}

async function revokeTokenOnServer(settings: CommandLineSettings, id: string): Promise<TokenSummary> {
  const { revokeToken } = await (await connect(settings)).run(revokeTokenOperation, { id });
  return summaryOf(requireResult(revokeToken.token, revokeToken));
}

function summaryOf(token: Token): TokenSummary {
  const date = (text: string | null): Date | null => (text === null ? null : new Date(text));
  return {
    ...token,
    createdAt: new Date(token.createdAt),
    expiresAt: date(token.expiresAt),
    revokedAt: date(token.revokedAt),
    lastUsedAt: date(token.lastUsedAt),
  };
}
