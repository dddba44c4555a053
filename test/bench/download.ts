// Downloads one body as cheaply as Node can, so that the client is not what is measured: a bare socket and one buffer.

import { createHash } from 'node:crypto';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

export interface Download {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly expectedBytes: number;
  /** SHA-256 in hexadecimal digits, for a client that verifies what it gets. */
  readonly expectedHash?: string | undefined;
  /** For a slow client; as fast as it comes without it. */
  readonly bytesPerSecond?: number;
  /** Ends a download early; what came until then counts. */
  readonly signal?: AbortSignal;
}

export interface DownloadResult {
  readonly seconds: number;
  readonly bytes: number;
}

/** Maximum bytes per read from the kernel. */
const bufferBytes = 1024 * 1024;
const headEnd = Buffer.from('\r\n\r\n');

/** Downloads. @throws Error for another status than 200, or a body of another length or hash. */
export async function download({
  url,
  headers,
  expectedBytes,
  expectedHash,
  bytesPerSecond,
  signal,
}: Download): Promise<DownloadResult> {
  const { hostname, port, pathname } = new URL(url);
  const started = performance.now();
  const hash = expectedHash === undefined ? undefined : createHash('sha256');
  const reader = createReader(expectedBytes, (chunk) => hash?.update(chunk));
  const buffer = Buffer.allocUnsafe(bufferBytes);
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const socket = connect({
    host: hostname,
    port: Number(port),
    onread: {
      buffer,
      callback(size) {
        reader.read(buffer.subarray(0, size));
        if (reader.isDone()) end();
        const dueMs =
          bytesPerSecond === undefined ? 0 : started + (reader.bodyBytes() / bytesPerSecond) * 1000 - performance.now();
        if (dueMs <= 1) return true;
        void pause(dueMs).then(() => socket.resume());
        return false;
      },
    },
  });
  socket.once('error', () => end()).once('close', () => end());
  signal?.addEventListener('abort', () => end());
  socket.write(
    `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\n${Object.entries(headers)
      .map(([name, value]) => `${name}: ${value}\r\n`)
      .join('')}\r\n`,
  );
  await ended;
  const hashed = hash?.digest('hex');
  const seconds = (performance.now() - started) / 1000;
  socket.destroy();
  if (!reader.isDone() && signal?.aborted !== true)
    throw new Error(`${url} was cut off after ${reader.bodyBytes()} bytes:\n${reader.head()}`);
  if (hashed !== expectedHash) throw new Error(`${url} returned content with another hash.`);
  return { seconds, bytes: reader.bodyBytes() };
}

/** Counts the bytes of one response's body. @param onBody Called with each piece of it. */
function createReader(expectedBytes: number, onBody: (chunk: Buffer) => void) {
  let head = '';
  let inBody = false;
  let bytes = 0;
  const readHead = (chunk: Buffer): Buffer => {
    const end = chunk.indexOf(headEnd);
    head += chunk.toString('latin1', 0, end < 0 ? undefined : end);
    if (end < 0) return chunk.subarray(chunk.length);
    inBody = true;
    const length = Number(/^content-length: *(\d+)$/im.exec(head)?.[1]);
    if (!head.startsWith('HTTP/1.1 200 ') || length !== expectedBytes)
      throw new Error(`Not the answer that was asked for:\n${head}`);
    return chunk.subarray(end + headEnd.length);
  };
  return {
    read(chunk: Buffer): void {
      const body = inBody ? chunk : readHead(chunk);
      bytes += body.length;
      onBody(body);
    },
    isDone: () => inBody && bytes >= expectedBytes,
    bodyBytes: () => bytes,
    head: () => head,
  };
}
