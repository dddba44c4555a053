// Remembers parsed documents: clients send the same few again and again. Never one that holds a text of the caller's, which may be a password.

import { BREAK, Kind, visit, type DocumentNode } from 'graphql';

/** A client has some dozens of documents; a thousand small ones take a few MB. */
const maxDocuments = 500;
/** Longer than any document of a client within the token limit; bounds what strangers can make us keep. */
const maxDocumentLength = 8 * 1024;

/** The shape that Yoga's parser cache takes. */
export interface DocumentCache {
  get(text: string): DocumentNode | undefined;
  set(text: string, document: DocumentNode): void;
}

/** A cache that forgets the document that was added first when it is full. */
export function createDocumentCache(): DocumentCache {
  const documents = new Map<string, DocumentNode>();
  return {
    get: (text) => documents.get(text),
    set(text, document) {
      if (text.length > maxDocumentLength || holdsText(document)) return;
      const [oldest] = documents.keys();
      if (documents.size >= maxDocuments && oldest !== undefined) documents.delete(oldest);
      documents.set(text, document);
    },
  };
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
