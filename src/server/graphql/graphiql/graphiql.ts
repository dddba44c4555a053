// Serves GraphiQL to browsers from our own files, under a policy that lets no foreign script run and no data leave.

import { readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';

/** Content types of the files that `writeGraphiqlAssets` writes, each gzipped as `<name>.gz`. Nothing else is served. */
export const graphiqlFileTypes: Readonly<Record<string, string>> = {
  'index.html': 'text/html; charset=utf-8',
  'page.js': 'text/javascript; charset=utf-8',
  'page.css': 'text/css; charset=utf-8',
  'icon.svg': 'image/svg+xml',
  'graphiql.js': 'text/javascript; charset=utf-8',
  'graphiql.css': 'text/css; charset=utf-8',
  'editor.worker.js': 'text/javascript; charset=utf-8',
  'json.worker.js': 'text/javascript; charset=utf-8',
  'graphql.worker.js': 'text/javascript; charset=utf-8',
};

const assetsPath = '/graphql/assets/';

/** Styles are set inline by the editor; scripts never are. The editor's fonts and cursors are data URLs. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
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

export interface Graphiql {
  /** Answers a request for the page or one of its files; undefined when the request is for GraphQL. */
  answer(request: IncomingMessage, response: ServerResponse): Promise<void> | undefined;
}

/**
 * Builds the part that serves GraphiQL. Files are read on their first use and kept (about 2.5 MB).
 * @param assetsDir where `writeGraphiqlAssets` put them; undefined for a server without GraphiQL.
 */
export function createGraphiql(assetsDir: string | undefined): Graphiql {
  const files = new Map<string, Promise<Buffer | undefined>>();
  const read = (name: string) => {
    const file = files.get(name) ?? readFile(`${name}.gz`).catch(() => undefined);
    files.set(name, file);
    return file;
  };
  const send = async (request: IncomingMessage, response: ServerResponse, name: string): Promise<void> => {
    const type = graphiqlFileTypes[name];
    const file = type === undefined || assetsDir === undefined ? undefined : await read(join(assetsDir, name));
    if (file === undefined || type === undefined) sendMissing(request, response, name);
    else sendFile(request, response, type, file);
  };
  return {
    answer(request, response) {
      const name = fileOf(request);
      return name === undefined ? undefined : send(request, response, name);
    },
  };
}

/** The file that a browser asks for: the page where it wants HTML, or one below the assets path. */
function fileOf({ method, url = '/', headers }: IncomingMessage): string | undefined {
  if (url === '/graphql' && method === 'POST') return undefined;
  const [path = ''] = url.split('?');
  const isRead = method === 'GET' || method === 'HEAD';
  if (path.startsWith(assetsPath) && isRead) return path.slice(assetsPath.length);
  if (path !== '/graphql') return path.startsWith('/graphql/') ? 'missing' : undefined;
  return isRead && headers.accept?.includes('text/html') === true ? 'index.html' : undefined;
}

function sendFile(request: IncomingMessage, response: ServerResponse, type: string, gzipped: Buffer): void {
  response.writeHead(200, {
    ...pageHeaders,
    'Content-Type': type,
    'Content-Encoding': 'gzip',
    'Content-Length': gzipped.length,
    Vary: 'Accept',
    // The page decides by its version which files it wants; a private copy of a day saves 2.5 MB per visit.
    ...(type.startsWith('text/html') ? {} : { 'Cache-Control': 'private, max-age=86400' }),
  });
  response.end(request.method === 'HEAD' ? undefined : gzipped);
}

function sendMissing(request: IncomingMessage, response: ServerResponse, name: string): void {
  const hint =
    name === 'index.html' ? 'GraphiQL is not built here; run "npm run build".\n' : 'There is nothing here.\n';
  response.writeHead(404, { ...pageHeaders, 'Content-Type': 'text/plain; charset=utf-8' });
  response.end(request.method === 'HEAD' ? undefined : hint);
}
