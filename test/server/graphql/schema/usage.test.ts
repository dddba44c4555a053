// The fields that show whether a credential is still used: their values, their cost, and who may not read them.

import { afterEach, beforeEach, expect, test } from 'vitest';
import type { CountedUse } from '../../../../src/core/pulls/usage/uses.ts';
import { dataAt, openEndpoint, type TestEndpoint } from '../harness.ts';

let endpoint: TestEndpoint;
beforeEach(async () => {
  endpoint = await openEndpoint();
});
afterEach(() => endpoint.close());

async function created(registry: string): Promise<string> {
  const document = 'mutation ($input: CreateRegistryInput!) { createRegistry(input: $input) { registry { id } } }';
  const answer = await endpoint.send(document, { input: { registry, username: 'me', password: 'p' } });
  return dataAt(answer, 'createRegistry', 'registry', 'id') as string;
}

async function used(registryId: string, change: Partial<CountedUse> = {}): Promise<void> {
  const use = {
    registryId,
    registryVersion: 1,
    actor: 'token:ci',
    image: 'r.example/team/app',
    outcome: 'DONE',
    count: 1,
    lastAt: new Date('2026-02-03T04:05:06.789Z'),
    ...change,
  };
  await endpoint.domain.store.uses.addUses([use]);
}

const asked = () => endpoint.calls.filter(({ name }) => ['lastUsed', 'of'].includes(name)).map(({ name }) => name);

test('a registry shows when it was last used, by which actor, and for which image', async () => {
  const id = await created('r.example');
  await used(id, { count: 5_000_000_000 });
  await used(id, { outcome: 'INVALID_CREDENTIALS', registryVersion: 2, lastAt: new Date('2026-02-03T05:00:00Z') });
  const answer = await endpoint.send(
    'query ($id: ID!) { registry(id: $id) { lastUsedAt uses { actor image version outcome count lastAt } } }',
    { id },
  );
  expect(dataAt(answer, 'registry')).toEqual({
    lastUsedAt: '2026-02-03T05:00:00.000Z',
    uses: [
      {
        actor: 'token:ci',
        image: 'r.example/team/app',
        version: 2,
        outcome: 'INVALID_CREDENTIALS',
        count: 1,
        lastAt: '2026-02-03T05:00:00.000Z',
      },
      {
        actor: 'token:ci',
        image: 'r.example/team/app',
        version: 1,
        outcome: 'DONE',
        count: 5_000_000_000,
        lastAt: '2026-02-03T04:05:06.789Z',
      },
    ],
  });
});

test('a registry that was never used says so', async () => {
  const id = await created('r.example');
  const answer = await endpoint.send('query ($id: ID!) { registry(id: $id) { lastUsedAt uses { count } } }', { id });
  expect(answer.body).toEqual({ data: { registry: { lastUsedAt: null, uses: [] } } });
});

test('a page queries usage once for all of its registries, and only if the field is selected', async () => {
  const ids = [];
  for (let number = 0; number < 12; number += 1) ids.push(await created(`r.example/team/app-${number}`));
  await used(ids[3] ?? '');
  await endpoint.send('{ registries { nodes { name } } }');
  expect(asked()).toEqual([]);
  const answer = await endpoint.send('{ registries(first: 12) { nodes { id lastUsedAt } } }');
  expect(asked()).toEqual(['lastUsed']);
  const nodes = dataAt(answer, 'registries', 'nodes') as { id: string; lastUsedAt: string | null }[];
  expect(nodes.filter(({ lastUsedAt }) => lastUsedAt !== null)).toEqual([
    { id: ids[3], lastUsedAt: '2026-02-03T04:05:06.789Z' },
  ]);
});

test('a later request sees what was used in between', async () => {
  const id = await created('r.example');
  const lastUsedAt = async () =>
    dataAt(
      await endpoint.send('query ($id: ID!) { registry(id: $id) { lastUsedAt } }', { id }),
      'registry',
      'lastUsedAt',
    );
  expect(await lastUsedAt()).toBeNull();
  await used(id);
  expect(await lastUsedAt()).toBe('2026-02-03T04:05:06.789Z');
});

test.each([
  [undefined, 20],
  [null, 20],
  [0, 0],
  [3, 3],
  [100, 30],
])('uses(first: %s) returns %i of 30', async (first, length) => {
  const id = await created('r.example');
  for (let number = 0; number < 30; number += 1) await used(id, { image: `r.example/team/app-${number}` });
  const answer = await endpoint.send(
    'query ($id: ID!, $first: Int) { registry(id: $id) { uses(first: $first) { image } } }',
    { id, ...(first === undefined ? {} : { first }) },
  );
  expect(dataAt(answer, 'registry', 'uses')).toHaveLength(length);
});

test.each([-1, 101])('uses(first: %i) is an error of only that field', async (first) => {
  const id = await created('r.example');
  const answer = await endpoint.send(
    'query ($id: ID!, $first: Int) { registry(id: $id) { id uses(first: $first) { image } } }',
    { id, first },
  );
  expect(answer.body).toMatchObject({
    data: { registry: { id, uses: null } },
    errors: [{ path: ['registry', 'uses'], extensions: { code: 'INVALID_INPUT', field: ['first'] } }],
  });
});

test('a puller who sees a registry through an image sees nothing of who else uses it, and keeps the rest of the answer', async () => {
  const id = await created('r.example');
  await used(id);
  const answer = await endpoint.send(
    '{ image(reference: "r.example/a") { registry { id lastUsedAt uses { actor } } } }',
    {},
    'PULL',
  );
  expect(dataAt(answer, 'image', 'registry')).toEqual({ id, lastUsedAt: null, uses: null });
  const refused = answer.body.errors?.map(({ path, extensions }) => [path?.at(-1), extensions['code']]).toSorted();
  expect(refused).toEqual([
    ['lastUsedAt', 'FORBIDDEN'],
    ['uses', 'FORBIDDEN'],
  ]);
  expect(answer.text).not.toContain('token:ci');
});

test('the usage of a registry is deleted with it', async () => {
  const id = await created('r.example');
  await used(id);
  await endpoint.send('mutation ($id: ID!) { deleteRegistry(id: $id) { deletedId } }', { id });
  const again = await created('r.example');
  const answer = await endpoint.send('query ($id: ID!) { registry(id: $id) { lastUsedAt uses { count } } }', {
    id: again,
  });
  expect(dataAt(answer, 'registry')).toEqual({ lastUsedAt: null, uses: [] });
});
