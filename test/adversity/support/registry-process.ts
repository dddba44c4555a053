// A registry as its own process, so that no trouble delays it: Basic authentication, one small manifest, one blob of zeros.

import { createHash } from 'node:crypto';
import { createServer, type ServerResponse } from 'node:http';
import { zstdCompressSync } from 'node:zlib';
import { answerRequests, helperOptions } from './helper-process.ts';

/** What the registry needs to know. */
export interface RegistryOptions {
  readonly port: number;
  /** Serves blobs and manifests as a small Zstandard body that decodes to 3 GiB. */
  readonly servesBombs?: boolean;
}

export const healthyCredential = { username: 'alice', password: 'wonderland' } as const;

/** As large as a layer. */
const blob = Buffer.alloc(32 * 1024 * 1024);
/** The digest under which the blob is served. */
export const blobDigest = digestOf(blob);

const mediaType = 'application/vnd.oci.image.manifest.v1+json';
const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, config: {}, layers: [] }));
const authorization = `Basic ${Buffer.from(`${healthyCredential.username}:${healthyCredential.password}`).toString('base64')}`;
/** Frames that follow each other decode to one content (RFC 8878 §3.1). */
const bombFrames = 96;

function digestOf(content: Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

function send(response: ServerResponse, content: Buffer, headers: Record<string, string>, hasBody: boolean): void {
  response.writeHead(200, { 'Content-Length': content.length, ...headers });
  response.end(hasBody ? content : undefined);
}

function serve({ port, servesBombs = false }: RegistryOptions): void {
  const frame = servesBombs ? zstdCompressSync(blob) : Buffer.alloc(0);
  const bomb = Buffer.concat(Array.from({ length: servesBombs ? bombFrames : 0 }, () => frame));
  const server = createServer((request, response) => {
    const hasBody = request.method !== 'HEAD';
    response.setHeader('Docker-Distribution-Api-Version', 'registry/2.0');
    if (request.headers.authorization !== authorization)
      return void response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="healthy"' }).end('{"errors":[]}');
    if (servesBombs && /\/(manifests|blobs)\//.test(request.url ?? ''))
      return send(response, bomb, { 'Content-Encoding': 'zstd', 'Content-Type': mediaType }, hasBody);
    if (request.url?.includes('/manifests/'))
      return send(
        response,
        manifest,
        { 'Content-Type': mediaType, 'Docker-Content-Digest': digestOf(manifest) },
        hasBody,
      );
    if (request.url?.includes('/blobs/'))
      return send(response, blob, { 'Content-Type': 'application/octet-stream' }, hasBody);
    response.end('{}');
  });
  // On whatever address `localhost` has first.
  server.listen(port, () => answerRequests(() => null));
}

if (process.send !== undefined && process.argv[1] === import.meta.filename) serve(helperOptions() as RegistryOptions);
