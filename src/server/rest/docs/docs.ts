// Serves the API browser from our own files, under a policy that lets no foreign script run and no data leave.

import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';

/** Content types of the files that `writeDocsAssets` writes, each gzipped as `<name>.gz`. Nothing else is served. */
export const docsFileTypes: Readonly<Record<string, string>> = {
  'index.html': 'text/html; charset=utf-8',
  'page.js': 'text/javascript; charset=utf-8',
  'page.css': 'text/css; charset=utf-8',
  'icon.svg': 'image/svg+xml',
  'swagger-ui.js': 'text/javascript; charset=utf-8',
  'swagger-ui.css': 'text/css; charset=utf-8',
};

const docsPath = '/api/docs';

/** The stylesheet draws its arrows from data URLs. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const pageHeaders = {
  'Content-Security-Policy': contentSecurityPolicy,
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'X-Frame-Options': 'DENY',
};

export interface Docs {
  /** Answers requests for the page and its files; false when the request is for the API. */
  answer(request: IncomingMessage, response: ServerResponse): Promise<boolean>;
}

/**
 * Builds the part that serves the API browser. Files are read on their first use and kept (about 0.5 MB).
 * @param assetsDir where `writeDocsAssets` put them.
 */
export function createDocs(assetsDir: string): Docs {
  const files = new Map<string, Promise<Buffer | undefined>>();
  const read = (name: string) => {
    const file = files.get(name) ?? readFile(join(assetsDir, `${name}.gz`)).catch(() => undefined);
    files.set(name, file);
    return file;
  };
  return {
    async answer({ method, url = '/' }, response) {
      const [path = ''] = url.split('?');
      const isRead = method === 'GET' || method === 'HEAD';
      if (!isRead || (path !== docsPath && !path.startsWith(`${docsPath}/`))) return false;
      const name = path.slice(docsPath.length + 1) || 'index.html';
      const type = Object.hasOwn(docsFileTypes, name) ? docsFileTypes[name] : undefined;
      const file = type === undefined ? undefined : await read(name);
      if (file === undefined || type === undefined) sendMissing(response, name);
      else sendFile(response, type, file);
      return true;
    },
  };
}

function sendFile(response: ServerResponse, type: string, gzipped: Buffer): void {
  response.writeHead(200, {
    ...pageHeaders,
    'Content-Type': type,
    'Content-Encoding': 'gzip',
    'Content-Length': gzipped.length,
    // The page decides by its version which files it wants; a private copy of a day saves 0.5 MB per visit.
    ...(type.startsWith('text/html') ? {} : { 'Cache-Control': 'private, max-age=86400' }),
  });
  // Node drops the body of an answer to HEAD.
  response.end(gzipped);
}

function sendMissing(response: ServerResponse, name: string): void {
  const hint =
    name === 'index.html' ? 'The API browser is not built here; run "npm run build".\n' : 'There is nothing here.\n';
  response.writeHead(404, { ...pageHeaders, 'Content-Type': 'text/plain; charset=utf-8' }).end(hint);
}
