// Trusted documents: operations that the server knows in advance, by an ID or by their exact text.
// https://graphql.github.io/graphql-over-http/draft/#sec-Appendix-Persisted-Documents

import { createHash } from 'node:crypto';
import { type DocumentNode, type GraphQLError, type GraphQLSchema, Kind, validate } from 'graphql';
import { GraphqlRequestError } from '../errors.ts';
import { isRecord, parseJson } from '../../../core/shared/json.ts';
import { createCostLimits } from './cost.ts';
import { brokenLimits, parseWithinLimits, weighDocument } from './limits.ts';

/** The document parameters of a request. */
export interface NamedDocument {
  readonly query?: string | undefined;
  readonly documentId?: string | undefined;
}

export interface TrustedDocuments {
  /** Whether other documents are rejected. If true, the schema is never shown and GraphiQL is off. */
  readonly only: boolean;
  /**
   * Returns the text of the document to run.
   * @throws GraphqlRequestError 400: `PERSISTED_OPERATION_NOT_FOUND` for an unknown ID, `PERSISTED_OPERATION_REQUIRED` for another text where only
   * trusted documents run, `BAD_REQUEST` without either or with both.
   */
  textOf(document: NamedDocument): string;
}

/** An invalid list of trusted documents. The messages contain IDs, which are not secrets. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
}

const prefix = 'sha256:';
/** Maximum length of an ID. Any text that fits a URL is allowed; the limit bounds what a mistake in the file puts into a message. */
const maxIdLength = 200;

/**
 * Creates the lookup of trusted documents.
 * @param documents texts by ID. Each is also known by the SHA-256 of its text, with or without the prefix `sha256:`.
 * @param only whether all other documents are rejected.
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
      // Apollo's clients send only the hash.
      if (documentId !== undefined) return texts.get(documentId) ?? texts.get(prefix + documentId) ?? notFound();
      if (query === undefined || query.trim() === '')
        throw refusal('BAD_REQUEST', '"query" must be a string that contains a GraphQL document.');
      if (only && !texts.has(documentIdOf(query)))
        throw refusal(
          'PERSISTED_OPERATION_REQUIRED',
          'This server runs only trusted documents. Send the ID of one as "documentId".',
        );
      return query;
    },
  };
}

/** Returns the ID that every document has: `sha256:` and the SHA-256 of its text in hexadecimal, as in the appendix on persisted documents. */
export function documentIdOf(text: string): string {
  return `${prefix}${createHash('sha256').update(text).digest('hex')}`;
}

/**
 * Reads a list of documents: `{ "<id>": "<document>" }`, as code generators write it, or Apollo's manifest (`operations` with `id` and `body`).
 * @throws ManifestError naming the first problem: the format, a `sha256:` ID that does not match its document, or a document that the schema or a limit rejects.
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
    const problem = findProblem(document, schema);
    if (problem !== undefined) throw new ManifestError(`has a document under ${id} that cannot run: ${problem}`);
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

function findProblem(text: string, schema: GraphQLSchema): string | undefined {
  try {
    const document = parseWithinLimits(text);
    const errors = [...validate(schema, document), ...brokenLimits(weighDocument(document))];
    return (errors.length > 0 ? errors : fixedCosts(document, schema))[0]?.message;
  } catch (error) {
    return error instanceof Error ? error.message : 'it cannot be parsed';
  }
}

/** Returns the errors of operations that cost too much on every request. What one with variables costs depends on their values. */
function fixedCosts(document: DocumentNode, schema: GraphQLSchema): readonly GraphQLError[] {
  const judgeCost = createCostLimits(schema);
  return document.definitions
    .filter((definition) => definition.kind === Kind.OPERATION_DEFINITION)
    .filter(({ variableDefinitions = [] }) => variableDefinitions.length === 0)
    .flatMap((operation) => judgeCost(document, operation).errors);
}

function notFound(): never {
  throw refusal('PERSISTED_OPERATION_NOT_FOUND', 'No trusted document has this ID.');
}

function refusal(
  code: 'BAD_REQUEST' | 'PERSISTED_OPERATION_NOT_FOUND' | 'PERSISTED_OPERATION_REQUIRED',
  message: string,
): GraphqlRequestError {
  return new GraphqlRequestError(code, message, { status: 400 });
}
