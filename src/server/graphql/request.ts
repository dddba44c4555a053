// GraphQL over HTTP, the way in: methods, media types, sizes, CORS and the four parameters. https://graphql.github.io/graphql-over-http/draft/

import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { isRecord } from '../../core/shared/json.ts';
import { GraphqlRequestError } from './errors.ts';
import type { GraphqlParameters } from './execution/fast-path.ts';
import { limitError } from './execution/limits.ts';
import type { TrustedDocuments } from './execution/trusted-documents.ts';

/** A document within the token limit and a service account key in the variables stay far below. */
export const maxBodyBytes = 256 * 1024;

/**
 * Reads the parameters of a GET or POST request, with the text of a trusted document in the place of its id.
 * @throws RestRequestError with the HTTP status of the refusal; it never repeats what was sent.
 */
export async function readParameters(
  request: IncomingMessage,
  documents: TrustedDocuments,
): Promise<GraphqlParameters> {
  if (request.method === 'GET') return checkParameters(queryParameters(request), documents);
  if (request.method !== 'POST') {
    throw new GraphqlRequestError('METHOD_NOT_ALLOWED', 'GraphQL is served to GET and POST.', {
      status: 405,
      headers: { Allow: 'GET, POST' },
    });
  }
  requireJson(request);
  return checkParameters(parseJson(decodeUtf8(await readBody(request)), 'The body'), documents);
}

function queryParameters(request: IncomingMessage): object {
  const parameters = new URL(request.url ?? '/', 'http://localhost').searchParams;
  const json = (name: string) => {
    const text = parameters.get(name);
    return text === null || text === '' ? undefined : parseJson(text, `The parameter ${name}`);
  };
  return {
    query: parameters.get('query') ?? undefined,
    documentId: parameters.get('documentId') ?? undefined,
    operationName: parameters.get('operationName') || undefined,
    variables: json('variables'),
    extensions: json('extensions'),
  };
}

/** Forms, plain text and multipart travel across origins without a preflight; none of them is GraphQL here. */
function requireJson({ headers }: IncomingMessage): void {
  if (headers['content-type'] === 'application/json' && headers['content-encoding'] === undefined) return;
  const [mediaType = '', ...parameters] = (headers['content-type'] ?? '')
    .toLowerCase()
    .split(';')
    .map((part) => part.trim());
  const charsets = parameters
    .filter((parameter) => parameter.startsWith('charset='))
    .map((parameter) => parameter.slice('charset='.length));
  const isInUtf8 = charsets.every((charset) => ['utf-8', '"utf-8"', 'utf8'].includes(charset));
  const isPlain = headers['content-encoding'] === undefined || headers['content-encoding'] === 'identity';
  if (mediaType !== 'application/json' || !isInUtf8 || !isPlain) {
    throw new GraphqlRequestError('UNSUPPORTED_MEDIA_TYPE', 'Send the request as application/json in UTF-8.', {
      status: 415,
    });
  }
}

/** By events: iterating over the request costs more than a lookup does. A refused request is not destroyed, so that the refusal is read. */
function readBody(request: IncomingMessage): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const tooLarge = () => reject(limitError('BODY_SIZE', `The body is larger than ${maxBodyBytes} bytes.`, 413));
    if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) return tooLarge();
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBodyBytes) chunks.push(chunk);
      else tooLarge();
    });
    // They come once at most; `once` would wrap the listener.
    request.on('end', () =>
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)),
    );
    request.on('error', reject);
  });
}

function decodeUtf8(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString();
  throw badRequest('The body is not valid UTF-8.');
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message repeats a piece of the text.
    throw badRequest(`${what} is not valid JSON.`);
  }
}

function checkParameters(value: unknown, documents: TrustedDocuments): GraphqlParameters {
  if (Array.isArray(value)) throw badRequest('Batches are not served; send one operation per request.');
  if (!isRecord(value)) throw badRequest('The body must be a JSON object with a "query".');
  const { query, documentId, operationName, variables, extensions } = value;
  if (!isAbsent(query) && typeof query !== 'string')
    throw badRequest('"query" must be a string that holds a GraphQL document.');
  if (!isAbsent(documentId) && typeof documentId !== 'string') throw badRequest('"documentId" must be a string.');
  if (!isAbsent(operationName) && typeof operationName !== 'string')
    throw badRequest('"operationName" must be a string.');
  if (!isAbsent(variables) && !isRecord(variables)) throw badRequest('"variables" must be an object.');
  if (!isAbsent(extensions) && !isRecord(extensions)) throw badRequest('"extensions" must be an object.');
  const text = documents.textOf({
    query: query ?? undefined,
    documentId: documentId ?? (isAbsent(query) ? hashIn(extensions) : undefined),
  });
  return {
    query: text,
    operationName: operationName ?? undefined,
    variables: variables ?? undefined,
    extensions: extensions ?? undefined,
  };
}

/** Where Apollo's clients put the id. */
function hashIn(extensions: unknown): string | undefined {
  const persisted = isRecord(extensions) ? extensions['persistedQuery'] : undefined;
  const hash = isRecord(persisted) ? persisted['sha256Hash'] : undefined;
  return typeof hash === 'string' ? hash : undefined;
}

function isAbsent(value: unknown): value is null | undefined {
  return value === null || value === undefined;
}

function badRequest(message: string): GraphqlRequestError {
  return new GraphqlRequestError('BAD_REQUEST', message, { status: 400 });
}
