// Writes the files of GraphiQL and of the API browser, so that the running server requires neither a CDN nor their packages.

import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const graphiqlSource = fileURLToPath(new URL('../server/graphql/graphiql/', import.meta.url));
const docsSource = fileURLToPath(new URL('../server/rest/docs/', import.meta.url));

const graphiqlIcon =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#0b62a8"/><path d="M9 24V8h8a5 5 0 0 1 0 10H9m8 0 6 6" fill="none" stroke="#fff" stroke-width="3.5" stroke-linecap="round" stroke-linejoin="round"/></svg>\n';

/** Writes every file that `graphiql.ts` serves, plain and gzipped, into a directory; creates it if needed. */
export async function writeGraphiqlAssets(targetDir: string): Promise<void> {
  const graphiql = await import('@graphql-yoga/render-graphiql/graphiql');
  await writePage(targetDir, graphiqlSource, {
    'page.js': await readFile(join(graphiqlSource, 'page.js'), 'utf8'),
    'page.css': await readFile(join(graphiqlSource, 'page.css'), 'utf8'),
    'icon.svg': graphiqlIcon,
    'graphiql.js': graphiql.js,
    'graphiql.css': graphiql.css,
    'editor.worker.js': graphiql.editorWorkerService,
    'json.worker.js': graphiql.jsonWorker,
    'graphql.worker.js': graphiql.graphqlWorker,
  });
}

/** Writes every file that `docs.ts` serves, plain and gzipped, into a directory; creates it if needed. */
export async function writeDocsAssets(targetDir: string): Promise<void> {
  await writePage(targetDir, docsSource, {
    'page.js': await readFile(join(docsSource, 'page.js'), 'utf8'),
    'page.css': await readFile(join(docsSource, 'page.css'), 'utf8'),
    'icon.svg': await readFile(join(docsSource, 'icon.svg'), 'utf8'),
    'swagger-ui.js': await swaggerFile('swagger-ui-bundle.js'),
    'swagger-ui.css': await swaggerFile('swagger-ui.css'),
  });
}

/** Names the files in the page with a version made of their content, so that a browser never mixes two builds. */
async function writePage(targetDir: string, sourceDir: string, files: Readonly<Record<string, string>>): Promise<void> {
  const hash = createHash('sha256');
  for (const text of Object.values(files)) hash.update(text);
  const version = hash.digest('hex').slice(0, 12);
  const page = (await readFile(join(sourceDir, 'page.html'), 'utf8')).replaceAll('{{version}}', version);
  await mkdir(targetDir, { recursive: true });
  for (const [name, text] of Object.entries({ ...files, 'index.html': page })) {
    await writeFile(join(targetDir, name), text);
    await writeFile(join(targetDir, `${name}.gz`), gzipSync(text, { level: 9 }));
  }
}

/** Reads one file of Swagger UI. Source maps are not served, so the line that names one is removed. */
async function swaggerFile(name: string): Promise<string> {
  const directory = dirname(fileURLToPath(import.meta.resolve('swagger-ui-dist/package.json')));
  const text = await readFile(join(directory, name), 'utf8');
  return text.replace(/\n?(?:\/\/|\/\*)# sourceMappingURL=\S+(?: ?\*\/)?\s*$/, '\n');
}
