// Writes GraphQL responses: CORS, media type, status, results, and errors.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ExecutionResult, GraphQLError } from 'graphql';
import { sendJson, sendJsonInTurns } from '../http/response.ts';
import type { Turns } from '../http/turns.ts';

/** Sets the headers of every response: no cache stores it, and one that does all the same learns that it is one caller's. */
export function setCommonHeaders(response: ServerResponse): void {
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader('Vary', 'Accept, Authorization, Cookie');
}

/**
 * Sets the headers that let a page of another origin read the answer, for listed origins only.
 * There are no credentials to share: a token is sent by the page itself.
 * @returns true when the request was a preflight, which is then answered.
 */
export function answerCors(
  request: IncomingMessage,
  response: ServerResponse,
  corsOrigins: readonly string[],
): boolean {
  const { origin } = request.headers;
  const allowed = origin !== undefined && corsOrigins.includes(origin);
  if (corsOrigins.length > 0) response.appendHeader('Vary', 'Origin');
  if (allowed) {
    response.setHeader('Access-Control-Allow-Origin', origin);
    response.setHeader('Access-Control-Expose-Headers', 'Retry-After, X-Request-Id');
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
  const { status = statusOfCode(extensions['code']), headers = {} } = http as {
    status?: number;
    headers?: Record<string, string>;
  };
  const mediaType = answerMediaType(request.headers.accept) ?? 'application/json';
  const body = { errors: [{ message: error.message, extensions }] };
  sendJson(response, status, body, { 'Content-Type': `${mediaType}; charset=utf-8`, ...headers });
  // The rest of a refused body is thrown away, so that the client gets to read this.
  request.resume();
}

/**
 * Returns the media type of a response that is not a stream: the first supported one that the client accepts, or undefined if there is none.
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
export function sendResult(response: ServerResponse, mediaType: AnswerMediaType, result: ExecutionResult): void {
  const { status, body, headers } = answerOf(mediaType, result);
  sendJson(response, status, body, headers);
}

/** Sends the same in several turns of the event loop. */
export async function sendLargeResult(
  response: ServerResponse,
  mediaType: AnswerMediaType,
  result: ExecutionResult,
  turns: Turns,
): Promise<void> {
  const { status, body, headers } = answerOf(mediaType, result);
  await sendJsonInTurns(response, status, body, { headers, turns });
}

function answerOf(mediaType: AnswerMediaType, result: ExecutionResult) {
  const { errors = [] } = result;
  const body = errors.length === 0 ? result : { ...result, errors: errors.map(withoutHttp) };
  const status = errors.reduce((highest, { extensions }) => Math.max(highest, statusOf(extensions['http'])), 200);
  return { status, body, headers: { 'Content-Type': `${mediaType}; charset=utf-8` } };
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
