// `regway login` and `regway logout`: remember a server and its token, or forget them.

import type { Command } from 'commander';
import { createClient } from '../api/client.ts';
import { parseServerUrl, warnIfReadable } from '../api/connection.ts';
import { loginFile, removeLogin, saveLogin } from '../api/login-file.ts';
import { principalOperation } from '../api/operations.ts';
import type { CommandContext, CommandLineSettings } from '../context.ts';
import { usageError } from '../errors.ts';
import { askSecret, readSecretFromInput } from '../terminal/prompt.ts';
import { isInteractive, printable, printNote } from '../terminal/terminal.ts';

/** Adds `login` and `logout`. */
export function addLoginCommands(program: Command, { settings }: CommandContext): void {
  program
    .command('login')
    .description('remember the address of a server and a token for it, in a file that only you can read')
    .argument('<url>', 'the address of the server')
    .option('--token-stdin', 'read the token from standard input instead of asking for it')
    .addHelpText(
      'after',
      `\nThe file is ${loginFile(settings)}. REGWAY_URL and REGWAY_TOKEN go before it.\nFor a certificate of your own authority set NODE_EXTRA_CA_CERTS.\n\nExample:\n  regway login https://regway.example.com`,
    )
    .action((url: string, { tokenStdin = false }: { readonly tokenStdin?: boolean }) =>
      login(settings, url, tokenStdin),
    );
  program
    .command('logout')
    .description('forget what login remembered; the token itself stays valid until it is revoked')
    .addHelpText('after', '\nExample:\n  regway logout')
    .action(async () => {
      printNote((await removeLogin(loginFile(settings))) ? 'Logged out.' : 'There was no login to forget.');
    });
}

async function login(settings: CommandLineSettings, text: string, tokenStdin: boolean): Promise<void> {
  const url = parseServerUrl(text, 'The address');
  if (!tokenStdin && !isInteractive()) throw usageError('The token is missing: pipe it in with --token-stdin.');
  warnIfReadable(url);
  const token = tokenStdin ? await readSecretFromInput() : await askSecret(`Token for ${url}: `);
  // A token that does not work is not remembered.
  const { principal } = await createClient({ url, token }).run(principalOperation, {});
  await saveLogin(loginFile(settings), { url, token });
  const expiry = principal.expiresAt === null ? '' : `, until ${principal.expiresAt}`;
  printNote(printable(`Logged in to ${url} as ${principal.role} of the account ${principal.account}${expiry}.`));
}
