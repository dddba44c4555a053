// Documents as clients send them: each is parsed, weighed and validated once, since clients send the same few again and again.

import { BREAK, type DocumentNode, type GraphQLError, type GraphQLSchema, Kind, validate, visit } from 'graphql';
import { brokenLimits, type DocumentWeight, maxErrors, parseWithinLimits, weighDocument } from './limits.ts';

/** A client has some dozens of documents; a thousand small ones take a few MB. */
const maxDocuments = 500;
/** Longer than any document of a client within the token limit; bounds what strangers can make us keep. */
const maxDocumentLength = 8 * 1024;

/** What is known of a document, whoever sends it. What depends on the caller never is: it would leak to the next one. */
export interface PreparedDocument {
  readonly text: string;
  readonly document: DocumentNode;
  readonly weight: DocumentWeight;
  /** The limits that it breaks, or else what does not fit the schema. Empty when it may run. */
  readonly errors: readonly GraphQLError[];
  /** Whether it is remembered, and with it anything that is kept for its nodes. Never one that holds a text of the caller's, which may be a password. */
  readonly isKept: boolean;
}

export interface Documents {
  /** @throws RestRequestError `LIMIT_EXCEEDED` for too many tokens, GraphQLError for a syntax error. */
  prepare(text: string): PreparedDocument;
  /** What was found when `prepare` made this document. */
  errorsOf(document: DocumentNode): readonly GraphQLError[];
}

/** The documents of one schema. The one that was used longest ago is forgotten when there are too many. */
export function createDocuments(schema: GraphQLSchema): Documents {
  const kept = createRecentMap<string, PreparedDocument>(maxDocuments);
  const errors = new WeakMap<DocumentNode, readonly GraphQLError[]>();
  return {
    prepare(text) {
      const known = kept.get(text);
      if (known !== undefined) return known;
      const prepared = prepareDocument(schema, text);
      errors.set(prepared.document, prepared.errors);
      if (prepared.isKept) kept.set(text, prepared);
      return prepared;
    },
    errorsOf(document) {
      const found = errors.get(document);
      if (found === undefined) throw new Error('a document is prepared before it is validated');
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
  return { text, document, weight, errors, isKept: text.length <= maxDocumentLength && !holdsText(document) };
}

function holdsText(document: DocumentNode): boolean {
  let found = false;
  visit(document, {
    [Kind.STRING]() {
      found = true;
      return BREAK;
    },
  });
  return found;
}

export interface RecentMap<Key, Value> {
  /** The value, which counts as a use. */
  get(key: Key): Value | undefined;
  set(key: Key, value: Value): void;
}

/** @param maxEntries the most that it holds. */
export function createRecentMap<Key, Value>(maxEntries: number): RecentMap<Key, Value> {
  // In the order of their last use.
  const entries = new Map<Key, Value>();
  const set = (key: Key, value: Value): void => {
    entries.delete(key);
    entries.set(key, value);
    const [oldest] = entries.size > maxEntries ? entries.keys() : [];
    if (oldest !== undefined) entries.delete(oldest);
  };
  return {
    get(key) {
      const value = entries.get(key);
      // To move an entry costs more than to find it, and while there is room the order decides nothing.
      if (value !== undefined && entries.size > maxEntries / 2) set(key, value);
      return value;
    },
    set,
  };
}
