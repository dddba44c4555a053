// Commands `regway keys …`: show and rotate the keys of the data directory, also while a server runs on it.

import type { Command } from 'commander';
import type { CommandContext, DataRotationSummary, KeyStatusSummary, RootRotationSummary } from '../context.ts';
import { type Output, outputOption, type OutputOption } from '../options.ts';
import { withProgress } from '../terminal/progress.ts';
import { type Column, tablePrinter } from '../terminal/table.ts';
import { jsonText, resultWidth } from '../terminal/terminal.ts';

const where =
  '\nWorks on the data directory (REGWAY_DATA_DIR, REGWAY_DATABASE_URL, REGWAY_KEYRING_FILE), also while the server runs.\n';
const outputs = ['table', 'json'] as const;

const rootColumns: readonly Column<KeyStatusSummary['rootKeys'][number]>[] = [
  { heading: 'ROOT KEY', text: ({ id }) => id },
  { heading: 'WRAPS DATA KEYS', text: ({ dataKeys }) => String(dataKeys) },
];

const dataColumns: readonly Column<KeyStatusSummary['dataKeys'][number]>[] = [
  { heading: 'DATA KEY', text: ({ id }) => String(id) },
  { heading: 'STATE', text: ({ state }) => state.toLowerCase() },
  { heading: 'WRAPPED WITH', text: ({ rootKeyId }) => rootKeyId },
  { heading: 'PASSWORDS', text: ({ passwords }) => String(passwords) },
  { heading: 'CREATED', text: ({ createdAt }) => createdAt.toISOString().slice(0, 10) },
];

/** Adds `keys` and its commands. */
export function addKeysCommands(program: Command, context: CommandContext): void {
  const keys = program
    .command('keys')
    .description('Show and rotate the encryption keys of the data directory')
    .addHelpText('after', `${where}\nExamples:\n  # Show the keys\n  regway keys status`);
  addStatus(keys, context);
  addRotateData(keys, context);
  addRotateRoot(keys, context);
}

function addStatus(keys: Command, { loadDataCommands, endWith }: CommandContext): void {
  keys
    .command('status')
    .description('Show the keys, and how much each of them encrypts')
    .addOption(outputOption(outputs))
    .addHelpText('after', `${where}\nExamples:\n  # Show the keys as JSON\n  regway keys status -o json`)
    .action(async ({ output }: OutputOption) =>
      endWith(
        await (
          await loadDataCommands()
        ).runKeyStatus((status) => process.stdout.write(formatKeyStatus(status, output))),
      ),
    );
}

function addRotateData(keys: Command, { loadDataCommands, endWith }: CommandContext): void {
  keys
    .command('rotate-data')
    .description('Re-encrypt all passwords with a new data key and delete the old one; run again if interrupted')
    .addOption(outputOption(outputs))
    .addHelpText('after', `${where}\nExamples:\n  # Rotate the data key\n  regway keys rotate-data`)
    .action(async ({ output }: OutputOption) =>
      endWith(
        await withProgress(async (progress, print) =>
          (await loadDataCommands()).runRotateDataKey(
            (rotation) => print(formatDataRotation(rotation, output)),
            progress,
          ),
        ),
      ),
    );
}

function addRotateRoot(keys: Command, { loadDataCommands, endWith }: CommandContext): void {
  keys
    .command('rotate-root')
    .description(
      'Add a new root key to the keyring, rewrap all data keys with it, and remove the old one; run again if interrupted',
    )
    .addOption(outputOption(outputs))
    .addHelpText(
      'after',
      `${where}To use a key of your own, add it as the first line of the keyring file.\n\nExamples:\n  # Rotate the root key\n  regway keys rotate-root`,
    )
    .action(async ({ output }: OutputOption) =>
      endWith(
        await (
          await loadDataCommands()
        ).runRotateRootKey((rotation) => process.stdout.write(formatRootRotation(rotation, output))),
      ),
    );
}

/** Formats the keys, ending with a newline. */
function formatKeyStatus(status: KeyStatusSummary, output: Output): string {
  if (output === 'json') return `${jsonText(status)}\n`;
  const roots = tablePrinter(rootColumns, resultWidth())(status.rootKeys);
  const data = tablePrinter(dataColumns, resultWidth())(status.dataKeys);
  return `Keyring: ${status.keyringFile}\n\n${roots}\n\n${data}\n`;
}

/** Formats the result of a data key rotation, ending with a newline. */
function formatDataRotation(rotation: DataRotationSummary, output: Output): string {
  if (output === 'json') return `${jsonText(rotation)}\n`;
  const { activeId, wasInterrupted, resealed, unreadable, leftInLog } = rotation;
  const begin = wasInterrupted ? `Completed an interrupted rotation` : `Data key ${activeId} is now active`;
  const left = unreadable.map(
    (id) =>
      `The old key is kept for ${id}, whose password cannot be decrypted. Enter it again with "regway registry update".\n`,
  );
  return `${begin}: ${resealed} passwords were re-encrypted.\n${left.join('')}${logAdvice(leftInLog)}`;
}

/** Formats the result of a root key rotation, ending with a newline. */
function formatRootRotation(rotation: RootRotationSummary, output: Output): string {
  if (output === 'json') return `${jsonText(rotation)}\n`;
  const { rootKeyId, leftInFile, leftInLog } = rotation;
  const left = leftInFile.map((id) => `The keyring file is not writable. Remove the line of the key ${id} from it.\n`);
  return `Root key ${rootKeyId} now wraps all data keys. Store a copy of the keyring separately from the database.\n${left.join('')}${logAdvice(leftInLog)}`;
}

function logAdvice(leftInLog: boolean): string {
  return leftInLog
    ? 'A long-running reader keeps the write-ahead log (-wal) open, which still contains data that the old key decrypts. Run this again when the reader has finished.\n'
    : '';
}
