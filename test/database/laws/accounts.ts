// The laws of accounts, of tokens as they log in, and of reading the trail a page at a time.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { maxActiveTokens } from '../../../src/core/accounts/tokens.ts';
import type { Account } from '../../../src/core/accounts/store.ts';
import type { AuditQuery } from '../../../src/core/audit/store.ts';
import type { Harness, StoreUnderTest } from '../harness.ts';
import { sampleEvent, sampleToken, wholeList } from '../samples.ts';

export function accountLaws(harness: () => Harness): void {
  let test: StoreUnderTest;
  beforeEach(async () => {
    test = await harness().create();
  });
  afterEach(() => test.close());

  const accountOf = (name: string): Account => ({ name, createdAt: new Date(1_700_000_000_000), disabledAt: null });
  const add = (name: string) =>
    test.store.access.insertAccount(
      accountOf(name),
      sampleEvent({ action: 'account.create', target: name, account: name }),
    );
  const disable = (name: string, at = new Date(5_000)) =>
    test.store.access.disableAccount(name, at, sampleEvent({ action: 'account.disable', target: name }));
  const enable = (name: string) =>
    test.store.access.enableAccount(name, sampleEvent({ action: 'account.enable', target: name }));
  const actions = async () =>
    (await test.rows('SELECT action FROM audit_event ORDER BY seq')).map(({ action }) => action);

  it('accounts read back as they were written, by name', async () => {
    await add('b-team');
    await add('a-team');
    const [a, admin, b] = await test.store.access.listAccounts(wholeList);
    expect([a, admin?.name, b]).toStrictEqual([accountOf('a-team'), 'admin', accountOf('b-team')]);
    expect(await test.store.access.accountByName('a-team')).toStrictEqual(accountOf('a-team'));
    expect(await test.store.access.accountByName('A-team')).toBeUndefined();
  });

  it('an account is added once, and a second try leaves no event', async () => {
    await add('team');
    await expect(add('team')).rejects.toMatchObject({ code: 'ALREADY_EXISTS' });
    expect(await actions()).toEqual(['account.create']);
  });

  it('an account is disabled and enabled once each, with one event each', async () => {
    await add('team');
    expect([await enable('team'), await disable('team'), await disable('team', new Date(6_000))]).toEqual([
      false,
      true,
      false,
    ]);
    expect((await test.store.access.accountByName('team'))?.disabledAt).toEqual(new Date(5_000));
    expect([await enable('team'), await enable('team'), await disable('nobody')]).toEqual([true, false, false]);
    expect(await test.store.access.accountByName('team')).toStrictEqual(accountOf('team'));
    expect(await actions()).toEqual(['account.create', 'account.disable', 'account.enable']);
  });

  it('of ten concurrent calls that disable an account, one does', async () => {
    await add('team');
    expect((await Promise.all(Array.from({ length: 10 }, () => disable('team')))).filter(Boolean)).toHaveLength(1);
    expect(await actions()).toEqual(['account.create', 'account.disable']);
  });

  it('a token of a disabled account is unusable from the next lookup on, and still exists', async () => {
    const { access } = test.store;
    await add('team');
    const [theirs, other] = [sampleToken('theirs', { account: 'team' }), sampleToken('other')];
    for (const token of [theirs, other]) await access.insertToken(token, sampleEvent(), maxActiveTokens);
    // Looked up twice, so that everything that is cached is cached.
    for (let time = 0; time < 2; time += 1) expect(await access.usableTokenById('theirs')).toStrictEqual(theirs);
    await disable('team');
    expect([await access.usableTokenById('theirs'), await access.tokenById('theirs')]).toStrictEqual([
      undefined,
      theirs,
    ]);
    expect(await access.usableTokenById('other')).toStrictEqual(other);
    await enable('team');
    expect(await access.usableTokenById('theirs')).toStrictEqual(theirs);
    expect(await access.usableTokenById('nowhere')).toBeUndefined();
  });

  it('the last use of tokens is stored for existing ones, never decreases, and creates no event', async () => {
    const { access } = test.store;
    for (const id of ['a', 'b']) await access.insertToken(sampleToken(id), sampleEvent(), maxActiveTokens);
    const before = await actions();
    const lastUses = async () =>
      (await access.listTokens({ ...wholeList, account: undefined, activeAt: undefined })).map(
        ({ lastUsedAt }) => lastUsedAt?.getTime() ?? null,
      );
    await access.noteTokenUses(
      new Map([
        ['a', new Date(2_000)],
        ['nowhere', new Date(2_000)],
      ]),
    );
    expect(await lastUses()).toEqual([2_000, null]);
    await access.noteTokenUses(
      new Map([
        ['b', new Date(1_000)],
        ['a', new Date(1_000)],
      ]),
    );
    expect(await lastUses()).toEqual([2_000, 1_000]);
    expect(await actions()).toEqual(before);
  });

  it('the last use of a token that a wrong clock put far into the future is replaced by the next one', async () => {
    const { access } = test.store;
    const dayMs = 86_400_000;
    await access.insertToken(sampleToken('a'), sampleEvent(), maxActiveTokens);
    const lastUse = async () => (await access.tokenById('a'))?.lastUsedAt?.getTime();
    await access.noteTokenUses(new Map([['a', new Date(400 * dayMs)]]));
    await access.noteTokenUses(new Map([['a', new Date(2 * dayMs)]]));
    expect(await lastUse()).toBe(2 * dayMs);
    // Written late by a server that could not write.
    await access.noteTokenUses(new Map([['a', new Date(1.5 * dayMs)]]));
    expect(await lastUse()).toBe(2 * dayMs);
  });

  describe('pages of the trail', () => {
    trailLaws(() => test);
  });
}

const everything: AuditQuery = {
  account: undefined,
  filter: {},
  olderThan: undefined,
  newerThan: undefined,
  forward: true,
  limit: 100,
};

function trailLaws(test: () => StoreUnderTest): void {
  beforeEach(async () => {
    for (let number = 1; number <= 6; number += 1) {
      const event = {
        at: new Date(number * 1_000),
        actor: `token:${number % 2}`,
        target: `t${number % 3}`,
        action: number < 4 ? 'registry.create' : 'registry.update',
      } as const;
      await test().store.registries.appendAudit(sampleEvent(event));
    }
  });
  const page = async (query: Partial<AuditQuery>) =>
    (await test().store.audit.page({ ...everything, ...query })).map(({ seq }) => seq).join('');

  it.each<[string, Partial<AuditQuery>, string]>([
    ['whole', {}, '654321'],
    ['the newest', { limit: 2 }, '65'],
    ['older ones', { limit: 2, olderThan: 5 }, '43'],
    ['newer ones, the nearest first taken', { forward: false, limit: 2, newerThan: 2 }, '43'],
    ['the last', { forward: false, limit: 2 }, '21'],
    ['between two', { olderThan: 6, newerThan: 2 }, '543'],
    ['by actor', { filter: { actor: 'token:1' } }, '531'],
    ['by action', { filter: { action: 'registry.update' } }, '654'],
    ['by target', { filter: { target: 't0' } }, '63'],
    ['by time, the end not included', { filter: { since: new Date(2_000), until: new Date(4_000) } }, '32'],
    ['by all of these', { filter: { actor: 'token:1', action: 'registry.create', since: new Date(2_000) } }, '3'],
    ['of another account', { account: 'nobody' }, ''],
    ['of the account', { account: 'admin', limit: 1 }, '6'],
  ])('%s', async (_, query, expected) => {
    expect(await page(query)).toBe(expected);
  });
}
