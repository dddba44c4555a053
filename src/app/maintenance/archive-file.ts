// Reads and writes the files of archives: one line at a time, and on the disk before they get their name.

import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, existsSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import type { ArchiveFile } from '../../core/audit/archiving.ts';
import type { ArchiveSource } from '../../core/audit/archive-verification.ts';
import { Problem } from '../../core/shared/problem.ts';
import { moveDurablyToFreeName } from '../../database/sqlite/files.ts';

/** Maximum length of a line, in bytes. An event has a few hundred; the header of its request ID and the subject of its actor are bounded. */
const maxLineBytes = 1024 * 1024;

const newline = 10;

/** Opens an archive to read it once. Reading throws Problem `INVALID_INPUT` if it cannot be read. */
export function openArchive(path: string): ArchiveSource {
  const hash = createHash('sha256');
  return { name: path, lines: linesOf(path, (chunk) => hash.update(chunk)), digest: () => hash.digest('hex') };
}

/** Returns the file that an archive is written to. @param path absolute. */
export function archiveFile(path: string): ArchiveFile {
  return {
    name: path,
    open: () => (existsSync(path) ? openArchive(path) : undefined),
    create: (pieces) => createFile(path, pieces),
  };
}

/** Yields the lines that end with a newline; an empty one in place of a line that is too long or not UTF-8. */
async function* linesOf(path: string, onChunk: (chunk: Buffer) => void): AsyncGenerator<string> {
  let rest = Buffer.alloc(0);
  let isTooLong = false;
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      onChunk(chunk);
      let start = 0;
      for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
        yield isTooLong ? '' : decode(Buffer.concat([rest, chunk.subarray(start, end)]));
        [rest, isTooLong, start] = [Buffer.alloc(0), false, end + 1];
      }
      rest = Buffer.concat([rest, chunk.subarray(start)]);
      isTooLong ||= rest.length > maxLineBytes;
      if (isTooLong) rest = Buffer.alloc(0);
    }
  } catch (error) {
    throw new Problem('INVALID_INPUT', `The archive ${path} cannot be read (${codeOf(error)}).`, { cause: error });
  }
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return '';
  }
}

/** Writes a file that only its owner can read. A killed process leaves a file with a temporary name next to it. */
async function createFile(path: string, pieces: AsyncIterable<string>): Promise<void> {
  const temporary = `${path}.${randomBytes(8).toString('hex')}.tmp`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      for await (const piece of pieces) await file.appendFile(piece);
    } finally {
      await file.close();
    }
    moveDurablyToFreeName(temporary, path);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EEXIST')
      throw new Problem('ALREADY_EXISTS', `${path} already exists. Choose another name.`, { cause: error });
    if (error instanceof Problem || !/^E[A-Z]+$/.test(code)) throw error;
    throw new Problem('INVALID_INPUT', `The archive cannot be written to ${path} (${code}).`, { cause: error });
  } finally {
    await rm(temporary, { force: true });
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
