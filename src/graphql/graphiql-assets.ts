// Writes the files of GraphiQL at build time, so that the running server needs neither a CDN nor the package they come from.

import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

const icon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0b62a8"/><path d="M9 24V8h8a5 5 0 0 1 0 10H9m8 0 6 6" fill="none" stroke="#fff" stroke-width="3.5" stroke-linecap="round" stroke-linejoin="round"/></svg>\n';

/**
 * Writes every file that `graphiql.ts` serves, gzipped, into a directory; makes it if needed.
 * The page names the files with a version made of their content, so that a browser never mixes two builds.
 */
export async function writeGraphiqlAssets(targetDir: string): Promise<void> {
  const graphiql = await import('@graphql-yoga/render-graphiql/graphiql');
  const files = {
    'page.js': await ownFile('graphiql-page.js'),
    'page.css': await ownFile('graphiql-page.css'),
    'icon.svg': icon,
    'graphiql.js': graphiql.js,
    'graphiql.css': graphiql.css,
    'editor.worker.js': graphiql.editorWorkerService,
    'json.worker.js': graphiql.jsonWorker,
    'graphql.worker.js': graphiql.graphqlWorker,
  };
  const version = versionOf(Object.values(files));
  const page = (await ownFile('graphiql-page.html')).replaceAll('{{version}}', version);
  await mkdir(targetDir, { recursive: true });
  for (const [name, text] of Object.entries({ ...files, 'index.html': page })) {
    await writeFile(join(targetDir, `${name}.gz`), gzipSync(text, { level: 9 }));
  }
}

function ownFile(name: string): Promise<string> {
  return readFile(join(import.meta.dirname, name), 'utf8');
}

function versionOf(texts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const text of texts) hash.update(text);
  return hash.digest('hex').slice(0, 12);
}
