// An import of more logins than the server checks in a minute waits and goes on.

import { expect, it } from 'vitest';
import type { Client } from '../../src/cli/client.ts';
import { importEntry } from '../../src/cli/import-plan.ts';
import { Secret } from '../../src/core/secret.ts';

it('repeats what the server put off, and nothing else', async () => {
  const sent: string[] = [];
  const answers = [
    { registry: null },
    { createRegistry: { errors: [{ code: 'RATE_LIMITED', reason: null, message: 'Wait.', field: null, retryAfter: new Date(0).toISOString() }] } },
    { createRegistry: { registry: { id: 'reg_1' }, errors: [] } },
  ];
  const client = {
    run: async ({ document }) => {
      sent.push(document.split(/[ (]/, 2).join(' '));
      return answers.shift();
    },
    stream: () => {
      throw new Error('nothing is streamed');
    },
  } as Client;
  const entry = { key: 'a.example', registry: 'a.example', username: 'u', password: new Secret('p') };
  const result = await importEntry(client, entry, { account: undefined, secureConnection: true, validate: true, apply: true });
  expect(result).toMatchObject({ action: 'add', stored: true });
  expect(sent).toEqual(['query Get', 'mutation Create', 'mutation Create']);
});
