// Verification of a large database beside a server, which opens every password.

import { expect, test } from 'vitest';
import { endure } from './support/kit.ts';
import { repeatCommand } from './support/troubles.ts';

test('a verification harms nobody', async () => {
  expect(await endure({ name: 'verify', begin: async (subject) => repeatCommand(subject, 'verify') })).toEqual([]);
});
