// Serves the built files of the console: its page at the console's own addresses, hashed assets that never change beside it.

import { readdir, readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join } from 'node:path';

/** The file types that the build writes. Nothing else is served. */
export const fileTypes: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Written beside each file by the build; the best first. */
const encodings = [
  ['br', '.br'],
  ['gzip', '.gz'],
] as const;

/** No inline script, no inline style, no other origin, no frames: what was injected into the page could not run or leave. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const pageHeaders = {
  'Content-Security-Policy': contentSecurityPolicy,
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'X-Frame-Options': 'DENY',
};

export const assetsPath = '/assets/';

interface File {
  readonly name: string;
  readonly type: string;
  readonly files: ReadonlyMap<string, Buffer>;
}

/** RFC 9110 §12.5.3, without weights: every browser sends what it takes, and prefers the smallest. */
export function sendFile(request: IncomingMessage, response: ServerResponse, { name, type, files }: File): void {
  const accepted = (request.headers['accept-encoding'] ?? '').split(',').map((part) => part.split(';')[0]?.trim());
  const [encoding, suffix] = encodings.find(([coding, end]) => accepted.includes(coding) && files.has(name + end)) ?? [
    undefined,
    '',
  ];
  const body = files.get(name + suffix) ?? Buffer.alloc(0);
  response.writeHead(200, {
    ...pageHeaders,
    'Content-Type': type,
    'Content-Length': body.length,
    Vary: 'Accept-Encoding',
    // The name of an asset holds a hash of its content; the page names the assets, so it is asked for each time.
    'Cache-Control': name === 'index.html' ? 'no-store' : 'public, max-age=31536000, immutable',
    ...(encoding === undefined ? {} : { 'Content-Encoding': encoding }),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

export function sendText(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  text: string,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, {
    ...pageHeaders,
    'Content-Type': 'text/plain; charset=utf-8',
    'Cache-Control': 'no-store',
    ...headers,
  });
  response.end(request.method === 'HEAD' ? undefined : text);
}

/** Every file by its path below the directory, so that a request can name these and no other. */
export async function readFiles(directory: string): Promise<ReadonlyMap<string, Buffer>> {
  const names = await readdir(directory, { recursive: true }).catch(() => []);
  const contents = await Promise.all(
    names
      .filter((name) => extname(name) !== '')
      .map(async (name) => [name, await readFile(join(directory, name))] as const),
  );
  return new Map(contents);
}
