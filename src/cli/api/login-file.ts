// The file of `regway login`: one server and its token, readable only by this user.

import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Secret } from '../../core/shared/secret.ts';
import type { CommandLineSettings } from '../context.ts';
import { usageError } from '../errors.ts';

export interface Login {
  /** As returned by `parseServerUrl`. */
  readonly url: string;
  readonly token: Secret;
}

/** Returns the path of the file, whether or not it exists; undefined if the user has no home. */
export function loginFile({ configDir }: Pick<CommandLineSettings, 'configDir'>): string | undefined {
  return configDir === undefined ? undefined : join(configDir, 'regway', 'login.json');
}

/** Returns the path of the file, whether or not it exists. @throws CommandFailure if the user has no home. */
export function requireLoginFile(settings: Pick<CommandLineSettings, 'configDir'>): string {
  const file = loginFile(settings);
  if (file === undefined)
    throw usageError(
      'This user has no home directory to save a login in. Set XDG_CONFIG_HOME to a directory, or set REGWAY_URL and REGWAY_TOKEN instead.',
    );
  return file;
}

/** Reads the file; returns undefined if it does not exist. @throws CommandFailure if it is unreadable or damaged. */
export async function readLogin(file: string): Promise<Login | undefined> {
  const content = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw usageError(`${file} cannot be read (${error.code ?? 'unknown'}).`);
  });
  return content === undefined ? undefined : parse(content, file);
}

/** Replaces the file atomically, with mode 0600 from its first byte. */
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

/** Removes the file. Returns false if it did not exist. */
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
    // Reported below, because the parser's message would repeat a part of the file.
  }
  throw usageError(`${file} is damaged. Run "regway login" again.`);
}
