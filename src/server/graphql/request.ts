// GraphQL over HTTP, the way in: methods, media types, sizes, CORS and the four parameters. https://graphql.github.io/graphql-over-http/draft/

import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ExecutionResult, GraphQLError } from 'graphql';
import { RequestError } from './errors.ts';
import { isRecord } from '../../core/shared/json.ts';
import { limitError } from './execution/limits.ts';
import type { TrustedDocuments } from './execution/trusted-documents.ts';

/** A document within the token limit and a service account key in the variables stay far below. */
export const maxBodyBytes = 256 * 1024;

/** What a request asks to run. */
export interface GraphqlParameters {
  readonly query: string;
  readonly operationName?: string | undefined;
  readonly variables?: Record<string, unknown> | undefined;
  readonly extensions?: Record<string, unknown> | undefined;
}

/**
 * Reads the parameters of a GET or POST request, with the text of a trusted document in the place of its id.
 * @throws RequestError with the HTTP status of the refusal; it never repeats what was sent.
 */
export async function readParameters(request: IncomingMessage, documents: TrustedDocuments): Promise<GraphqlParameters> {
  if (request.method === 'GET') return checkParameters(queryParameters(request), documents);
  if (request.method !== 'POST') {
    throw new RequestError('METHOD_NOT_ALLOWED', 'GraphQL is served to GET and POST.', { status: 405, headers: { Allow: 'GET, POST' } });
  }
  requireJson(request);
  return checkParameters(parseJson(decodeUtf8(await readBody(request)), 'The body'), documents);
}

/** Nothing is kept, and what keeps it all the same knows that it is one caller's. */
const securityHeaders = ['Cache-Control', 'no-store', 'Vary', 'Accept, Authorization, Cookie'];

/** The headers that every answer has, whatever it is. */
export interface CommonHeaders {
  /** Sets those that were not taken. To be called before anything else is set or written. */
  set(): void;
  /** Gives what is left to write, names and values in turn, for an answer that has no others set: written at once they cost a third. */
  take(): readonly string[];
}

/** @param given further ones, names and values in turn. */
export function commonHeaders(response: ServerResponse, given: readonly string[]): CommonHeaders {
  let left: readonly string[] = [...given, ...securityHeaders];
  const take = (): readonly string[] => {
    const taken = left;
    left = [];
    return taken;
  };
  const set = (): void => {
    const headers = take();
    for (let index = 0; index + 1 < headers.length; index += 2) response.setHeader(headers[index] ?? '', headers[index + 1] ?? '');
  };
  return { set, take };
}

/**
 * Sets the headers that let a page of another origin read the answer, for listed origins only.
 * There are no credentials to share: a token is sent by the page itself.
 * @returns true when the request was a preflight, which is then answered.
 */
export function answerCors(request: IncomingMessage, response: ServerResponse, corsOrigins: readonly string[]): boolean {
  const { origin } = request.headers;
  const allowed = origin !== undefined && corsOrigins.includes(origin);
  if (corsOrigins.length > 0) response.appendHeader('Vary', 'Origin');
  if (allowed) {
    response.setHeader('Access-Control-Allow-Origin', origin);
    response.setHeader('Access-Control-Expose-Headers', 'X-Request-Id');
  }
  if (request.method !== 'OPTIONS') return false;
  if (allowed) {
    response.setHeader('Access-Control-Allow-Methods', 'GET, POST');
    response.setHeader('Access-Control-Allow-Headers', 'Authorization, Content-Type');
    response.setHeader('Access-Control-Max-Age', '600');
  }
  response.writeHead(204, { Allow: 'GET, POST' }).end();
  return true;
}

/** Answers with one error alone, in the media type that the client prefers. */
export function sendError(request: IncomingMessage, response: ServerResponse, error: GraphQLError): void {
  const { http = {}, ...extensions } = error.extensions;
  const { status = statusOfCode(extensions['code']), headers = {} } = http as { status?: number; headers?: Record<string, string> };
  const mediaType = answerMediaType(request.headers.accept) ?? 'application/json';
  response.writeHead(status, { 'Content-Type': `${mediaType}; charset=utf-8`, ...headers });
  response.end(JSON.stringify({ errors: [{ message: error.message, extensions }] }));
  // The rest of a refused body is thrown away, so that the client gets to read this.
  request.resume();
}

/**
 * The media type of an answer that is no stream: the first of a client's that is one of ours. Undefined when none is.
 * https://graphql.github.io/graphql-over-http/draft/#sec-Accept
 */
export function answerMediaType(accept = '*/*'): AnswerMediaType | undefined {
  const known = answerMediaTypes.get(accept);
  if (known !== undefined) return known;
  for (const range of accept.replaceAll(/\s/g, '').toLowerCase().split(',')) {
    const [name = '', ...parameters] = range.split(';');
    const charset = parameters.find((parameter) => parameter.includes('charset=')) ?? 'charset=utf-8';
    const type = charset === 'charset=utf-8' ? answerMediaTypes.get(name) : undefined;
    if (type !== undefined) return type;
  }
  return undefined;
}

export type AnswerMediaType = 'application/json' | 'application/graphql-response+json';

const answerMediaTypes: ReadonlyMap<string, AnswerMediaType> = new Map([
  ['application/json', 'application/json'],
  ['application/*', 'application/json'],
  ['*/*', 'application/json'],
  ['application/graphql-response+json', 'application/graphql-response+json'],
]);

/** Sends what came of running an operation. The status is 200 for both media types, unless an error says otherwise. */
export function sendResult(response: ServerResponse, headers: CommonHeaders, mediaType: AnswerMediaType, result: ExecutionResult): void {
  const { errors = [] } = result;
  const body = JSON.stringify(errors.length === 0 ? result : { ...result, errors: errors.map(withoutHttp) });
  const status = errors.reduce((highest, { extensions }) => Math.max(highest, statusOf(extensions['http'])), 200);
  const length = Buffer.byteLength(body);
  response.writeHead(status, [...headers.take(), 'Content-Type', `${mediaType}; charset=utf-8`, 'Content-Length', String(length)]);
  // ASCII alone: the same bytes, which are then copied instead of encoded.
  response.end(body, length === body.length ? 'latin1' : 'utf8');
}

function statusOf(http: unknown): number {
  return typeof http === 'object' && http !== null && 'status' in http ? Number(http.status) : 200;
}

function withoutHttp(error: GraphQLError): object {
  const { extensions, ...shown } = error.toJSON();
  const { http: _http, ...others } = extensions ?? {};
  return { ...shown, extensions: others };
}

const statuses: ReadonlyMap<unknown, number> = new Map([
  ['UNAUTHENTICATED', 401],
  ['RATE_LIMITED', 429],
  ['STORAGE_UNAVAILABLE', 503],
]);

function statusOfCode(code: unknown): number {
  return statuses.get(code) ?? 400;
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
  const [mediaType = '', ...parameters] = (headers['content-type'] ?? '').toLowerCase().split(';').map((part) => part.trim());
  const charsets = parameters.filter((parameter) => parameter.startsWith('charset=')).map((parameter) => parameter.slice('charset='.length));
  const isInUtf8 = charsets.every((charset) => ['utf-8', '"utf-8"', 'utf8'].includes(charset));
  const isPlain = headers['content-encoding'] === undefined || headers['content-encoding'] === 'identity';
  if (mediaType !== 'application/json' || !isInUtf8 || !isPlain) {
    throw new RequestError('UNSUPPORTED_MEDIA_TYPE', 'Send the request as application/json in UTF-8.', { status: 415 });
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
    request.on('end', () => resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)));
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
  if (!isAbsent(query) && typeof query !== 'string') throw badRequest('"query" must be a string that holds a GraphQL document.');
  if (!isAbsent(documentId) && typeof documentId !== 'string') throw badRequest('"documentId" must be a string.');
  if (!isAbsent(operationName) && typeof operationName !== 'string') throw badRequest('"operationName" must be a string.');
  if (!isAbsent(variables) && !isRecord(variables)) throw badRequest('"variables" must be an object.');
  if (!isAbsent(extensions) && !isRecord(extensions)) throw badRequest('"extensions" must be an object.');
  const text = documents.textOf({ query: query ?? undefined, documentId: documentId ?? (isAbsent(query) ? hashIn(extensions) : undefined) });
  return { query: text, operationName: operationName ?? undefined, variables: variables ?? undefined, extensions: extensions ?? undefined };
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

function badRequest(message: string): RequestError {
  return new RequestError('BAD_REQUEST', message, { status: 400 });
}
