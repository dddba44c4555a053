// The operations of the console are those of the schema.

import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { operationsFile, printOperations } from '../../../src/build/operations.ts';

it('are generated from it: run "npm run operations" after a change', async () => {
  expect(await readFile(operationsFile, 'utf8')).toBe(await printOperations());
});
