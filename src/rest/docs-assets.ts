// Writes the files of the API browser at build time, so that the running server needs neither a CDN nor the package they come from.

import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

/**
 * Writes every file that `docs.ts` serves, gzipped, into a directory; makes it if needed.
 * The page names the files with a version made of their content, so that a browser never mixes two builds.
 */
export async function writeDocsAssets(targetDir: string): Promise<void> {
  const files = {
    'page.js': await ownFile('docs-page.js'),
    'page.css': await ownFile('docs-page.css'),
    'icon.svg': await ownFile('docs-icon.svg'),
    'swagger-ui.js': await packageFile('swagger-ui-bundle.js'),
    'swagger-ui.css': await packageFile('swagger-ui.css'),
  };
  const version = versionOf(Object.values(files));
  const page = (await ownFile('docs-page.html')).replaceAll('{{version}}', version);
  await mkdir(targetDir, { recursive: true });
  for (const [name, text] of Object.entries({ ...files, 'index.html': page })) {
    await writeFile(join(targetDir, `${name}.gz`), gzipSync(text, { level: 9 }));
  }
}

function ownFile(name: string): Promise<string> {
  return readFile(join(import.meta.dirname, name), 'utf8');
}

/** Source maps are not served, so the line that names one goes. */
async function packageFile(name: string): Promise<string> {
  const directory = dirname(fileURLToPath(import.meta.resolve('swagger-ui-dist/package.json')));
  const text = await readFile(join(directory, name), 'utf8');
  return text.replace(/\n?(?:\/\/|\/\*)# sourceMappingURL=\S+(?: ?\*\/)?\s*$/, '\n');
}

function versionOf(texts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(text);
  return hash.digest('hex').slice(0, 12);
}
