// Reads REST requests: the body, the one header, and the one parameter.

import type { IncomingMessage } from 'node:http';
import { Problem } from '../../core/shared/problem.ts';
import { BodyError, readJson } from '../http/body.ts';
import { RestRequestError } from './errors.ts';

/** A service-account key file is 2 to 4 KiB, and JSON escapes at most double it; 256 KiB bounds a hostile body. */
const maxBodyBytes = 256 * 1024;

/** In characters: the longest account name that the domain looks up. */
const maxAccountLength = 100;

/**
 * Reads the body as JSON.
 * @throws RestRequestError 413 or 415; Problem `INVALID_INPUT` if it is not JSON in UTF-8. No message repeats any of the body.
 */
export async function readBody(request: IncomingMessage): Promise<unknown> {
  try {
    return await readJson(request, maxBodyBytes);
  } catch (error) {
    throw error instanceof BodyError ? bodyErrors[error.kind]() : error;
  }
}

const notJson = () => new Problem('INVALID_INPUT', 'The body must be valid JSON in UTF-8.', { reason: 'NOT_JSON' });

/** Maps each kind of BodyError to the error that the client gets. */
const bodyErrors: Readonly<Record<BodyError['kind'], () => Error>> = {
  TYPE: () =>
    new RestRequestError('UNSUPPORTED_MEDIA_TYPE', 'Send the body as application/json in UTF-8.', {
      Accept: 'application/json',
    }),
  SIZE: () => new RestRequestError('BODY_TOO_LARGE', `The body must be at most ${maxBodyBytes} bytes.`),
  UTF8: notJson,
  JSON: notJson,
};

/**
 * Returns the account that the request names, or undefined for the caller's own.
 * @throws Problem `INVALID_INPUT` if the header is empty, too long, or sent more than once.
 */
export function accountHeader({ headersDistinct }: IncomingMessage): string | undefined {
  const [account, ...others] = headersDistinct['x-anchore-account'] ?? [];
  const fits = account === undefined || (account !== '' && account.length <= maxAccountLength);
  if (fits && others.length === 0) return account;
  throw new Problem(
    'INVALID_INPUT',
    `x-anchore-account must be 1 to ${maxAccountLength} characters, and sent at most once.`,
    { field: ['x-anchore-account'] },
  );
}

/**
 * Returns whether to validate the credential before storing it. Defaults to true. Case-insensitive, because Python clients send `True`.
 * @throws Problem `INVALID_INPUT` for any other value, and if it is sent more than once.
 */
export function validateParameter(url: string): boolean {
  const question = url.indexOf('?');
  const [value = 'true', ...others] = new URLSearchParams(question < 0 ? '' : url.slice(question)).getAll('validate');
  if (others.length > 0 || !/^(?:true|false)$/i.test(value))
    throw new Problem('INVALID_INPUT', 'validate must be true or false, and sent at most once.', {
      field: ['validate'],
    });
  return value.toLowerCase() === 'true';
}
