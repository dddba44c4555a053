// Builds the console with Vite and lays a compressed twin beside each file, so that the server compresses nothing.

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { env } from 'node:process';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { build } from 'vite';

const configFile = fileURLToPath(new URL('../console/vite.config.ts', import.meta.url));

/** Writes the built console into a directory. Gives the paths of the modules in it. */
export async function writeConsole(targetDir: string): Promise<string[]> {
  // A NODE_ENV that is set already, as by a test runner, would make Vite take React's slower form for development.
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
