// REST over HTTP, the way in and out: media type, size and JSON of a body, the one header and the one parameter, and JSON answers.

import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { Problem } from '../../core/shared/problem.ts';
import { RestRequestError } from './errors.ts';

/** A service-account key file is 2–4 KiB, and JSON escapes at most double it; this bounds a hostile body. */
export const maxBodyBytes = 256 * 1024;

/** The longest name of an account that the domain looks up. */
const maxAccountLength = 100;

/** Strict clients look for exactly this; JSON has no charset parameter (RFC 8259 §11). */
const jsonType = { 'Content-Type': 'application/json' };

/** Sends one JSON body. */
export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: OutgoingHttpHeaders = {},
): void {
  const text = JSON.stringify(body);
  response.writeHead(status, { ...jsonType, 'Content-Length': Buffer.byteLength(text), ...headers }).end(text);
}

/** Starts a JSON answer whose length is not known. */
export function startJson(response: ServerResponse): void {
  response.writeHead(200, jsonType);
}

/**
 * Reads the body as JSON.
 * @throws RestRequestError 413 or 415, Problem `INVALID_INPUT` when it is not JSON in UTF-8. Neither repeats what was sent.
 */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  requireJson(request);
  const bytes = await readBody(request);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    // The parser's own message repeats a piece of the text.
    throw new Problem('INVALID_INPUT', 'The body is not valid JSON in UTF-8.', { reason: 'NOT_JSON' });
  }
}

/**
 * The account that the call names, or undefined for the caller's own.
 * @throws Problem `INVALID_INPUT`.
 */
export function accountHeader({ headersDistinct }: IncomingMessage): string | undefined {
  const [account, ...others] = headersDistinct['x-anchore-account'] ?? [];
  const fits = account === undefined || (account !== '' && account.length <= maxAccountLength);
  if (fits && others.length === 0) return account;
  throw new Problem(
    'INVALID_INPUT',
    `x-anchore-account is one header of 1 to ${maxAccountLength} characters, or left out.`,
    { field: ['x-anchore-account'] },
  );
}

/**
 * Whether the credential is to be checked first; true by default. Python clients write `True`.
 * @throws Problem `INVALID_INPUT`.
 */
export function validateParameter(url: string): boolean {
  const question = url.indexOf('?');
  const [value = 'true', ...others] = new URLSearchParams(question < 0 ? '' : url.slice(question)).getAll('validate');
  if (others.length > 0 || !/^(?:true|false)$/i.test(value))
    throw new Problem('INVALID_INPUT', 'validate must be true or false, once.', { field: ['validate'] });
  return value.toLowerCase() === 'true';
}

/** A form or plain text crosses from another site without asking; neither is accepted. */
function requireJson({ headers }: IncomingMessage): void {
  const [mediaType = '', ...parameters] = (headers['content-type'] ?? '')
    .toLowerCase()
    .split(';')
    .map((part) => part.trim());
  const isUtf8 = parameters.every(
    (parameter) => !parameter.startsWith('charset=') || /^charset="?utf-?8"?$/.test(parameter),
  );
  const isPlain = ['identity', undefined].includes(headers['content-encoding']);
  if (mediaType === 'application/json' && isUtf8 && isPlain) return;
  throw new RestRequestError('UNSUPPORTED_MEDIA_TYPE', 'Send the body as application/json in UTF-8.', {
    Accept: 'application/json',
  });
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const tooLarge = () => new RestRequestError('BODY_TOO_LARGE', `The body is larger than ${maxBodyBytes} bytes.`);
  if (Number(request.headers['content-length'] ?? 0) > maxBodyBytes) throw tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  // Destroying the request would cut the connection before the refusal is read.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBodyBytes) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
