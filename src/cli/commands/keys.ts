// `regway keys …`: the keys of the data directory, and their rotation while a server runs on it.

import type { Command } from 'commander';
import type { CommandContext } from '../context.ts';
import { formatDataRotation, formatKeyStatus, formatRootRotation } from './keys-output.ts';
import { outputOption, type OutputOption } from '../options.ts';

const where = '\nIt works on the data directory (REGWAY_DATA_DIR, REGWAY_DATABASE_URL, REGWAY_KEYRING_FILE), with the server running or not.\n';
const outputs = ['table', 'json'] as const;

/** Adds `keys` and its commands. */
export function addKeysCommands(program: Command, context: CommandContext): void {
  const keys = program.command('keys').description('the keys that passwords are sealed with, on the data directory').addHelpText('after', `${where}\nExample:\n  regway keys status`);
  addStatus(keys, context);
  addRotateData(keys, context);
  addRotateRoot(keys, context);
}

function addStatus(keys: Command, { loadLocal, endWith }: CommandContext): void {
  keys
    .command('status')
    .description('show which keys there are and what each of them opens')
    .addOption(outputOption(outputs))
    .addHelpText('after', `${where}\nExample:\n  regway keys status -o json`)
    .action(async ({ output }: OutputOption) => endWith(await (await loadLocal()).keyStatusCommand((status) => process.stdout.write(formatKeyStatus(status, output)))));
}

function addRotateData(keys: Command, { loadLocal, endWith }: CommandContext): void {
  keys
    .command('rotate-data')
    .description('seal every password with a new data key and delete the old one; repeat it when it was interrupted')
    .addOption(outputOption(outputs))
    .addHelpText('after', `${where}\nExample:\n  regway keys rotate-data`)
    .action(async ({ output }: OutputOption) => endWith(await (await loadLocal()).rotateDataKeyCommand((rotation) => process.stdout.write(formatDataRotation(rotation, output)))));
}

function addRotateRoot(keys: Command, { loadLocal, endWith }: CommandContext): void {
  keys
    .command('rotate-root')
    .description('put a new root key in the keyring file, wrap every data key with it, and take the old one out; repeat it when it was interrupted')
    .addOption(outputOption(outputs))
    .addHelpText('after', `${where}A new key that you put first in the file yourself is used instead of one made here.\n\nExample:\n  regway keys rotate-root`)
    .action(async ({ output }: OutputOption) => endWith(await (await loadLocal()).rotateRootKeyCommand((rotation) => process.stdout.write(formatRootRotation(rotation, output)))));
}
