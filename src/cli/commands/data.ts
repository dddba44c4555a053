// `regway backup`, `restore`, `verify`, `migrate` and `export`: copies of the data, and whether what is stored can be used.

import type { Command } from 'commander';
import type {
  BackupSummary,
  CheckSummary,
  CommandContext,
  ExportedRegistry,
  MovedTableSummary,
  RestorationSummary,
} from '../context.ts';
import { type AccountOption, outputOption, type OutputOption } from '../options.ts';
import { refusePasswordInAddress } from '../terminal/password.ts';
import { type Column, tablePrinter } from '../terminal/table.ts';
import { jsonText, resultWidth } from '../terminal/terminal.ts';

interface ForceOption {
  readonly force?: boolean;
}

const keyringHelp = `
A backup holds the passwords sealed. To read them it takes the keyring as well (REGWAY_KEYRING_FILE), which is not in it on purpose:
keep a copy of the keyring somewhere else. One without the other opens nothing; whoever has both has every password.
`;

const checkColumns: readonly Column<CheckSummary>[] = [
  { heading: 'CHECK', text: ({ name }) => name },
  { heading: 'RESULT', text: ({ state }) => state },
  { heading: 'WHAT WAS FOUND', text: ({ message }) => message },
];

const movedTableColumns: readonly Column<MovedTableSummary>[] = [
  { heading: 'TABLE', text: ({ table }) => table },
  { heading: 'ROWS', text: ({ rows }) => String(rows) },
  { heading: 'READ BACK', text: () => 'identical' },
];

/** Adds `backup`, `restore`, `verify`, `migrate` and `export`. */
export function addDataCommands(program: Command, context: CommandContext): void {
  addBackup(program, context);
  addRestore(program, context);
  addVerify(program, context);
  addMigrate(program, context);
  addExport(program, context);
}

function addBackup(program: Command, { loadDataCommands, endWith }: CommandContext): void {
  program
    .command('backup')
    .description('copy the database of the data directory to a file, of one moment, with the server running or not')
    .argument('<file>', 'the file to make, with mode 0600')
    .option('--force', 'replace a file of this name')
    .addOption(outputOption(['table', 'json']))
    .addHelpText('after', `${keyringHelp}\nExample:\n  regway backup /var/backups/regway-monday.db`)
    .action(async (file: string, { force = false, output }: ForceOption & OutputOption) => {
      const local = await loadDataCommands();
      endWith(
        await local.runBackup(file, force, (backup) =>
          process.stdout.write(output === 'json' ? `${jsonText(backup)}\n` : describeBackup(backup)),
        ),
      );
    });
}

function addRestore(program: Command, { loadDataCommands, endWith }: CommandContext): void {
  program
    .command('restore')
    .description('put a backup in the place of the database, once it was verified; the server must be stopped')
    .argument('<file>', 'what "regway backup" made')
    .option('--force', 'put a database that is there aside, under another name')
    .addOption(outputOption(['table', 'json']))
    .addHelpText(
      'after',
      `${keyringHelp}Put that keyring in place first; a backup that it does not open is refused.\nEverything is then as it was: tokens that were revoked since the backup are in force again.\n\nExample:\n  regway restore /var/backups/regway-monday.db`,
    )
    .action(async (file: string, { force = false, output }: ForceOption & OutputOption) => {
      const local = await loadDataCommands();
      endWith(
        await local.runRestore(file, force, (restoration) =>
          process.stdout.write(output === 'json' ? `${jsonText(restoration)}\n` : describeRestoration(restoration)),
        ),
      );
    });
}

function addVerify(program: Command, { loadDataCommands, endWith }: CommandContext): void {
  program
    .command('verify')
    .description(
      'check that the database is sound, that the keyring is its own, that every password opens, and that the audit trail is whole; ends with 1 if not',
    )
    .argument('[file]', 'a backup to look at, in place of the database of the data directory')
    .addOption(outputOption(['table', 'json']))
    .addHelpText(
      'after',
      '\nIt writes nothing, and shows no password. The server may run.\n\nExample:\n  regway verify\n  regway verify /var/backups/regway-monday.db',
    )
    .action(async (file: string | undefined, { output }: OutputOption) => {
      const local = await loadDataCommands();
      endWith(
        await local.runVerify(file, (checks) =>
          process.stdout.write(output === 'json' ? `${jsonText(checks)}\n` : `${tableOf(checks)}\n`),
        ),
      );
    });
}

function addMigrate(program: Command, { loadDataCommands, endWith }: CommandContext): void {
  program
    .command('migrate')
    .description(
      'move everything of the SQLite database to an empty PostgreSQL, in one transaction, and compare every row; the server must be stopped',
    )
    .requiredOption(
      '--to <address>',
      'postgres://user@host/database; a password in it is refused, since other users of this machine can see arguments: set PGPASSWORD',
    )
    .addOption(outputOption(['table', 'json']))
    .addHelpText(
      'after',
      '\nPasswords stay sealed as they are, so PostgreSQL needs the same keyring. The SQLite file is not changed.\n\nExample:\n  PGPASSWORD=… regway migrate --to postgres://regway@db.example/regway',
    )
    .action(async ({ to, output }: { readonly to: string } & OutputOption) => {
      refusePasswordInAddress(to);
      const local = await loadDataCommands();
      endWith(
        await local.runMigrate(to, (tables) =>
          process.stdout.write(output === 'json' ? `${jsonText(tables)}\n` : describeMove(tables)),
        ),
      );
    });
}

function addExport(program: Command, { loadDataCommands, endWith }: CommandContext): void {
  program
    .command('export')
    .description('print the registries as JSON, without passwords, with the server running or not')
    .option('--account <name>', 'only those of this account')
    .addHelpText(
      'after',
      '\nFor review, or to make them anew: put "registry_pass" into the records, and give the file to "regway import". To take a store elsewhere with its passwords, use backup or migrate.\n\nExample:\n  regway export > registries.json',
    )
    .action(async ({ account }: AccountOption) => {
      const local = await loadDataCommands();
      endWith(
        await local.runExport(account, (registries) =>
          process.stdout.write(`${jsonText({ registries: registries.map(record) })}\n`),
        ),
      );
    });
}

function describeBackup({ file, bytes, registries, rootKeyIds, keyringFile }: BackupSummary): string {
  const keys = rootKeyIds.length === 0 ? '' : ` (root key ${rootKeyIds.join(', ')})`;
  return `Backed up ${registries} registries to ${file} (${bytes} bytes).\nIts passwords open only with the keyring${keys}: keep a copy of ${keyringFile} too, and not beside this file.\n`;
}

function describeRestoration({ restored, checks, aside }: RestorationSummary): string {
  const verdict = restored
    ? 'Restored. Start the server.'
    : 'Nothing was restored: the backup cannot be used as it is.';
  return `${tableOf(checks)}\n${aside === undefined ? '' : `The database that was there is now ${aside}.\n`}${verdict}\n`;
}

function tableOf(checks: readonly CheckSummary[]): string {
  return tablePrinter(checkColumns, resultWidth())(checks);
}

/** As GET /registries names them, with what that leaves out, and as `import` reads them. */
function record(exported: ExportedRegistry): object {
  const {
    registry,
    username,
    type,
    name,
    secureConnection,
    trustedRealm,
    probeRepository,
    account,
    createdAt,
    updatedAt,
  } = exported;
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

function describeMove(tables: readonly MovedTableSummary[]): string {
  const rows = tables.reduce((sum, table) => sum + table.rows, 0);
  return `${tablePrinter(movedTableColumns, resultWidth())(tables)}\nMoved ${rows} rows. Set REGWAY_DATABASE_URL to this address, keep REGWAY_KEYRING_FILE as it is, and start the server.\nThe SQLite file is unchanged: put it away once the server runs, so that nobody starts on it by mistake.\n`;
}
