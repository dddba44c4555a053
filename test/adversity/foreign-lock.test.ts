// Another process holds the lock of the SQLite file for 3 s at a time: reads and pulls do not wait for it.

import Sqlite from 'better-sqlite3';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { databaseFile } from '../bench/seed.ts';
import { endure } from './support/kit.ts';
import { ask, repeat } from './support/troubles.ts';

const lockMs = 3_000;

test('a lock of another process delays only writes', async () => {
  expect(
    await endure({
      name: 'a foreign lock',
      begin: async (subject) => {
        const database = new Sqlite(databaseFile(subject.dataDirectory));
        const stopLocking = repeat(1, async () => {
          database.exec('BEGIN IMMEDIATE');
          await pause(lockMs);
          database.exec('ROLLBACK');
          await pause(100);
        });
        // A write in the meantime waits.
        const stopWriting = repeat(1, (index) =>
          ask(
            subject,
            `mutation { createToken(input: { role: PULL, name: "writer ${index}" }) { errors { message } } }`,
          ),
        );
        return async () => {
          await Promise.all([stopLocking(), stopWriting()]);
          database.close();
        };
      },
    }),
  ).toEqual([]);
});
