// Holds the flags that bound V8's heap to the start line, the same wherever the server is started, and never changed at run time.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

const root = join(import.meta.dirname, '../..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const flags = ['--max-semi-space-size=8', '--heap-growing-percent=50', '--no-allocation-site-pretenuring'];

test('the executable names the flags on its first line', () => {
  expect(read('src/main.ts').split('\n', 1)).toEqual([`#!/usr/bin/env -S node ${flags.join(' ')}`]);
});

test('npm start and the image name the same ones', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
  expect(scripts['start']).toBe(`node ${flags.join(' ')} dist/regway.js serve`);
  expect(JSON.parse(/^ENTRYPOINT (.+)$/m.exec(read('Dockerfile'))?.[1] ?? '')).toEqual([
    'node',
    // Only the pinned Node knows it: elsewhere a listener does the same, but for the first moments of a start.
    '--disable-sigusr1',
    ...flags,
    '/app/dist/regway.js',
  ]);
});

test('no source changes flags at run time, and nothing sets NODE_OPTIONS', () => {
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.tsx?$/.test(file))
    .map((file) => join('src', file));
  expect(sources.length).toBeGreaterThan(200);
  const found = [...sources, 'package.json', 'Dockerfile'].filter((file) =>
    /setFlagsFromString|NODE_OPTIONS/.test(read(file)),
  );
  expect(found).toEqual([]);
});
