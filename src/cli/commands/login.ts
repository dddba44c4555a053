// Commands `regway login` and `regway logout`: save the address and token of a server, or delete them.

import type { Command } from 'commander';
import { createClient } from '../api/client.ts';
import { parseServerUrl, warnIfReadable } from '../api/connection.ts';
import { loginFile, removeLogin, requireLoginFile, saveLogin } from '../api/login-file.ts';
import { principalOperation } from '../api/operations.ts';
import type { CommandContext, CommandLineSettings } from '../context.ts';
import { usageError } from '../errors.ts';
import { askSecret, readSecretFromInput } from '../terminal/prompt.ts';
import { isInteractive, printable, printNote } from '../terminal/terminal.ts';

/** Adds `login` and `logout`. */
export function addLoginCommands(program: Command, { settings }: CommandContext): void {
  program
    .command('login')
    .description('Save the address of a server and a token for it, in a file that only you can read')
    .argument('<url>', 'Address of the server')
    .option('--token-stdin', 'Read the token from standard input (default: a prompt)')
    .addHelpText(
      'after',
      `\nThe file is ${loginFile(settings) ?? 'regway/login.json in XDG_CONFIG_HOME'}. REGWAY_URL and REGWAY_TOKEN take precedence.\nFor a server whose certificate a private CA issued, set NODE_EXTRA_CA_CERTS.\n\nExamples:\n  # Save a server and its token\n  regway login https://regway.example.com`,
    )
    .action((url: string, { tokenStdin = false }: { readonly tokenStdin?: boolean }) =>
      login(settings, url, tokenStdin),
    );
  program
    .command('logout')
    .description('Delete the saved address and token; the token stays valid until it is revoked')
    .addHelpText('after', '\nExamples:\n  # Delete the saved token\n  regway logout')
    .action(async () => {
      printNote((await removeLogin(requireLoginFile(settings))) ? 'Logged out.' : 'There was no saved login.');
    });
}

async function login(settings: CommandLineSettings, text: string, tokenStdin: boolean): Promise<void> {
  const url = parseServerUrl(text, 'The address');
  const file = requireLoginFile(settings);
  if (!tokenStdin && !isInteractive()) throw usageError('The token is missing. Pipe it in with --token-stdin.');
  warnIfReadable(url);
  const token = tokenStdin ? await readSecretFromInput() : await askSecret(`Token for ${url}: `);
  // A token that the server rejects is not saved.
  const { principal } = await createClient({ url, token }).run(principalOperation, {});
  await saveLogin(file, { url, token });
  const expiry = principal.expiresAt === null ? '' : `, until ${principal.expiresAt}`;
  printNote(printable(`Logged in to ${url} as ${principal.role} of the account ${principal.account}${expiry}.`));
}
