// Trusted documents: operations that are known before they are asked for, by an id or by their very text.
// https://graphql.github.io/graphql-over-http/draft/#sec-Appendix-Persisted-Documents

import { createHash } from 'node:crypto';
import { validate, type GraphQLSchema } from 'graphql';
import { GraphqlRequestError } from '../errors.ts';
import { isRecord, parseJson } from '../../../core/shared/json.ts';
import { brokenLimits, parseWithinLimits, weighDocument } from './limits.ts';

/** A document as a request names it. */
export interface NamedDocument {
  readonly query?: string | undefined;
  readonly documentId?: string | undefined;
}

export interface TrustedDocuments {
  /** Whether other texts are refused; nobody sees the schema then, and there is no GraphiQL. */
  readonly only: boolean;
  /**
   * The text to run.
   * @throws RestRequestError 400: `PERSISTED_OPERATION_NOT_FOUND` for an unknown id, `PERSISTED_OPERATION_REQUIRED` for another text where only
   * trusted ones run, `BAD_REQUEST` without either or with both.
   */
  textOf(document: NamedDocument): string;
}

/** The list of trusted documents is no such list. The messages name ids, which are no secrets. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
}

const prefix = 'sha256:';
/** An id may be any text that fits a URL; this bounds what a mistake in the file puts into a message. */
const maxIdLength = 200;

/**
 * @param documents texts by id. Each is known by the hash of its text too, with `sha256:` before it or without.
 */
export function createTrustedDocuments(documents: ReadonlyMap<string, string>, only: boolean): TrustedDocuments {
  const texts = new Map([
    ...documents,
    ...[...documents.values()].map((text): [string, string] => [documentIdOf(text), text]),
  ]);
  return {
    only,
    textOf({ query, documentId }) {
      if (query !== undefined && documentId !== undefined)
        throw refusal('BAD_REQUEST', 'Send "query" or "documentId", not both.');
      // Apollo's clients send the hash alone.
      if (documentId !== undefined) return texts.get(documentId) ?? texts.get(prefix + documentId) ?? notFound();
      if (query === undefined || query.trim() === '')
        throw refusal('BAD_REQUEST', '"query" must be a string that holds a GraphQL document.');
      if (only && !texts.has(documentIdOf(query)))
        throw refusal(
          'PERSISTED_OPERATION_REQUIRED',
          'This server runs trusted documents alone. Send the id of one as "documentId".',
        );
      return query;
    },
  };
}

/** The id that every document has: the SHA-256 of its text, as the appendix writes it. */
export function documentIdOf(text: string): string {
  return `${prefix}${createHash('sha256').update(text).digest('hex')}`;
}

/**
 * Reads a list of documents: `{ "<id>": "<document>" }`, as code generators write it, or Apollo's manifest (`operations` with `id` and `body`).
 * @throws ManifestError naming the first fault: form, an id of SHA-256 that is not its document's, a document that the schema or a limit refuses.
 */
export function parseManifest(text: string, schema: GraphQLSchema): ReadonlyMap<string, string> {
  const documents = new Map<string, string>();
  const manifest = parseJson(text);
  if (manifest === undefined) throw new ManifestError('is not valid JSON');
  for (const [id, document] of entriesOf(manifest)) {
    if (id === '' || id.length > maxIdLength)
      throw new ManifestError(`has an id that is empty or longer than ${maxIdLength} characters`);
    if (typeof document !== 'string') throw new ManifestError(`has no text for the id ${id}`);
    if (documents.has(id)) throw new ManifestError(`has the id ${id} twice`);
    if (id.startsWith(prefix) && id !== documentIdOf(document))
      throw new ManifestError(`has a document under ${id} whose SHA-256 is another`);
    const fault = faultOf(document, schema);
    if (fault !== undefined) throw new ManifestError(`has a document under ${id} that cannot run: ${fault}`);
    documents.set(id, document);
  }
  if (documents.size === 0) throw new ManifestError('holds no document');
  return documents;
}

function entriesOf(manifest: unknown): readonly (readonly [string, unknown])[] {
  if (!isRecord(manifest)) throw new ManifestError('is no JSON object of documents by id');
  const { format, operations } = manifest;
  if (format === undefined) return Object.entries(manifest);
  if (format !== 'apollo-persisted-query-manifest' || !Array.isArray(operations))
    throw new ManifestError('has a format that is not known here');
  return operations.map((operation: unknown) => {
    if (!isRecord(operation) || typeof operation['id'] !== 'string')
      throw new ManifestError('has an operation without an id');
    return [operation['id'], operation['body']] as const;
  });
}

function faultOf(text: string, schema: GraphQLSchema): string | undefined {
  try {
    const document = parseWithinLimits(text);
    return [...validate(schema, document), ...brokenLimits(weighDocument(document))][0]?.message;
  } catch (error) {
    return error instanceof Error ? error.message : 'it cannot be parsed';
  }
}

function notFound(): never {
  throw refusal('PERSISTED_OPERATION_NOT_FOUND', 'No trusted document has this id.');
}

function refusal(
  code: 'BAD_REQUEST' | 'PERSISTED_OPERATION_NOT_FOUND' | 'PERSISTED_OPERATION_REQUIRED',
  message: string,
): GraphqlRequestError {
  return new GraphqlRequestError(code, message, { status: 400 });
}
