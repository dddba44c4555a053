// Backups of a large database next to a server, one after the other.

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { endure } from './support/kit.ts';
import { repeatCommand } from './support/troubles.ts';

test('a backup delays no request', async () => {
  expect(
    await endure({
      name: 'backups',
      begin: async (subject) => repeatCommand(subject, 'backup', join(subject.dataDirectory, '../backup'), '--force'),
    }),
  ).toEqual([]);
});
