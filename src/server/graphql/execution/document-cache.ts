// Parses, weighs, and validates each document once, because clients send the same few documents again and again.

import { BREAK, type DocumentNode, type GraphQLError, type GraphQLSchema, Kind, validate, visit } from 'graphql';
import { LRUCache } from 'lru-cache';
import { brokenLimits, type DocumentWeight, maxErrors, parseWithinLimits, weighDocument } from './limits.ts';

/** Maximum number of cached documents. A client has some dozens; 500 small ones take a few MB. */
const maxDocuments = 500;
/** Maximum length of a cached document, in UTF-16 code units. No client's document within the token limit is longer; it bounds the memory that unauthenticated callers can fill. */
const maxDocumentLength = 8 * 1024;

/** The facts about a document that are the same for every caller. Nothing here may depend on the caller: it would leak to the next one. */
export interface PreparedDocument {
  readonly text: string;
  readonly document: DocumentNode;
  readonly weight: DocumentWeight;
  /** The limits that the document exceeds, or else its validation errors. Empty if it may run. */
  readonly errors: readonly GraphQLError[];
  /** Whether the document may be cached, and with it anything derived from its nodes. False if it contains a string literal, which may be a password. */
  readonly isCacheable: boolean;
}

export interface Documents {
  /** Returns the cached document with this text, or prepares it. @throws GraphqlRequestError `LIMIT_EXCEEDED` for too many tokens, GraphQLError for a syntax error. */
  prepare(text: string): PreparedDocument;
  /** Returns the errors that `prepare` found in this document. */
  errorsOf(document: DocumentNode): readonly GraphQLError[];
}

/** Creates the document cache of one schema. The least recently used document is evicted when the cache is full. */
export function createDocuments(schema: GraphQLSchema): Documents {
  const cached = new LRUCache<string, PreparedDocument>({ max: maxDocuments });
  const errors = new WeakMap<DocumentNode, readonly GraphQLError[]>();
  return {
    prepare(text) {
      const known = cached.get(text);
      if (known !== undefined) return known;
      const prepared = prepareDocument(schema, text);
      errors.set(prepared.document, prepared.errors);
      if (prepared.isCacheable) cached.set(text, prepared);
      return prepared;
    },
    errorsOf(document) {
      const found = errors.get(document);
      if (found === undefined) throw new Error('a document must be prepared before it is validated');
      return found;
    },
  };
}

function prepareDocument(schema: GraphQLSchema, text: string): PreparedDocument {
  const document = parseWithinLimits(text);
  const weight = weighDocument(document);
  const broken = brokenLimits(weight);
  const errors =
    broken.length > 0 ? broken : validate(schema, document, undefined, { maxErrors, hideSuggestions: true });
  return {
    text,
    document,
    weight,
    errors,
    isCacheable: text.length <= maxDocumentLength && !hasStringLiteral(document),
  };
}

function hasStringLiteral(document: DocumentNode): boolean {
  let found = false;
  visit(document, {
    [Kind.STRING]() {
      found = true;
      return BREAK;
    },
  });
  return found;
}
