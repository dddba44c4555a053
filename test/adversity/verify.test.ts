// Verification of a large database next to a server, which opens every password.

import { expect, test } from 'vitest';
import { endure } from './support/kit.ts';
import { repeatCommand } from './support/troubles.ts';

test('a verification delays no request', async () => {
  expect(await endure({ name: 'verify', begin: async (subject) => repeatCommand(subject, 'verify') })).toEqual([]);
});
