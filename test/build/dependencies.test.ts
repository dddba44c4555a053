// The law of dependencies, and that it notices what breaks it.

import { globSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  findBundleViolations,
  findUnusedDependencies,
  packagesOf,
  readPins,
  unbundledDependencies,
} from '../../src/build/dependencies.ts';

const root = join(import.meta.dirname, '../..');
const pins = await readPins();
const zod = { name: 'zod', version: pins.dependencies['zod'] ?? '' };

describe('the pins of this project', () => {
  it('each name one version, that of the lock', () => {
    expect(findBundleViolations([], pins)).toEqual([]);
  });

  it('contain every package that the sources import', () => {
    const sources = globSync('src/**/*.{ts,tsx}', { cwd: root }).filter(
      (file) => !/^src\/build\/|\.config\.ts$/.test(file),
    );
    const imported = new Set(sources.flatMap((file) => importedPackages(readFileSync(join(root, file), 'utf8'))));
    expect(imported).toContain('graphql');
    expect([...imported].filter((name) => !(name in pins.dependencies))).toEqual([]);
  });
});

describe('the build refuses', () => {
  it.each([
    ['a version that is not the locked one', { ...zod, version: '0.0.1' }],
    [
      'a package that only development needs',
      { name: 'vitest', version: pins.lock['node_modules/vitest']?.version ?? '' },
    ],
    ['a package that no lock knows', { name: 'left-pad', version: '1.3.0' }],
  ])('%s', (_, planted) => {
    expect(findBundleViolations([zod], pins)).toEqual([]);
    expect(findBundleViolations([zod, planted], pins)).toEqual([expect.stringContaining(planted.name)]);
  });

  it.each(['^4.0.0', '~4.6.7', '*', 'latest', '4.6.8', 'github:colinhacks/zod'])(
    'zod pinned as %s in package.json, with another version in the lock',
    (version) => {
      const dependencies = { ...pins.dependencies, zod: version };
      expect(findBundleViolations([], { ...pins, dependencies })).toEqual([expect.stringContaining('zod')]);
    },
  );

  it('a package that is moved to devDependencies: npm then marks it in the lock', () => {
    const lock = { ...pins.lock, 'node_modules/zod': { ...zod, dev: true } };
    expect(findBundleViolations([zod], { ...pins, lock })).toEqual([expect.stringContaining('zod')]);
  });
});

it('a dependency that is not bundled is noticed', () => {
  const bundled = Object.entries(pins.dependencies).map(([name, version]) => ({ name, version }));
  expect(findUnusedDependencies(bundled, pins)).toEqual([]);
  expect(
    findUnusedDependencies(
      bundled.filter(({ name }) => name !== 'zod'),
      pins,
    ),
  ).toEqual([expect.stringContaining('zod')]);
  expect(unbundledDependencies).toEqual(['better-sqlite3']);
});

it('a module belongs to the innermost package around it, and a module of Regway to none', async () => {
  const module = join(root, 'node_modules/zod/v4/index.js');
  expect(await packagesOf([module, `\0${module}?commonjs`, join(root, 'src/main.ts')])).toEqual([
    expect.objectContaining(zod),
  ]);
});

/** The names of packages that a source imports for more than their types. */
function importedPackages(text: string): string[] {
  const specifiers = text.matchAll(/^(?:import(?! type)[^;]*?|\} )from '([^'.][^']*)'|\bimport\('([^'.][^']*)'\)/gm);
  return [...specifiers]
    .map(([, fixed, dynamic]) => fixed ?? dynamic ?? '')
    .filter((name) => !name.startsWith('node:') && !builtinModules.includes(name))
    .map((name) => /^(?:@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name);
}
