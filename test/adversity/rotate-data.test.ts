// A rotation of the data key next to a server, which re-encrypts every password.

import { expect, test } from 'vitest';
import { endure } from './support/kit.ts';
import { repeatCommand } from './support/troubles.ts';

test('a rotation of the data key delays no request', async () => {
  expect(
    await endure({ name: 'rotate-data', begin: async (subject) => repeatCommand(subject, 'keys', 'rotate-data') }),
  ).toEqual([]);
});
