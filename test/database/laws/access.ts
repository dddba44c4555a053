// The laws of accounts, tokens and keys at rest.

import { afterEach, beforeEach, expect, it } from 'vitest';

import type { TokenQuery } from '../../../src/core/accounts/store.ts';
import { maxActiveTokens } from '../../../src/core/accounts/tokens.ts';
import type { Problem } from '../../../src/core/shared/problem.ts';
import { type Harness, isReady, type StoreUnderTest } from '../harness.ts';
import { sampleEvent, sampleKey, sampleRegistry, sampleSealed, sampleToken, wholeList } from '../samples.ts';

export function accessLaws(harness: () => Harness): void {
  let test: StoreUnderTest;
  beforeEach(async () => {
    test = await harness().create();
  });
  afterEach(() => test.close());
  const bytes = () => (harness().dialect === 'sqlite' ? `X'00'` : `'\\x00'`);

  it('the admin account exists from the start, and no other', async () => {
    expect(await test.store.access.accountExists('admin')).toBe(true);
    expect(await test.store.access.accountExists('Admin')).toBe(false);
    expect(await test.store.access.accountExists('')).toBe(false);
  });

  it.each([
    ['without limits', sampleToken('bare')],
    [
      'with limits',
      sampleToken('full', {
        role: 'PULL',
        images: ['docker.io/anchore/*', 'quay.io/é'],
        expiresAt: new Date(1_900_000_000_000),
        revokedAt: new Date(1_800_000_000_000),
      }),
    ],
    ['that may pull nothing', sampleToken('none', { images: [] })],
  ])('a token %s reads back as it was written', async (_, token) => {
    await test.store.access.insertToken(token, sampleEvent({ action: 'token.create' }), maxActiveTokens);
    expect(await test.store.access.tokenById(token.id)).toStrictEqual(token);
    expect(await test.store.access.tokenById(`${token.id}x`)).toBeUndefined();
  });

  it('there are no tokens until the first one, whichever way it comes', async () => {
    expect(await test.store.access.hasNoTokens()).toBe(true);
    await test.store.access.insertToken(sampleToken('a'), sampleEvent(), maxActiveTokens);
    expect(await test.store.access.hasNoTokens()).toBe(false);
    expect(await test.store.access.insertFirstToken(sampleToken('b'), sampleEvent())).toBe(false);
    expect(await test.rows('SELECT id FROM api_token')).toEqual([{ id: 'a' }]);
    expect(await test.rows('SELECT seq FROM audit_event')).toHaveLength(1);
  });

  it('of ten first tokens at once, one is made', async () => {
    await connectAll(test);
    const attempts = Array.from({ length: 10 }, (_, number) =>
      test.store.access.insertFirstToken(sampleToken(`t${number}`), sampleEvent()),
    );
    expect((await Promise.all(attempts)).filter(Boolean)).toHaveLength(1);
    expect(await test.rows('SELECT id FROM api_token')).toHaveLength(1);
    expect(await test.rows('SELECT seq FROM audit_event')).toHaveLength(1);
  });

  it('tokens are listed by account or all, the oldest first, the revoked ones too', async () => {
    const { access } = test.store;
    await access.insertToken(
      sampleToken('b', { createdAt: new Date(2_000), revokedAt: new Date(3_000) }),
      sampleEvent(),
      maxActiveTokens,
    );
    await access.insertToken(sampleToken('c', { createdAt: new Date(1_000) }), sampleEvent(), maxActiveTokens);
    await access.insertToken(sampleToken('a', { createdAt: new Date(2_000) }), sampleEvent(), maxActiveTokens);
    const ids = async (change: Partial<TokenQuery>) => {
      const tokens = await access.listTokens({ ...wholeList, account: undefined, activeAt: undefined, ...change });
      return tokens.map(({ id }) => id).join('');
    };
    expect([await ids({}), await ids({ account: 'admin' }), await ids({ account: 'nobody' })]).toEqual([
      'cab',
      'cab',
      '',
    ]);
    expect(await ids({ after: [2_000, 'a'] })).toBe('b');
    expect(await ids({ after: [1_000, 'c'], before: [2_000, 'b'] })).toBe('a');
    expect(await ids({ forward: false, limit: 2 })).toBe('ab');
    expect(await ids({ forward: true, limit: 2, account: 'admin' })).toBe('ca');
    expect(await ids({ activeAt: new Date(2_500) })).toBe('ca');
  });

  it('tokens are active until they are revoked or expire, and the list of these leaves out no other', async () => {
    const { access } = test.store;
    const expiresAt = new Date(5_000);
    await access.insertToken(
      sampleToken('a', { expiresAt, createdAt: new Date(1_000) }),
      sampleEvent(),
      maxActiveTokens,
    );
    await access.insertToken(sampleToken('b', { createdAt: new Date(1_001) }), sampleEvent(), maxActiveTokens);
    const ids = async (at: number) => {
      const query = { ...wholeList, account: 'admin', activeAt: new Date(at) };
      return (await access.listTokens(query)).map(({ id }) => id).join('');
    };
    expect([await ids(4_999), await ids(5_000)]).toEqual(['ab', 'b']);
  });

  it('an account has as many active tokens as it may, however many are created at once, and none of them ends', async () => {
    await connectAll(test);
    const { access } = test.store;
    const at = { createdAt: new Date(10_000) };
    for (const [id, change] of Object.entries({
      expired: { expiresAt: new Date(10_000) },
      revoked: { revokedAt: new Date(9_000) },
    }))
      await access.insertToken(sampleToken(id, { createdAt: new Date(1_000), ...change }), sampleEvent(), 3);
    const attempts = Array.from({ length: 20 }, (_, index) =>
      access
        .insertToken(
          sampleToken(`t${index}`, { ...at, ...(index % 2 === 0 ? {} : { expiresAt: new Date(20_000) }) }),
          sampleEvent(),
          3,
        )
        .then(
          () => 'created',
          (error: unknown) => (error as Problem).code,
        ),
    );
    const results = await Promise.all(attempts);
    expect(results.filter((result) => result === 'created')).toHaveLength(3);
    expect(new Set(results)).toEqual(new Set(['created', 'LIMIT_EXCEEDED']));
    const query = { ...wholeList, account: 'admin', activeAt: at.createdAt };
    const active = (await access.listTokens(query)).map(({ id }) => id);
    expect(active).toHaveLength(3);
    expect(await test.rows('SELECT seq FROM audit_event')).toHaveLength(5);
    expect(await access.revokeToken(active[0] ?? '', new Date(11_000), sampleEvent())).toBe(true);
    await access.insertToken(sampleToken('again', at), sampleEvent(), 3);
    expect(await access.listTokens(query)).toHaveLength(3);
  });

  it('the tokens of one account leave room for those of another', async () => {
    const { access } = test.store;
    await access.insertAccount({ name: 'team', createdAt: new Date(0), disabledAt: null }, sampleEvent());
    await access.insertToken(sampleToken('a'), sampleEvent(), 1);
    await access.insertToken(sampleToken('b', { account: 'team' }), sampleEvent(), 1);
    await expect(access.insertToken(sampleToken('c', { account: 'team' }), sampleEvent(), 1)).rejects.toMatchObject({
      code: 'LIMIT_EXCEEDED',
      reason: 'TOKENS',
      field: ['account'],
    });
  });

  it('a token is revoked once, with its event or not at all', async () => {
    const { access } = test.store;
    await access.insertToken(sampleToken('a'), sampleEvent(), maxActiveTokens);
    expect(await access.revokeToken('a', new Date(5_000), sampleEvent({ action: 'token.revoke' }))).toBe(true);
    expect(await access.revokeToken('a', new Date(6_000), sampleEvent({ action: 'token.revoke' }))).toBe(false);
    expect(await access.revokeToken('nowhere', new Date(5_000), sampleEvent({ action: 'token.revoke' }))).toBe(false);
    expect((await access.tokenById('a'))?.revokedAt).toEqual(new Date(5_000));
    expect(await test.rows("SELECT seq FROM audit_event WHERE action = 'token.revoke'")).toHaveLength(1);
  });

  it('a new store has no key, no canary and no registries', async () => {
    expect(await test.store.keys.dataKeys()).toEqual([]);
    expect(await test.store.keys.canary()).toBeUndefined();
    expect(await test.store.keys.hasRegistries()).toBe(false);
    await test.store.registries.insert(sampleRegistry(1), sampleSealed(), sampleEvent());
    expect(await test.store.keys.hasRegistries()).toBe(true);
  });

  it('the first key and canary read back as they were written, up to the last 4-byte id', async () => {
    const key = sampleKey(4_294_967_295);
    expect(await test.store.keys.insertFirst(key, new Uint8Array([1, 0, 255]))).toBe(true);
    expect(await test.store.keys.dataKeys()).toStrictEqual([key]);
    expect(await test.store.keys.canary()).toStrictEqual(new Uint8Array([1, 0, 255]));
  });

  it('of ten first keys at once, one is stored, with its own canary', async () => {
    await connectAll(test);
    const attempts = Array.from({ length: 10 }, (_, number) =>
      test.store.keys.insertFirst(sampleKey(number + 1), new Uint8Array([number + 1])),
    );
    const winner = (await Promise.all(attempts)).indexOf(true) + 1;
    expect(await test.store.keys.dataKeys()).toStrictEqual([sampleKey(winner)]);
    expect(await test.store.keys.canary()).toStrictEqual(new Uint8Array([winner]));
  });

  it.each([
    ['key', `INSERT INTO data_key (id, wrapped, root_key_id, state, created_at) VALUES (3, BYTES, 'r', 'ACTIVE', 1)`],
    ['canary', `INSERT INTO seal_canary (id, sealed) VALUES (1, BYTES)`],
  ])('a first key is refused where there is a %s', async (_, insert) => {
    await test.execute(insert.replace('BYTES', bytes));
    const count = async () => [(await test.store.keys.dataKeys()).length, await test.store.keys.canary()];
    const before = await count();
    expect(await test.store.keys.insertFirst(sampleKey(1), new Uint8Array([1]))).toBe(false);
    expect(await count()).toEqual(before);
  });

  it('a second canary cannot be', async () => {
    await expect(test.execute(`INSERT INTO seal_canary (id, sealed) VALUES (2, ${bytes()})`)).rejects.toThrow(/check/i);
  });

  it('an open store is ready', async () => {
    expect(await isReady(test.store)).toBe(true);
  });

  it('a store whose tables are gone is not ready', async () => {
    await test.execute('ALTER TABLE account RENAME TO account_gone');
    expect(await isReady(test.store)).toBe(false);
  });
}

/** Has every connection of a pool opened, so that what comes next at once does run at once. */
async function connectAll({ store }: StoreUnderTest): Promise<void> {
  await Promise.all(Array.from({ length: 20 }, () => isReady(store)));
}
