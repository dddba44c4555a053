// The search for a leaked password finds one in every form, so that finding none is meaningful.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { filesBelow, findMarker, markerForms, randomMarker } from './marker.ts';
import { newDataDirectory } from './server.ts';

const marker = randomMarker();

test('a marker has 32 characters', () => {
  expect(marker).toHaveLength(32);
});

test.each([...markerForms(marker)])('a planted password is found in a file as %s', (form, bytes) => {
  const directory = newDataDirectory();
  const planted = join(directory, 'planted');
  writeFileSync(planted, Buffer.concat([Buffer.from('before '), bytes, Buffer.from(' after')]));
  expect(findMarker(marker, filesBelow(directory))).toContainEqual({ place: planted, form });
});

test.each([0, 1, 2, 3, 4, 5])('it is found in the base64 of a login whose user name has %i letters', (length) => {
  for (const encoding of ['base64', 'base64url'] as const) {
    const header = Buffer.from(`${'u'.repeat(length)}:${marker} and more`).toString(encoding);
    expect(findMarker(marker, new Map([['header', header]]))).not.toEqual([]);
  }
});

test('nothing is found where only another password is', () => {
  expect(findMarker(marker, new Map([['elsewhere', randomMarker()]]))).toEqual([]);
});
