// `regway migrate` and `regway export`: the data moved to PostgreSQL, and the registries as a file without secrets.

import type { Command } from 'commander';
import type { CommandContext, ExportedRegistry, MovedTableFacts } from '../context.ts';
import { outputOption, type AccountOption, type OutputOption } from '../options.ts';
import { refusePasswordInAddress } from '../terminal/password.ts';
import { tablePrinter, type Column } from '../terminal/table.ts';
import { jsonText, resultWidth } from '../terminal/terminal.ts';

const columns: readonly Column<MovedTableFacts>[] = [
  { heading: 'TABLE', text: ({ table }) => table },
  { heading: 'ROWS', text: ({ rows }) => String(rows) },
  { heading: 'READ BACK', text: () => 'identical' },
];

/** Adds the two. */
export function addMoveCommands(program: Command, context: CommandContext): void {
  addMigrate(program, context);
  addExport(program, context);
}

function addMigrate(program: Command, { loadLocal, endWith }: CommandContext): void {
  program
    .command('migrate')
    .description('move everything of the SQLite database to an empty PostgreSQL, in one transaction, and compare every row; the server must be stopped')
    .requiredOption('--to <address>', 'postgres://user@host/database; a password in it is refused, since other users of this machine can see arguments: set PGPASSWORD')
    .addOption(outputOption(['table', 'json']))
    .addHelpText('after', '\nPasswords stay sealed as they are, so PostgreSQL needs the same keyring. The SQLite file is not changed.\n\nExample:\n  PGPASSWORD=… regway migrate --to postgres://regway@db.example/regway')
    .action(async ({ to, output }: { readonly to: string } & OutputOption) => {
      refusePasswordInAddress(to);
      const local = await loadLocal();
      endWith(await local.migrateCommand(to, (tables) => process.stdout.write(output === 'json' ? `${jsonText(tables)}\n` : describe(tables))));
    });
}

function addExport(program: Command, { loadLocal, endWith }: CommandContext): void {
  program
    .command('export')
    .description('print the registries as JSON, without passwords, with the server running or not')
    .option('--account <name>', 'only those of this account')
    .addHelpText('after', '\nFor review, or to make them anew: put "registry_pass" into the records, and give the file to "regway import". To take a store elsewhere with its passwords, use backup or migrate.\n\nExample:\n  regway export > registries.json')
    .action(async ({ account }: AccountOption) => {
      const local = await loadLocal();
      endWith(await local.exportCommand(account, (registries) => process.stdout.write(`${jsonText({ registries: registries.map(record) })}\n`)));
    });
}

/** As GET /registries names them, with what that leaves out, and as `import` reads them. */
function record(exported: ExportedRegistry): object {
  const { registry, username, type, name, secureConnection, trustedRealm, probeRepository, account, createdAt, updatedAt } = exported;
  return {
    registry,
    registry_user: username,
    registry_type: type.toLowerCase(),
    registry_name: name,
    registry_verify: secureConnection,
    trusted_realm: trustedRealm,
    probe_repository: probeRepository,
    account_name: account,
    created_at: createdAt,
    last_updated: updatedAt,
  };
}

function describe(tables: readonly MovedTableFacts[]): string {
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  return `${tablePrinter(columns, resultWidth())(tables)}\nMoved ${rows} rows. Set REGWAY_DATABASE_URL to this address, keep REGWAY_KEYRING_FILE as it is, and start the server.\nThe SQLite file is unchanged: put it away once the server runs, so that nobody starts on it by mistake.\n`;
}
