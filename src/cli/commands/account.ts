// Commands `regway account …`: manage the accounts of a server; admins only.

import type { Command } from 'commander';
import {
  accountsOperation,
  createAccountOperation,
  disableAccountOperation,
  enableAccountOperation,
  readAllPages,
  requireResult,
  type Account,
} from '../api/access-operations.ts';
import { connect } from '../api/connection.ts';
import type { CommandContext } from '../context.ts';
import { outputOption, type OutputOption } from '../options.ts';
import { tablePrinter, type Column } from '../terminal/table.ts';
import { jsonText, printable, printResult, resultWidth } from '../terminal/terminal.ts';

const columns: readonly Column<Account>[] = [
  { heading: 'NAME', text: ({ name }) => name },
  { heading: 'CREATED', text: ({ createdAt }) => createdAt.slice(0, 10) },
  { heading: 'DISABLED', text: ({ disabledAt }) => disabledAt?.slice(0, 10) ?? '-' },
];

const changes = [
  { name: 'create', description: 'Create an account', operation: createAccountOperation },
  {
    name: 'disable',
    description:
      'Disable an account; from the next request on, its tokens, logins, and sessions are rejected and no pull uses its registries',
    operation: disableAccountOperation,
  },
  {
    name: 'enable',
    description: 'Re-enable an account with its existing tokens',
    operation: enableAccountOperation,
  },
] as const;

/** Adds `account` and its commands. */
export function addAccountCommands(program: Command, { settings }: CommandContext): void {
  const account = program
    .command('account')
    .description('Manage the accounts of a server; admins only')
    .addHelpText('after', '\nExamples:\n  # List all accounts\n  regway account list');
  account
    .command('list')
    .description('List accounts')
    .addOption(outputOption())
    .addHelpText('after', '\nExamples:\n  # List all accounts as JSON\n  regway account list -o json')
    .action(async ({ output }: OutputOption) => {
      const server = await connect(settings);
      const accounts = await readAllPages(async (after) => (await server.run(accountsOperation, { after })).accounts);
      await printResult(format(accounts, output, accounts));
    });
  for (const { name, description, operation } of changes) {
    account
      .command(name)
      .description(description)
      .argument('<name>', 'Account name')
      .addOption(outputOption())
      .addHelpText('after', `\nExamples:\n  regway account ${name} team-a`)
      .action(async (accountName: string, { output }: OutputOption) => {
        const { result } = await (await connect(settings)).run(operation, { name: accountName });
        const changed = requireResult(result.account, result);
        await printResult(format([changed], output, changed));
      });
  }
}

/** Formats accounts. @param shape printed as JSON: the list, or the one account that was changed. */
function format(accounts: readonly Account[], output: OutputOption['output'], shape: object): string {
  switch (output) {
    case 'id':
      return accounts.map(({ name }) => printable(name)).join('\n');
    case 'json':
      return jsonText(shape);
    case 'table':
      return tablePrinter(columns, resultWidth())(accounts);
  }
}
