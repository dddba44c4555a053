// Whose entities a key finds: those of the caller's own account, and what its token is limited to.

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Caller } from '../../../src/core/authz/principal.ts';
import type { EntityKey } from '../../../src/core/registries/entities.ts';
import { Problem } from '../../../src/core/shared/problem.ts';
import { Secret } from '../../../src/core/shared/secret.ts';
import { insertAccount } from '../../server/rest/harness.ts';
import { callerOf, openDomain, stranger, type TestDomain } from '../../support/domain.ts';
import { statementsDuring } from '../../support/statements.ts';

let domain: TestDomain;
const admin = callerOf('ADMIN');
const other = callerOf('READ_WRITE', 'other');
let ids: Record<'admin' | 'other', string>;

beforeAll(async () => {
  domain = await openDomain();
  await insertAccount(domain, 'other');
  ids = { admin: await created(admin, 'both.example'), other: await created(other, 'both.example') };
  await created(other, 'theirs.example');
});

afterAll(() => domain.close());

async function created(caller: Caller, registry: string): Promise<string> {
  const input = { registry, username: 'me', password: new Secret('p') };
  return (await domain.registries.create(caller, input, { secureConnection: true, validate: true })).registry.id;
}

const image = (reference: string): EntityKey => ({ type: 'ContainerImage', key: { reference } });
const byPattern = (registry: string): EntityKey => ({ type: 'Registry', key: { registry } });
const byId = (id: string): EntityKey => ({ type: 'Registry', key: { id } });

/** Returns the result of each key: the ID of the found or used registry, null, or the code of its problem. */
async function found(caller: Caller, keys: readonly EntityKey[]): Promise<(string | null)[]> {
  const entities = await domain.registries.entities(caller, keys);
  return entities.map((entity) =>
    entity instanceof Problem
      ? entity.code
      : entity !== null && 'candidates' in entity
        ? (entity.registry?.id ?? null)
        : (entity?.id ?? null),
  );
}

test('a text and an image are looked up in the account of the caller', async () => {
  expect(
    await found(admin, [
      byPattern('both.example'),
      image('both.example/a'),
      byPattern('theirs.example'),
      image('theirs.example/a'),
    ]),
  ).toEqual([ids.admin, ids.admin, null, null]);
  expect(await found(other, [byPattern('both.example'), image('both.example/a')])).toEqual([ids.other, ids.other]);
});

test('an id of another account is null, as one that does not exist; an admin finds both', async () => {
  expect(await found(other, [byId(ids.admin), byId(ids.other), byId(`reg_${'f'.repeat(32)}`)])).toEqual([
    null,
    ids.other,
    null,
  ]);
  expect(await found(admin, [byId(ids.admin), byId(ids.other)])).toEqual([ids.admin, ids.other]);
});

test('a token that is limited to images gets those, and FORBIDDEN for the others whether they have a registry or not', async () => {
  const limited = callerOf('PULL', 'admin', { images: ['both.example/a/*'] });
  expect(
    await found(limited, [
      image('both.example/a/b'),
      image('both.example/b'),
      image('nothing.example/b'),
      byId(ids.admin),
    ]),
  ).toEqual([ids.admin, 'FORBIDDEN', 'FORBIDDEN', 'FORBIDDEN']);
});

test('the candidates are those of each image, as for a single image', async () => {
  await created(admin, 'both.example/a/*');
  const references = ['both.example/a/b', 'both.example/c', 'nothing.example/a'];
  const entities = await domain.registries.entities(admin, references.map(image));
  for (const [place, reference] of references.entries()) {
    const entity = entities[place];
    const alone = await domain.registries.image(admin, { reference });
    expect(entity).toMatchObject({ reference: alone.reference, registry: alone.registry });
    expect(
      entity !== null && entity !== undefined && 'candidates' in entity ? await entity.candidates() : entity,
    ).toEqual(await alone.candidates());
  }
});

test('a puller sees no neighbours', async () => {
  const [entity] = await domain.registries.entities(callerOf('PULL'), [image('both.example/c')]);
  expect(
    entity !== null && entity !== undefined && 'candidates' in entity
      ? (await entity.candidates()).map(({ matched }) => matched)
      : entity,
  ).toEqual([true]);
});

test('an unauthenticated caller gets nothing, not even for no keys', async () => {
  await expect(domain.registries.entities(stranger, [])).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
});

test('a thousand images of twenty levels are looked up; deeper ones, which would take seconds, are rejected before the lookup', async () => {
  const images = (levels: number) =>
    Array.from({ length: 1000 }, (_, number) =>
      image(`r${number}.example/${Array.from({ length: levels - 1 }, () => 'a').join('/')}`),
    );
  expect(await domain.registries.entities(admin, images(20))).toHaveLength(1000);
  const statements = await statementsDuring(() =>
    expect(domain.registries.entities(admin, images(120))).rejects.toMatchObject({ code: 'INVALID_INPUT' }),
  );
  expect(statements).toEqual([]);
});
