// The largest documents that are allowed, and larger ones that are refused, in a loop.

import { expect, test } from 'vitest';
import { endure } from './support/kit.ts';
import { ask, repeat } from './support/troubles.ts';

const columns = 'id registry host repository name type username secureConnection account createdAt updatedAt';
const pages = (count: number) =>
  `{ ${Array.from({ length: count }, (_, index) => `a${index}: registries(first: 100) { nodes { ${columns} lastValidation { outcome message steps { kind message } } } }`).join(' ')} }`;
const nested = '{ registries(first: 100) { nodes { id uses(first: 100) { image } } } }';
const bomb = `{ ${Array.from({ length: 15 }, (_, index) => `a${index}: registries(first: 100) { nodes { ${columns} lastValidation { steps { kind message } } uses(first: 100) { image actor outcome } auditEvents(first: 100) { seq } } }`).join(' ')} }`;
const documents = [pages(11), nested, bomb];

test('documents of the largest cost delay no other request', async () => {
  expect(
    await endure({
      name: 'the largest documents',
      begin: async (subject) => repeat(documents.length, (index) => ask(subject, documents[index] ?? '')),
    }),
  ).toEqual([]);
});
