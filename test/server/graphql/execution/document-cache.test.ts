// The laws of the document cache: bounded, least recently used out first, and never a caller's string in it.

import { buildSchema } from 'graphql';
import { describe, expect, test } from 'vitest';
import { createDocuments } from '../../../../src/server/graphql/execution/document-cache.ts';

const schema = buildSchema('type Query { a(text: String): Int }');
const textOf = (index: number) => `{ a${index}: a }`;

describe('the document cache', () => {
  test('returns the same document for the same text', () => {
    const documents = createDocuments(schema);
    expect(documents.prepare(textOf(0))).toBe(documents.prepare(textOf(0)));
  });

  test('keeps the last 500 documents, and no more', () => {
    const documents = createDocuments(schema);
    const prepared = Array.from({ length: 501 }, (_, index) => documents.prepare(textOf(index)));
    for (const index of [500, 250, 1]) expect(documents.prepare(textOf(index))).toBe(prepared[index]);
    expect(documents.prepare(textOf(0))).not.toBe(prepared[0]);
  });

  test('keeps a document that is used again and again, however many are used once', () => {
    const documents = createDocuments(schema);
    const used = documents.prepare('{ a }');
    for (let index = 0; index < 600; index += 1) {
      documents.prepare(textOf(index));
      expect(documents.prepare('{ a }')).toBe(used);
    }
  });

  test.each([
    ['with a string literal', '{ a(text: "hunter2") }'],
    ['with a block string', '{ a(text: """hunter2""") }'],
    ['of 8193 characters', `{ a } #${'x'.repeat(8193 - 7)}`],
  ])('does not keep a document %s', (_what, text) => {
    const documents = createDocuments(schema);
    expect(documents.prepare(text).isCacheable).toBe(false);
    expect(documents.prepare(text)).not.toBe(documents.prepare(text));
  });

  test('keeps a document of 8192 characters', () => {
    const documents = createDocuments(schema);
    const text = `{ a } #${'x'.repeat(8192 - 7)}`;
    expect(text.length).toBe(8192);
    expect(documents.prepare(text)).toBe(documents.prepare(text));
  });

  test('finds the errors of a document again, and none of a document that it never saw', () => {
    const documents = createDocuments(schema);
    const { document } = documents.prepare('{ nothing }');
    expect(documents.errorsOf(document)).toHaveLength(1);
    expect(() => documents.errorsOf({ ...document })).toThrow('must be prepared');
  });
});
