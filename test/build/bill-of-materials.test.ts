// The bill of materials of the built program: every package that is in it, as the lock has it, and no other.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { type BillOfMaterials, billOfMaterials } from '../../src/build/bill-of-materials.ts';
import { readOwn, readPins } from '../../src/build/dependencies.ts';
import { builtExecutable, ensureBuilt } from '../support/built.ts';

const dist = join(builtExecutable, '..');
let bill: BillOfMaterials;
beforeAll(async () => {
  await ensureBuilt();
  bill = JSON.parse(readFileSync(join(dist, 'regway.cdx.json'), 'utf8')) as BillOfMaterials;
});

const nameOf = ({ group, name, version }: BillOfMaterials['components'][number]): string =>
  `${group === undefined ? '' : `${group}/`}${name} ${version}`;

test('lists what the licenses of the bundle list, and what is installed beside it', () => {
  const licenses = readFileSync(join(dist, 'THIRD-PARTY-LICENSES.txt'), 'utf8');
  const bundled = [...licenses.matchAll(/^-{79}\n\n(\S+ \S+) \(/gm)].map(([, text = '']) => text);
  const listed = bill.components.map(nameOf);
  expect(listed.length).toBeGreaterThan(50);
  expect(new Set(listed).size).toBe(listed.length);
  expect(listed.filter((one) => !one.startsWith('better-sqlite3 ')).toSorted()).toEqual(
    [...new Set(bundled)].toSorted(),
  );
  expect(listed.filter((one) => one.startsWith('better-sqlite3 '))).toHaveLength(1);
});

test('every package is in the lock with the same checksum, and none of them only for development', async () => {
  const { lock, dependencies } = await readPins();
  for (const component of bill.components) {
    const locked = Object.entries(lock).filter(
      ([path, { version }]) =>
        path.endsWith(`node_modules/${nameOf(component).split(' ')[0]}`) && version === component.version,
    );
    const checksums = locked.map(([, { integrity = '' }]) => Buffer.from(integrity.slice(7), 'base64').toString('hex'));
    expect(checksums, nameOf(component)).toContain(component.hashes[0].content);
    expect(locked.some(([, { dev }]) => dev !== true)).toBe(true);
  }
  const listed = bill.components.map(nameOf);
  for (const [name, version] of Object.entries(dependencies)) expect(listed).toContain(`${name} ${version}`);
});

test('is the same bytes for the same packages, and names each by its package URL', async () => {
  const pins = await readPins();
  const some = [
    { name: '@pothos/core', version: pins.dependencies['@pothos/core'] ?? '' },
    { name: 'zod', version: pins.dependencies['zod'] ?? '' },
  ];
  const own = await readOwn();
  expect(billOfMaterials(own, some.toReversed(), pins)).toEqual(billOfMaterials(own, some, pins));
  expect(bill.metadata.component).toEqual({ type: 'application', name: own.name, version: own.version });
  expect(bill.components.map(({ purl }) => purl)).toContain(`pkg:npm/%40pothos/core@${some[0]?.version}`);
});

test('a package whose checksum the lock does not have ends the build', async () => {
  const pins = await readPins();
  const foreign = [{ name: 'not-locked', version: '1.0.0' }];
  const own = await readOwn();
  expect(() => billOfMaterials(own, foreign, pins)).toThrow('no SHA-512 checksum of not-locked 1.0.0');
});
