// Serves files that the build wrote: from memory, in a content coding that the client accepts (RFC 9110 §12.5.3), under a content security policy.

import { readdir, readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join, sep } from 'node:path';

/** Media types of the files that the build writes, by extension. No other file is served. */
const mediaTypes: ReadonlyMap<string, string> = new Map([
  ['.html', 'text/html; charset=utf-8'],
  ['.js', 'text/javascript; charset=utf-8'],
  ['.css', 'text/css; charset=utf-8'],
  ['.svg', 'image/svg+xml'],
]);

/** The content codings, those with the smallest result first. `identity` is the file itself. */
const allCodings = ['br', 'gzip', 'identity'] as const;
type Coding = (typeof allCodings)[number];

/** The suffix that the build appends to a file's name, by coding. */
const suffixes: Readonly<Record<Coding, string>> = { br: '.br', gzip: '.gz', identity: '' };

type Directive = 'font-src' | 'img-src' | 'style-src' | 'worker-src';

/** The files and the headers of their responses. */
export interface StaticFileOptions {
  /** The directory of the built files. They are read on first use and cached in memory. Undefined serves none. */
  readonly directory: string | undefined;
  /** The sources that the pages need in addition to scripts, styles, images, and connections of their own origin, by directive. */
  readonly policy?: Readonly<Partial<Record<Directive, readonly string[]>>>;
  /** The `Cache-Control` of the files. Pages are never cached. */
  readonly caching: string;
  /** Further request headers that the response depends on, in addition to Accept-Encoding. */
  readonly vary?: string;
  /** The subject of the 404 if `index.html` was not built: `<name> is not built.` */
  readonly name: string;
}

/** A server of static files. */
export interface StaticFiles {
  /** Sends a file, named by its path below the directory, or a 404. Only files that existed on first use are served. */
  send(request: IncomingMessage, response: ServerResponse, name: string): Promise<void>;
  /** Sends a text instead of a file, under the same policy. */
  sendText(response: ServerResponse, status: number, text: string, headers?: Readonly<Record<string, string>>): void;
}

/** Creates a server of the files of one directory. */
export function createStaticFiles(options: StaticFileOptions): StaticFiles {
  const { directory, caching, vary } = options;
  const common = {
    'Content-Security-Policy': contentSecurityPolicy(options.policy),
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'X-Frame-Options': 'DENY',
    Vary: [vary ?? [], 'Accept-Encoding'].flat().join(', '),
  };
  const files = createFileCache(directory);
  const sendText: StaticFiles['sendText'] = (response, status, text, headers) => {
    const type = { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' };
    // Node omits the body of a response to HEAD.
    response.writeHead(status, { ...common, ...type, ...headers }).end(text);
  };
  return {
    sendText,
    async send({ headers }, response, name) {
      const type = mediaTypes.get(extname(name));
      const names = await files.names();
      if (type === undefined || !names.has(name)) return sendText(response, 404, missing(options, name));
      const available = allCodings.filter((coding) => names.has(name + suffixes[coding]));
      const coding = chooseCoding(headers['accept-encoding'], available);
      if (coding === undefined) return sendText(response, 406, `Available codings: ${available.join(', ')}.\n`);
      const body = await files.read(name + suffixes[coding]);
      response.writeHead(200, {
        ...common,
        'Content-Type': type,
        'Content-Length': body.length,
        'Cache-Control': extname(name) === '.html' ? 'no-store' : caching,
        ...(coding === 'identity' ? {} : { 'Content-Encoding': coding }),
      });
      response.end(body);
    },
  };
}

/**
 * Builds the policy of a page: no inline script, no other origin, no frames. Injected markup can neither run scripts nor send data to another origin.
 * @param additions The sources that a directive allows in addition to the page's own origin.
 */
function contentSecurityPolicy(additions: StaticFileOptions['policy'] = {}): string {
  const allow = (directive: Directive): string => [directive, "'self'", ...(additions[directive] ?? [])].join(' ');
  return [
    "default-src 'none'",
    "script-src 'self'",
    allow('style-src'),
    allow('img-src'),
    "connect-src 'self'",
    ...(['font-src', 'worker-src'] as const).filter((directive) => additions[directive] !== undefined).map(allow),
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

/**
 * Chooses the coding of a response by the weights of `Accept-Encoding` (RFC 9110 §12.5.3); equal weights go to the smallest result.
 * @returns undefined if the client accepts none of the codings that are available.
 */
export function chooseCoding(accept: string | undefined, available: readonly Coding[]): Coding | undefined {
  const weights = new Map((accept ?? '').split(',').map(parseCoding));
  const weightOf = (coding: Coding): number =>
    weights.get(coding) ?? weights.get('*') ?? (coding === 'identity' ? unlistedIdentity : 0);
  const [best] = available.filter((coding) => weightOf(coding) > 0).toSorted((a, b) => weightOf(b) - weightOf(a));
  return best;
}

/** Parses `gzip;q=0.5`. A weight that is not valid counts as 0, so that nothing is sent that the client may not accept. */
function parseCoding(text: string): readonly [coding: string, weight: number] {
  const [coding = '', ...parameters] = text
    .toLowerCase()
    .split(';')
    .map((part) => part.trim());
  const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2) ?? '1';
  return [
    coding === 'x-gzip' ? 'gzip' : coding,
    /^(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)$/.test(weight) ? Number(weight) : 0,
  ];
}

/** Identity is acceptable unless excluded, but less than every coding that is listed: weights have three digits. */
const unlistedIdentity = 0.000_1;

interface FileCache {
  /** Every file by its path below the directory, with slashes. Empty if the directory does not exist. */
  names(): Promise<ReadonlySet<string>>;
  /** @param name One of these. */
  read(name: string): Promise<Buffer>;
}

function createFileCache(directory: string | undefined): FileCache {
  let names: Promise<ReadonlySet<string>> | undefined;
  const contents = new Map<string, Promise<Buffer>>();
  return {
    names: () => (names ??= directory === undefined ? Promise.resolve(new Set()) : listFiles(directory)),
    read(name) {
      const content = contents.get(name) ?? readFile(join(directory ?? '', name));
      contents.set(name, content);
      return content;
    },
  };
}

async function listFiles(directory: string): Promise<ReadonlySet<string>> {
  const names = await readdir(directory, { recursive: true }).catch(() => []);
  return new Set(names.map((name) => name.replaceAll(sep, '/')));
}

function missing({ name: site }: StaticFileOptions, name: string): string {
  return name === 'index.html' ? `${site} is not built. Run "npm run build".\n` : 'This file does not exist.\n';
}
