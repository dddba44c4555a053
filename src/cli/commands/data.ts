// Commands `regway backup`, `restore`, `verify`, `migrate`, and `export`: copy the data directory's database, or verify it.

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
import { withProgress } from '../terminal/progress.ts';
import { type Column, tablePrinter } from '../terminal/table.ts';
import { jsonListPrinter, jsonText, resultWidth } from '../terminal/terminal.ts';

interface ForceOption {
  readonly force?: boolean;
}

const keyringHelp = `
A backup contains the encrypted passwords but not the keyring (REGWAY_KEYRING_FILE) that decrypts them. Store a copy of the keyring
separately: a backup cannot be decrypted without it, and anyone who has both has every password.
`;

const checkColumns: readonly Column<CheckSummary>[] = [
  { heading: 'CHECK', text: ({ name }) => name },
  { heading: 'RESULT', text: ({ state }) => state },
  { heading: 'DETAILS', text: ({ message }) => message },
];

const movedTableColumns: readonly Column<MovedTableSummary>[] = [
  { heading: 'TABLE', text: ({ table }) => table },
  { heading: 'ROWS', text: ({ rows }) => String(rows) },
  { heading: 'READ BACK', text: () => 'identical' },
];

/** Adds `backup`, `restore`, `verify`, `migrate`, and `export`. */
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
    .description('Back up the database to a file; works while the server runs')
    .argument('<file>', 'File to create, with mode 0600')
    .option('--force', 'Overwrite an existing file')
    .addOption(outputOption(['table', 'json']))
    .addHelpText(
      'after',
      `${keyringHelp}\nExamples:\n  # Back up the database\n  regway backup /var/backups/regway-monday.db`,
    )
    .action(async (file: string, { force = false, output }: ForceOption & OutputOption) => {
      const local = await loadDataCommands();
      endWith(
        await withProgress((progress, print) =>
          local.runBackup(
            file,
            force,
            (backup) => print(output === 'json' ? `${jsonText(backup)}\n` : describeBackup(backup)),
            progress,
          ),
        ),
      );
    });
}

function addRestore(program: Command, { loadDataCommands, endWith }: CommandContext): void {
  program
    .command('restore')
    .description('Replace the database with a verified backup; stop the server first')
    .argument('<file>', 'File created by "regway backup"')
    .option('--force', 'Keep an existing database under another name')
    .addOption(outputOption(['table', 'json']))
    .addHelpText(
      'after',
      `${keyringHelp}Restore that keyring first; a backup that it cannot decrypt is rejected.\nThe restore brings back the state of the backup: tokens that were revoked after it are active again.\n\nExamples:\n  # Restore a backup\n  regway restore /var/backups/regway-monday.db`,
    )
    .action(async (file: string, { force = false, output }: ForceOption & OutputOption) => {
      const local = await loadDataCommands();
      endWith(
        await withProgress((progress, print) =>
          local.runRestore(
            file,
            force,
            (restoration) => print(output === 'json' ? `${jsonText(restoration)}\n` : describeRestoration(restoration)),
            progress,
          ),
        ),
      );
    });
}

function addVerify(program: Command, { loadDataCommands, endWith }: CommandContext): void {
  program
    .command('verify')
    .description('Verify the database, keyring, passwords, and audit trail; exits with status 1 on failure')
    .argument('[file]', 'Backup to verify (default: the database of the data directory)')
    .addOption(outputOption(['table', 'json']))
    .addHelpText(
      'after',
      '\nWrites nothing and prints no password. Works while the server runs.\n\nExamples:\n  # Verify the data directory\n  regway verify\n\n  # Verify a backup\n  regway verify /var/backups/regway-monday.db',
    )
    .action(async (file: string | undefined, { output }: OutputOption) => {
      const local = await loadDataCommands();
      endWith(
        await withProgress((progress, print) =>
          local.runVerify(
            file,
            (checks) => print(output === 'json' ? `${jsonText(checks)}\n` : `${tableOf(checks)}\n`),
            progress,
          ),
        ),
      );
    });
}

function addMigrate(program: Command, { loadDataCommands, endWith }: CommandContext): void {
  program
    .command('migrate')
    .description(
      'Copy the SQLite database to an empty PostgreSQL database in one transaction, and compare every row; stop the server first',
    )
    .requiredOption(
      '--to <address>',
      'postgres://user@host/database, without a password, because other users of this machine can see arguments; set PGPASSWORD',
    )
    .addOption(outputOption(['table', 'json']))
    .addHelpText(
      'after',
      '\nPasswords are copied encrypted, so the server needs the same keyring afterwards. The SQLite file is not changed.\n\nExamples:\n  # Migrate to PostgreSQL\n  PGPASSWORD=… regway migrate --to postgres://regway@db.example/regway',
    )
    .action(async ({ to, output }: { readonly to: string } & OutputOption) => {
      refusePasswordInAddress(to);
      const local = await loadDataCommands();
      endWith(
        await withProgress((progress, print) =>
          local.runMigrate(
            to,
            (tables) => print(output === 'json' ? `${jsonText(tables)}\n` : describeMove(tables)),
            progress,
          ),
        ),
      );
    });
}

function addExport(program: Command, { loadDataCommands, endWith }: CommandContext): void {
  program
    .command('export')
    .description('Print the registries as JSON, without passwords; works while the server runs')
    .option('--account <name>', 'Only registries of this account')
    .addHelpText(
      'after',
      '\nTo recreate the registries elsewhere, add "registry_pass" to each record and pass the file to "regway import". To move the data with its passwords, use backup or migrate.\n\nExamples:\n  # Export all registries\n  regway export > registries.json',
    )
    .action(async ({ account }: AccountOption) => {
      const local = await loadDataCommands();
      const list = jsonListPrinter('registries');
      let printed = 0;
      const exitCode = await withProgress(
        (progress) =>
          local.runExport(account, async (registries) => {
            await list.print(registries.map(record));
            progress('Exporting registries', (printed += registries.length));
          }),
        { hidden: process.stdout.isTTY },
      );
      if (exitCode === 0) await list.end();
      endWith(exitCode);
    });
}

function describeBackup({ file, bytes, registries, rootKeyIds, keyringFile }: BackupSummary): string {
  const keys = rootKeyIds.length === 0 ? '' : ` (root key ${rootKeyIds.join(', ')})`;
  return `Backed up ${registries} registries to ${file} (${bytes} bytes).\nIts passwords can be decrypted only with the keyring${keys}. Keep a copy of ${keyringFile} too, but not next to this file.\n`;
}

function describeRestoration({ restored, checks, aside }: RestorationSummary): string {
  const verdict = restored
    ? 'Restored. Start the server.'
    : 'Nothing was restored: the backup did not pass verification.';
  return `${tableOf(checks)}\n${aside === undefined ? '' : `The previous database is now ${aside}.\n`}${verdict}\n`;
}

function tableOf(checks: readonly CheckSummary[]): string {
  return tablePrinter(checkColumns, resultWidth())(checks);
}

/** Formats a registry with the keys of GET /registries, which `import` reads, plus the keys that GET omits. */
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
  return `${tablePrinter(movedTableColumns, resultWidth())(tables)}\nMoved ${rows} rows. Set REGWAY_DATABASE_URL to this address, keep REGWAY_KEYRING_FILE as it is, and start the server.\nThe SQLite file is unchanged. Move it elsewhere once the server runs, so that no server starts on it by mistake.\n`;
}
