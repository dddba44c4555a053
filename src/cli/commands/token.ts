// `regway token …`: API tokens, on the server that REGWAY_URL names, else on the data directory.

import { type Command, InvalidArgumentError, Option } from 'commander';
import { adminAccount, type Role, roles } from '../../core/authz/principal.ts';
import { parseDurationMs } from '../../core/shared/time.ts';
import {
  createTokenOperation,
  requireResult,
  revokeTokenOperation,
  type Token,
  tokensOperation,
} from '../api/access-operations.ts';
import { connect } from '../api/connection.ts';
import type { CommandContext, CommandLineSettings, TokenSummary, TokenRequest } from '../context.ts';
import { type AccountOption, type Output, type OutputOption, outputOption } from '../options.ts';
import { type Column, tablePrinter } from '../terminal/table.ts';
import { jsonText, printable, resultWidth } from '../terminal/terminal.ts';

interface CreateOptions extends OutputOption {
  readonly role: Role;
  readonly account?: string;
  readonly name?: string;
  readonly image?: readonly string[];
  readonly expiresIn?: number;
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
  '\nWith REGWAY_URL it speaks to that server, as REGWAY_TOKEN or the login of "regway login" may. Without, it works on the data directory\n(REGWAY_DATA_DIR, REGWAY_DATABASE_URL, REGWAY_KEYRING_FILE), with the server running or not.\n';

/** Adds `token` and its commands. */
export function addTokenCommands(program: Command, context: CommandContext): void {
  const token = program
    .command('token')
    .description('API tokens, on a server or on the data directory')
    .addHelpText('after', `${where}\nExample:\n  regway token list`);
  addCreate(token, context);
  addList(token, context);
  addRevoke(token, context);
}

function addCreate(token: Command, { settings, loadDataCommands, endWith }: CommandContext): void {
  token
    .command('create')
    .description('make an API token; it is shown once and stored as a hash')
    .addOption(new Option('--role <role>', 'what it may do').choices(roles).makeOptionMandatory())
    .option('--account <name>', 'the account it acts in; on a server your own unless given, else admin')
    .option('--name <label>', 'a label for people')
    .option('--image <pattern...>', 'limit a PULL token to these images, such as docker.io/anchore/*')
    .option(
      '--expires-in <duration>',
      'hours or days, such as 12h or 90d; without it the token does not expire',
      parseDuration,
    )
    .addOption(outputOption())
    .addHelpText('after', `${where}\nExample:\n  regway token create --role=READ_WRITE --account=admin -o id`)
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
    .description('list the API tokens, the revoked and expired ones too')
    .option('--account <name>', 'only those of this account; on a server your own unless given')
    .addOption(outputOption())
    .addHelpText('after', `${where}\nExample:\n  regway token list --account=admin -o json`)
    .action(async ({ account, output }: AccountOption & OutputOption) => {
      const print = (tokens: readonly TokenSummary[]) => process.stdout.write(formatTokens(tokens, output));
      if (settings.url !== undefined) return void print(await listTokensOnServer(settings, account));
      endWith(await (await loadDataCommands()).runListTokens(account, print));
    });
}

function addRevoke(token: Command, { settings, loadDataCommands, endWith }: CommandContext): void {
  token
    .command('revoke')
    .description('end an API token; the next request with it is refused')
    .argument('<id>', 'the id that "regway token list" shows, not the token itself')
    .addOption(outputOption())
    .addHelpText('after', `${where}\nExample:\n  regway token revoke 3np0vxq8cy2m`)
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

function parseDuration(text: string): number {
  const durationMs = parseDurationMs(text);
  if (durationMs === undefined) throw new InvalidArgumentError('Give hours or days, such as 12h or 90d.');
  return durationMs;
}

/** Writes a new token to standard output. It cannot be shown again. */
function printToken(token: string, { role, account, output }: NewTokenSummary): void {
  process.stdout.write(`${formatNew(token, role, account, output)}\n`);
}

/** Stored tokens, with the line end of the last one. */
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

/** One stored token, with its line end. */
function formatToken(token: TokenSummary, output: Output): string {
  return output === 'json' ? `${jsonText(tokenJson(token))}\n` : formatTokens([token], output);
}

/** The keys that scripts rely on; the hash stays where it is. */
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
      return `Role:     ${role}\nAccount:  ${printable(account)}\nToken:    ${printable(token)}\nKeep it now: it is stored as a hash and cannot be shown again.`;
  }
}

/** The text of a new token, and the account that it acts in. @param request its account may be left out: the caller's own. */
async function createTokenOnServer(
  settings: CommandLineSettings,
  request: Omit<TokenRequest, 'account'> & { readonly account: string | undefined },
): Promise<{ text: string; account: string }> {
  const input = { ...request, expiresAt: request.expiresAt?.toISOString() ?? null };
  const { createToken } = await (await connect(settings)).run(createTokenOperation, { input });
  const { account } = requireResult(createToken.token, createToken);
  return { text: requireResult(createToken.text, createToken), account };
}

async function listTokensOnServer(settings: CommandLineSettings, account: string | undefined): Promise<TokenSummary[]> {
  const { tokens } = await (await connect(settings)).run(tokensOperation, { account });
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
