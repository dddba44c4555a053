// Builds the console with Vite and writes a compressed copy next to each file, so that the server does not compress anything.

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { env } from 'node:process';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'vite';

const configFile = fileURLToPath(new URL('../console/vite.config.ts', import.meta.url));

/** Writes the built console into a directory. Returns the paths of the modules it contains. */
export async function writeConsole(targetDir: string): Promise<string[]> {
  // With another NODE_ENV, such as the one of a test runner, Vite would bundle React's slower development build.
  env['NODE_ENV'] = 'production';
  const built = await build({ configFile, build: { outDir: targetDir } });
  const outputs = [built].flat().flatMap((part) => ('output' in part ? part.output : []));
  const files = (await readdir(targetDir, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
  await Promise.all(files.map(({ parentPath, name }) => compress(join(parentPath, name))));
  return outputs.flatMap((file) => (file.type === 'chunk' ? file.moduleIds : []));
}

async function compress(path: string): Promise<void> {
  const content = await readFile(path);
  await writeFile(`${path}.gz`, gzipSync(content, { level: 9 }));
  await writeFile(
    `${path}.br`,
    brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: content.length } }),
  );
}
