// What `regway login` remembers: one server and its token, in a file that only this user can read.

import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Secret } from '../../core/shared/secret.ts';
import type { CommandLineSettings } from '../context.ts';
import { usageError } from '../errors.ts';

export interface Login {
  /** As `parseServerUrl` gives it. */
  readonly url: string;
  readonly token: Secret;
}

/** Path of the file, there or not. */
export function loginFile({ configDir }: Pick<CommandLineSettings, 'configDir'>): string {
  return join(configDir, 'regway', 'login.json');
}

/** Undefined when there is none. @throws CommandFailure when the file is not what `saveLogin` writes. */
export async function readLogin(file: string): Promise<Login | undefined> {
  const content = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw usageError(`${file} cannot be read (${error.code ?? 'unknown'}).`);
  });
  return content === undefined ? undefined : parse(content, file);
}

/** Writes the file anew, mode 0600 from its first byte, in one step: a reader sees the old one or the new one. */
export async function saveLogin(file: string, { url, token }: Login): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${randomUUID()}`;
  try {
    await writeFile(draft, `${JSON.stringify({ url, token: token.reveal() })}\n`, { mode: 0o600, flag: 'wx' });
    await rename(draft, file);
  } finally {
    await rm(draft, { force: true });
  }
}

/** Removes the file. Gives false when there was none. */
export async function removeLogin(file: string): Promise<boolean> {
  return rm(file).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false;
      throw error;
    },
  );
}

function parse(content: string, file: string): Login {
  try {
    const { url, token } = JSON.parse(content) as Record<string, unknown>;
    if (typeof url === 'string' && typeof token === 'string') return { url, token: new Secret(token) };
  } catch {
    // Said below: the parser's own message would repeat a piece of the file.
  }
  throw usageError(`${file} is damaged: run regway login again.`);
}
