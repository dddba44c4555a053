// `regway account …`: the accounts of a server, for admins.

import type { Command } from 'commander';
import {
  accountsOperation,
  createAccountOperation,
  disableAccountOperation,
  enableAccountOperation,
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
  { name: 'create', description: 'make an account', operation: createAccountOperation },
  {
    name: 'disable',
    description:
      'lock an account out: its tokens, logins and sessions are refused at once, and no pull uses its registries',
    operation: disableAccountOperation,
  },
  {
    name: 'enable',
    description: 'let a disabled account in again, with the tokens that it had',
    operation: enableAccountOperation,
  },
] as const;

/** Adds `account` and its commands. */
export function addAccountCommands(program: Command, { settings }: CommandContext): void {
  const account = program
    .command('account')
    .description('the accounts of a server; for admins')
    .addHelpText('after', '\nExample:\n  regway account list');
  account
    .command('list')
    .description('list the accounts')
    .addOption(outputOption())
    .addHelpText('after', '\nExample:\n  regway account list -o json')
    .action(async ({ output }: OutputOption) => {
      const { accounts } = await (await connect(settings)).run(accountsOperation, {});
      await printResult(format(accounts, output, accounts));
    });
  for (const { name, description, operation } of changes) {
    account
      .command(name)
      .description(description)
      .argument('<name>', 'the name of the account')
      .addOption(outputOption())
      .addHelpText('after', `\nExample:\n  regway account ${name} team-a`)
      .action(async (accountName: string, { output }: OutputOption) => {
        const { result } = await (await connect(settings)).run(operation, { name: accountName });
        const changed = requireResult(result.account, result);
        await printResult(format([changed], output, changed));
      });
  }
}

/** @param shape what is printed as JSON: a list, or the one that was changed. */
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
