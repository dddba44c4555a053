// `regway keys …`: the keys of the data directory, and their rotation while a server runs on it.

import type { Command } from 'commander';
import type { CommandContext, DataRotationSummary, KeyStatusSummary, RootRotationSummary } from '../context.ts';
import { type Output, outputOption, type OutputOption } from '../options.ts';
import { type Column, tablePrinter } from '../terminal/table.ts';
import { jsonText, resultWidth } from '../terminal/terminal.ts';

const where =
  '\nIt works on the data directory (REGWAY_DATA_DIR, REGWAY_DATABASE_URL, REGWAY_KEYRING_FILE), with the server running or not.\n';
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
    .description('the keys that passwords are sealed with, on the data directory')
    .addHelpText('after', `${where}\nExample:\n  regway keys status`);
  addStatus(keys, context);
  addRotateData(keys, context);
  addRotateRoot(keys, context);
}

function addStatus(keys: Command, { loadDataCommands, endWith }: CommandContext): void {
  keys
    .command('status')
    .description('show which keys there are and what each of them opens')
    .addOption(outputOption(outputs))
    .addHelpText('after', `${where}\nExample:\n  regway keys status -o json`)
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
    .description('seal every password with a new data key and delete the old one; repeat it when it was interrupted')
    .addOption(outputOption(outputs))
    .addHelpText('after', `${where}\nExample:\n  regway keys rotate-data`)
    .action(async ({ output }: OutputOption) =>
      endWith(
        await (
          await loadDataCommands()
        ).runRotateDataKey((rotation) => process.stdout.write(formatDataRotation(rotation, output))),
      ),
    );
}

function addRotateRoot(keys: Command, { loadDataCommands, endWith }: CommandContext): void {
  keys
    .command('rotate-root')
    .description(
      'put a new root key in the keyring file, wrap every data key with it, and take the old one out; repeat it when it was interrupted',
    )
    .addOption(outputOption(outputs))
    .addHelpText(
      'after',
      `${where}A new key that you put first in the file yourself is used instead of one made here.\n\nExample:\n  regway keys rotate-root`,
    )
    .action(async ({ output }: OutputOption) =>
      endWith(
        await (
          await loadDataCommands()
        ).runRotateRootKey((rotation) => process.stdout.write(formatRootRotation(rotation, output))),
      ),
    );
}

/** The keys, with the line end of the last line. */
function formatKeyStatus(status: KeyStatusSummary, output: Output): string {
  if (output === 'json') return `${jsonText(status)}\n`;
  const roots = tablePrinter(rootColumns, resultWidth())(status.rootKeys);
  const data = tablePrinter(dataColumns, resultWidth())(status.dataKeys);
  return `Keyring: ${status.keyringFile}\n\n${roots}\n\n${data}\n`;
}

/** What a rotation of the data key did. */
function formatDataRotation(rotation: DataRotationSummary, output: Output): string {
  if (output === 'json') return `${jsonText(rotation)}\n`;
  const { activeId, wasInterrupted, resealed, unreadable, leftInLog } = rotation;
  const begin = wasInterrupted ? `An interrupted rotation was ended` : `Data key ${activeId} seals now`;
  const left = unreadable.map(
    (id) =>
      `Its old key stays for ${id}, whose password cannot be read: enter it again with "regway registry update".\n`,
  );
  return `${begin}: ${resealed} passwords were sealed anew.\n${left.join('')}${logAdvice(leftInLog)}`;
}

/** What a rotation of the root key did. */
function formatRootRotation(rotation: RootRotationSummary, output: Output): string {
  if (output === 'json') return `${jsonText(rotation)}\n`;
  const { rootKeyId, leftInFile, leftInLog } = rotation;
  const left = leftInFile.map(
    (id) => `The keyring file cannot be written here: take the line of the key ${id} out of it.\n`,
  );
  return `Root key ${rootKeyId} wraps every data key now. Keep a copy of the keyring apart from the database.\n${left.join('')}${logAdvice(leftInLog)}`;
}

function logAdvice(leftInLog: boolean): string {
  return leftInLog
    ? 'Something reads the database for long, so its log (-wal) still holds what the old key opens: repeat this once that has ended.\n'
    : '';
}
