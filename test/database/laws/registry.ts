// The laws of registries at rest: what is written is read, whole or not at all, and by one writer at a time.

import { inspect } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { maxActiveTokens } from '../../../src/core/accounts/tokens.ts';
import type { RegistryStore } from '../../../src/core/registry/store.ts';
import { Problem } from '../../../src/core/shared/problem.ts';
import type { Harness, StoreUnderTest } from '../harness.ts';
import { pageQuery, sampleEvent, sampleRegistry, sampleReport, sampleSealed, sampleToken } from '../samples.ts';

export function registryLaws(harness: () => Harness): void {
  let test: StoreUnderTest;
  let registries: RegistryStore;
  beforeEach(async () => {
    test = await harness().create();
    registries = test.store.registries;
  });
  afterEach(() => test.close());
  const events = () => test.rows('SELECT * FROM audit_event ORDER BY seq');

  it.each([
    ['bare', sampleRegistry(1, { repository: null, registry: 'registry.example:5000' })],
    [
      'full',
      sampleRegistry(2, {
        type: 'AWSECR',
        name: 'Zoë’s “名前” 🐳',
        secureConnection: false,
        trustedRealm: 'auth.example:8443',
        probeRepository: 'anchore/grype',
        lastValidation: sampleReport({
          outcome: 'VALID_UNPROVEN',
          hint: 'Name a repository.',
          retryAfter: 1_900_000_000_000,
        }),
        version: 2_147_483_647,
        secretVersion: 3,
        updatedAt: new Date(Date.UTC(2199, 11, 31)),
      }),
    ],
  ])('a %s registry reads back as it was written, by id, ids, text, texts, host and page', async (_, registry) => {
    await registries.insert(registry, sampleSealed(9), sampleEvent());
    expect(await registries.byId(registry.id)).toStrictEqual(registry);
    expect(await registries.byIds(['reg_none', registry.id])).toStrictEqual([registry]);
    expect(await registries.byPattern('admin', registry.registry)).toStrictEqual(registry);
    expect(await registries.byPatterns('admin', ['nothing.example', registry.registry])).toStrictEqual([registry]);
    expect(await registries.findMostSpecific('admin', ['nothing.example', registry.registry])).toStrictEqual(registry);
    expect(await registries.byHosts('admin', [registry.host], 5)).toStrictEqual([registry]);
    expect(await registries.page(pageQuery())).toStrictEqual([registry]);
    expect(await registries.sealed(registry.id)).toStrictEqual(sampleSealed(9));
  });

  it('a missing registry is undefined or an empty list', async () => {
    expect(await registries.byId('reg_none')).toBeUndefined();
    expect(await registries.byPattern('admin', 'nothing.example')).toBeUndefined();
    expect(await registries.byPatterns('admin', [])).toEqual([]);
    expect(await registries.findMostSpecific('admin', [])).toBeUndefined();
    expect(await registries.findMostSpecific('admin', ['nothing.example', 'nowhere.example'])).toBeUndefined();
    expect(await registries.byIds([])).toEqual([]);
    expect(await registries.byHosts('admin', [], 5)).toEqual([]);
    expect(await registries.byHosts('admin', ['nothing.example'], 5)).toEqual([]);
    expect(await registries.sealed('reg_none')).toBeUndefined();
  });

  it('an account has a text once, and another account has it too', async () => {
    await test.execute(`INSERT INTO account (name, created_at) VALUES ('other', 1)`);
    const [first, twin] = [sampleRegistry(1), sampleRegistry(2, { registry: sampleRegistry(1).registry })];
    await registries.insert(first, sampleSealed(), sampleEvent());
    await expect(registries.insert(twin, sampleSealed(), sampleEvent())).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
    });
    await registries.insert({ ...twin, account: 'other' }, sampleSealed(), sampleEvent());
    expect(await registries.byPattern('admin', first.registry)).toStrictEqual(first);
    expect(await registries.byPattern('other', first.registry)).toStrictEqual({ ...twin, account: 'other' });
    expect(await events()).toHaveLength(2);
  });

  it.each([
    ['an id that is taken', (marker: string) => sampleRegistry(1, { registry: 'second.example', username: marker })],
    ['an account that does not exist', (marker: string) => sampleRegistry(2, { account: marker })],
    ['a number where none fits', (marker: string) => sampleRegistry(2, { username: marker, version: 1.5 })],
    ['a value that no driver accepts', (marker: string) => sampleRegistry(2, { username: unusable(marker) })],
  ])('%s is an internal error that quotes no value', async (_, make) => {
    await registries.insert(sampleRegistry(1), sampleSealed(), sampleEvent());
    const marker = 'MARKER-8c1f0e';
    const error: unknown = await registries
      .insert(make(marker), sampleSealed(), sampleEvent())
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(Problem);
    expect(inspect(error, { depth: 9, showHidden: true })).not.toMatch(/MARKER|insert into/i);
    expect(await events()).toHaveLength(1);
  });

  it('an update writes everything but identity, owner, text and creation, and its event', async () => {
    const before = sampleRegistry(1);
    await registries.insert(before, sampleSealed(1), sampleEvent());
    const after = sampleRegistry(1, {
      name: 'New',
      type: 'GCR',
      username: '_json_key',
      secureConnection: false,
      trustedRealm: 'auth.example',
      probeRepository: 'a/b',
      lastValidation: sampleReport(),
      version: 2,
      secretVersion: 2,
      updatedAt: new Date(1_800_000_000_000),
    });
    await registries.update(
      { ...after, registry: 'moved.example', createdAt: new Date(0) },
      sampleSealed(2),
      1,
      sampleEvent({ action: 'registry.update' }),
    );
    expect(await registries.byId(before.id)).toStrictEqual(after);
    expect(await registries.sealed(before.id)).toStrictEqual(sampleSealed(2));
    expect((await events()).map(({ action }) => action)).toEqual(['registry.create', 'registry.update']);
  });

  it.each([
    ['an older version', sampleRegistry(1), 1],
    ['a later version', sampleRegistry(1), 3],
    ['a deleted registry', sampleRegistry(9), 2],
  ])('an update of %s is a CONFLICT and changes nothing', async (_, { id }, expectedVersion) => {
    const stored = sampleRegistry(1, { version: 2 });
    await registries.insert(stored, sampleSealed(1), sampleEvent());
    const late = registries.update(
      { ...stored, id, version: 4, name: 'late' },
      sampleSealed(2),
      expectedVersion,
      sampleEvent(),
    );
    await expect(late).rejects.toMatchObject({ name: 'Problem', code: 'CONFLICT' });
    expect(await registries.byId(stored.id)).toStrictEqual(stored);
    expect(await registries.sealed(stored.id)).toStrictEqual(sampleSealed(1));
    expect(await events()).toHaveLength(1);
  });

  it('of ten updates of one version at once, one wins', async () => {
    await registries.insert(sampleRegistry(1), sampleSealed(), sampleEvent());
    const attempts = Array.from({ length: 10 }, (_, number) =>
      registries.update(
        sampleRegistry(1, { version: 2, name: `writer ${number}` }),
        sampleSealed(number),
        1,
        sampleEvent(),
      ),
    );
    const winners = (await Promise.allSettled(attempts)).flatMap(({ status }, number) =>
      status === 'fulfilled' ? [number] : [],
    );
    expect(winners).toHaveLength(1);
    expect(await registries.byId(sampleRegistry(1).id)).toMatchObject({ name: `writer ${winners[0]}` });
    expect(await registries.sealed(sampleRegistry(1).id)).toStrictEqual(sampleSealed(winners[0]));
    expect(await events()).toHaveLength(2);
  });

  it('a report is recorded only for the validated version, and changes neither version nor update time', async () => {
    const stored = sampleRegistry(1, { version: 2 });
    await registries.insert(stored, sampleSealed(), sampleEvent());
    const report = sampleReport({ outcome: 'INVALID_CREDENTIALS' });
    expect(await registries.recordValidation(stored.id, 1, report, sampleEvent())).toBe(false);
    expect(await registries.recordValidation('reg_none', 2, report, sampleEvent())).toBe(false);
    expect(await registries.byId(stored.id)).toStrictEqual(stored);
    expect(await registries.recordValidation(stored.id, 2, report, sampleEvent())).toBe(true);
    expect(await registries.byId(stored.id)).toStrictEqual({ ...stored, lastValidation: report });
    expect(await registries.count('admin', { outcome: 'INVALID_CREDENTIALS' })).toBe(1);
    expect(await events()).toHaveLength(2);
  });

  it('exchanges a report for another only while it is the stored one, once for many who try', async () => {
    const [seen, next] = [sampleReport(), { ...sampleReport(), schedule: { failures: 1, claimedUntil: 5 } }];
    const stored = sampleRegistry(1, { lastValidation: seen });
    await registries.insert(stored, sampleSealed(), sampleEvent());
    const exchanges = await Promise.all(
      Array.from({ length: 5 }, () => registries.exchangeValidation(stored.id, stored.version, seen, next)),
    );
    expect(exchanges.filter(Boolean)).toHaveLength(1);
    expect(await registries.byId(stored.id)).toStrictEqual({ ...stored, lastValidation: next });
    expect(await registries.exchangeValidation(stored.id, stored.version + 1, next, seen)).toBe(false);
    expect(await registries.exchangeValidation('reg_none', stored.version, next, seen)).toBe(false);
  });

  it('a delete is done once, with one event', async () => {
    await registries.insert(sampleRegistry(1), sampleSealed(), sampleEvent());
    expect(await registries.delete(sampleRegistry(1).id, sampleEvent({ action: 'registry.delete' }))).toBe(true);
    expect(await registries.delete(sampleRegistry(1).id, sampleEvent({ action: 'registry.delete' }))).toBe(false);
    expect(await registries.byId(sampleRegistry(1).id)).toBeUndefined();
    expect((await events()).map(({ action }) => action)).toEqual(['registry.create', 'registry.delete']);
  });

  it('an event is stored with all of its fields', async () => {
    const event = sampleEvent({ action: 'registry.secret_unreadable', outcome: 'SECRET_UNREADABLE' });
    await registries.appendAudit(event);
    const [{ hash: _hash, ...row } = {}] = await events();
    expect({ ...row, seq: Number(row['seq']), at: Number(row['at']) }).toEqual({
      seq: 1,
      at: event.at.getTime(),
      actor: event.actor,
      account: event.account,
      action: event.action,
      target: event.target,
      target_text: event.targetText,
      outcome: event.outcome,
      request_id: event.requestId,
    });
  });

  it.each<[string, (test: StoreUnderTest) => Promise<unknown>]>([
    ['insert', ({ store }) => store.registries.insert(sampleRegistry(2), sampleSealed(), sampleEvent())],
    [
      'update',
      ({ store }) =>
        store.registries.update(sampleRegistry(1, { version: 2, name: 'x' }), sampleSealed(2), 1, sampleEvent()),
    ],
    [
      'recordValidation',
      ({ store }) => store.registries.recordValidation(sampleRegistry(1).id, 1, sampleReport(), sampleEvent()),
    ],
    ['delete', ({ store }) => store.registries.delete(sampleRegistry(1).id, sampleEvent())],
    ['insertToken', ({ store }) => store.access.insertToken(sampleToken('a'), sampleEvent(), maxActiveTokens)],
    ['insertFirstToken', ({ store }) => store.access.insertFirstToken(sampleToken('a'), sampleEvent())],
  ])('%s is undone when its audit event cannot be written', async (_, change) => {
    await registries.insert(sampleRegistry(1), sampleSealed(1), sampleEvent());
    const everything = async () => [
      await test.rows('SELECT * FROM registry'),
      await test.rows('SELECT * FROM api_token'),
      await test.rows('SELECT * FROM audit_event'),
    ];
    const before = await everything();
    await test.refuseAudit();
    await expect(change(test)).rejects.toThrow('The database rejected a statement');
    expect(await everything()).toEqual(before);
  });

  it('a write that fails affects no other write', async () => {
    await registries.insert(sampleRegistry(0), sampleSealed(), sampleEvent());
    const writes = Array.from({ length: 60 }, (_, number) =>
      registries.insert(
        sampleRegistry(number + 1, number % 3 === 0 ? { registry: sampleRegistry(0).registry } : {}),
        sampleSealed(),
        sampleEvent(),
      ),
    );
    const kept = (await Promise.allSettled(writes)).filter(({ status }) => status === 'fulfilled');
    expect(kept).toHaveLength(40);
    expect(await registries.count('admin', {})).toBe(41);
    expect(await events()).toHaveLength(41);
  });
}

/** Something that is no text and whose errors quote it. */
function unusable(marker: string): string {
  const complain = () => {
    throw new TypeError(`${marker} is no text`);
  };
  return { toString: complain, toJSON: complain } as never;
}
