// Plans one entry of an import: waits while the server's validation limit is reached, and names every change.

import { expect, it } from 'vitest';
import type { Client } from '../../../src/cli/api/client.ts';
import { importEntry } from '../../../src/cli/import/plan.ts';
import { Secret } from '../../../src/core/shared/secret.ts';

it('repeats what the server put off, and nothing else', async () => {
  const sent: string[] = [];
  const answers = [
    { registry: null },
    {
      createRegistry: {
        errors: [
          { code: 'RATE_LIMITED', reason: null, message: 'Wait.', field: null, retryAfter: new Date(0).toISOString() },
        ],
      },
    },
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
  const result = await importEntry(client, entry, {
    account: undefined,
    secureConnection: true,
    validate: true,
    apply: true,
  });
  expect(result).toMatchObject({ action: 'add', stored: true });
  expect(sent).toEqual(['query Get', 'mutation Create', 'mutation Create']);
});

it.each([
  ['none to c/d', null],
  ['a/b to c/d', 'a/b'],
])('says that the repository to check with changes: %s', async (change, probeRepository) => {
  const existing = {
    id: 'reg_1',
    registry: 'a.example',
    username: 'u',
    type: 'DOCKER_V2',
    name: 'a.example',
    secureConnection: true,
    trustedRealm: null,
    probeRepository,
  };
  const client = { run: async () => ({ registry: existing }), stream: () => undefined as never } as unknown as Client;
  const entry = {
    key: 'a.example',
    registry: 'a.example',
    username: 'u',
    password: new Secret('p'),
    probeRepository: 'c/d',
  };
  const result = await importEntry(client, entry, {
    account: undefined,
    secureConnection: true,
    validate: false,
    apply: false,
  });
  expect(result).toMatchObject({ action: 'change', reason: `probe repository ${change}, password` });
});

it('offers a command that adds the entry as the file and the flags of the import say', async () => {
  const client = { run: async () => ({ registry: null }), stream: () => undefined as never } as unknown as Client;
  const entry = {
    key: 'a.example',
    registry: 'a.example',
    username: 'u',
    password: undefined,
    type: 'ACR' as const,
    name: 'Our images',
    trustedRealm: 'auth.example',
  };
  const settings = { account: 'team-a', secureConnection: false, validate: true, apply: false };
  expect((await importEntry(client, entry, settings)).reason).toBe(
    "it has no password. Add it with: regway registry add a.example --username=u --account=team-a --secure-connection=false --type=acr --name='Our images' --trusted-realm=auth.example",
  );
});
