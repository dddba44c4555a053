// The check of a fresh machine installs every program that the end-to-end tests look for.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');

it('the packages of .ci/run are those that the end-to-end tests need', () => {
  const setup = readFileSync(join(root, 'test/e2e/support/global-setup.ts'), 'utf8');
  const needed = [...setup.matchAll(/packageName: '([^']+)'/g)].map(([, name = '']) => name);
  const installed = /^packages=\((.*)\)$/m.exec(readFileSync(join(root, '.ci/run'), 'utf8'))?.[1]?.split(' ') ?? [];
  expect(needed.length).toBeGreaterThan(10);
  expect(installed.toSorted()).toEqual([...new Set(needed)].toSorted());
});
