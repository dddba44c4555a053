// Searches that must read every registry: six in one request, and no request waits for them.

import { expect, test } from 'vitest';
import { endure } from './support/kit.ts';
import { ask, repeat } from './support/troubles.ts';

/** Under three letters no index helps; the others are in every row, in none, and two words. */
const texts = ['zz', 'q', 'registry', 'no such text', 'team 07', 'example app'];

test('searches delay no other request', async () => {
  const fields = texts.map(
    (text, index) => `a${index}: registries(filter: { search: ${JSON.stringify(text)} }) { totalCount nodes { id } }`,
  );
  const query = `{ ${fields.join(' ')} }`;
  expect(await endure({ name: 'searches', begin: async (subject) => repeat(2, () => ask(subject, query)) })).toEqual(
    [],
  );
});
