// Warns about files of the data directory that other users of the machine can read.

import { type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { shellWord } from '../../core/shared/shell.ts';
import { isPostgres } from '../../database/database.ts';
import type { Log } from '../../server/ops/log.ts';
import type { Config } from '../config.ts';

/** Writes one warning for all of them, with the command that closes them. A keyring that is open is refused, not warned about. */
export function warnAboutOpenFiles(config: Config, log: Pick<Log, 'warn'>): void {
  const { dataDir, databaseUrl, keyringFile } = config;
  const files = isPostgres(databaseUrl) ? [] : ['', '-wal', '-shm'].map((suffix) => databaseUrl + suffix);
  // Any other directory with a file of Regway may be one that all share, such as /etc or a mount of Kubernetes.
  const isUsed = [keyringFile, ...files].some((file) => dirname(file) === dataDir);
  const commands = [...(isUsed ? [dataDir] : []), ...files].flatMap((path) => closingCommand(path) ?? []);
  if (commands.length === 0) return;
  log.warn(
    { command: commands.join(' && ') },
    'files of Regway are open to other users of this machine: run the command to close them',
  );
}

/** Returns the command, or undefined if the path is closed, or does not exist for this process. */
function closingCommand(path: string): string | undefined {
  const file = statOf(path);
  if (file === undefined || !isOpen(file)) return undefined;
  const who = file.uid === process.geteuid?.() ? 'go' : 'o';
  return `chmod ${who}-rwx ${shellWord(path)}`;
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    // Such as EACCES. The code that opens the file reports why it cannot.
    return undefined;
  }
}

/** Of another owner's file, such as a volume of Kubernetes with fsGroup, the group may be the way in which this process itself gets to it. */
function isOpen({ mode, uid }: Stats): boolean {
  return (mode & (uid === process.geteuid?.() ? 0o077 : 0o007)) !== 0;
}
