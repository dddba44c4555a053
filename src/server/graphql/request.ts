// Reads GraphQL requests: methods, media types, sizes, and the four parameters. https://graphql.github.io/graphql-over-http/draft/

import type { IncomingMessage } from 'node:http';
import { isRecord, parseJson } from '../../core/shared/json.ts';
import { BodyError, readJson } from '../http/body.ts';
import { GraphqlRequestError } from './errors.ts';
import type { GraphqlParameters } from './execution/fast-path.ts';
import { limitError } from './execution/limits.ts';
import type { TrustedDocuments } from './execution/trusted-documents.ts';

/** A document within the token limit and a service account key in the variables stay far below. */
const maxBodyBytes = 256 * 1024;

/**
 * Reads the parameters of a GET or POST request, with the text of a trusted document in the place of its id.
 * @throws GraphqlRequestError with the HTTP status of the refusal; it never repeats what was sent.
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
  return checkParameters(await readBody(request), documents);
}

function queryParameters(request: IncomingMessage): object {
  const parameters = new URL(request.url ?? '/', 'http://localhost').searchParams;
  const json = (name: string) => {
    const text = parameters.get(name);
    return text === null || text === '' ? undefined : parseParameter(name, text);
  };
  return {
    query: parameters.get('query') ?? undefined,
    documentId: parameters.get('documentId') ?? undefined,
    operationName: parameters.get('operationName') || undefined,
    variables: json('variables'),
    extensions: json('extensions'),
  };
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  try {
    return await readJson(request, maxBodyBytes);
  } catch (error) {
    throw error instanceof BodyError ? bodyErrors[error.kind]() : error;
  }
}

/** Maps what is wrong with a body to the error that the client gets. */
const bodyErrors: Readonly<Record<BodyError['kind'], () => GraphqlRequestError>> = {
  TYPE: () =>
    new GraphqlRequestError('UNSUPPORTED_MEDIA_TYPE', 'Send the request as application/json in UTF-8.', {
      status: 415,
    }),
  SIZE: () => limitError('BODY_SIZE', `The body is larger than ${maxBodyBytes} bytes.`, { status: 413 }),
  UTF8: () => badRequest('The body is not valid UTF-8.'),
  JSON: () => badRequest('The body is not valid JSON.'),
};

function parseParameter(name: string, text: string): unknown {
  const value = parseJson(text);
  if (value === undefined) throw badRequest(`The parameter ${name} is not valid JSON.`);
  return value;
}

function checkParameters(value: unknown, documents: TrustedDocuments): GraphqlParameters {
  if (Array.isArray(value)) throw badRequest('Batches are not served; send one operation per request.');
  if (!isRecord(value)) throw badRequest('The body must be a JSON object with a "query".');
  const { query, documentId, operationName, variables, extensions } = value;
  if (!isAbsent(query) && typeof query !== 'string')
    throw badRequest('"query" must be a string that contains a GraphQL document.');
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
