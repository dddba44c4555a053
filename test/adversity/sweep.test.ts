// Sweeps of the schedule over many registries of which none is due, again and again.

import { join } from 'node:path';
import { expect, test } from 'vitest';
import { endure } from './support/kit.ts';

test('a sweep delays no request', async () => {
  expect(
    await endure({
      name: 'sweeps',
      // Every stored report is from this year: with the longest interval nothing is due.
      settings: { REGWAY_REVALIDATE_EVERY: '8760' },
      nodeFlags: [`--import=${join(import.meta.dirname, 'support/short-sweeps.mjs')}`],
      begin: async ({ pid }) => {
        process.kill(pid, 'SIGUSR2');
        return async () => void process.kill(pid, 'SIGUSR2');
      },
    }),
  ).toEqual([]);
});
