// Accounts, tokens, and the audit trail as use cases: no caller grants more than it has, and a disabled account is rejected immediately.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createTokenUses } from '../../../src/core/accounts/token-usage.ts';
import { verifyAudit } from '../../../src/core/audit/verification.ts';
import type { Caller } from '../../../src/core/authz/principal.ts';
import type { Problem } from '../../../src/core/shared/problem.ts';
import { Secret } from '../../../src/core/shared/secret.ts';
import { createAuthenticator, createTokenResolver } from '../../../src/server/auth/authenticator.ts';
import { callerOf, openDomain, type TestDomain } from '../../support/domain.ts';

let domain: TestDomain;
let admin: Caller;
const writer = callerOf('READ_WRITE', 'tenant');

beforeEach(async () => {
  domain = await openDomain();
  admin = callerOf('ADMIN');
  await domain.useCases.accounts.create(admin, { name: 'tenant' });
});
afterEach(() => domain.close());

const now = () => domain.time;
const login = (text: string) => createAuthenticator({ access: domain.store.access, now })(`Bearer ${text}`);
const create = async (caller: Caller, input: object) => domain.useCases.tokens.create(caller, input);
const codeOf = async (run: Promise<unknown>) => {
  const error: unknown = await run.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return (error as Problem | undefined)?.code;
};
const eventsOf = async (caller: Caller, args: object = {}) =>
  (await domain.useCases.auditTrail.list(caller, args)).nodes;

describe('a token', () => {
  it('authenticates with the requested permissions, and the audit trail names its creator, without the token value', async () => {
    const { token, text } = await create(writer, {
      role: 'PULL',
      name: 'ci',
      images: ['docker.io/anchore/*'],
      expiresIn: '12h',
    });
    expect(await login(text.reveal())).toEqual({
      subject: `token:${token.id}`,
      account: 'tenant',
      role: 'PULL',
      images: ['docker.io/anchore/*'],
      expiresAt: new Date(domain.time.getTime() + 12 * 3_600_000),
    });
    const [event] = await eventsOf(writer);
    expect(event).toMatchObject({
      action: 'token.create',
      actor: 'token:read_write',
      account: 'tenant',
      target: token.id,
      targetText: 'ci',
      requestId: 'test-request',
    });
    expect(JSON.stringify(await eventsOf(admin))).not.toContain(text.reveal().slice(16));
  });

  const short = callerOf('READ_WRITE', 'tenant', { expiresAt: new Date('2026-01-03T00:00:00Z') });
  const limited = callerOf('READ_WRITE', 'tenant', { images: ['docker.io/anchore/*'] });
  it.each<[string, Caller, object, string]>([
    ['ADMIN from a writer', writer, { role: 'ADMIN' }, 'FORBIDDEN'],
    ['ADMIN from a writer of the account admin', callerOf('READ_WRITE'), { role: 'ADMIN' }, 'FORBIDDEN'],
    ['for another account from a writer', writer, { role: 'PULL', account: 'admin' }, 'NOT_FOUND'],
    [
      'ADMIN in another account from an admin',
      callerOf('ADMIN'),
      { role: 'ADMIN', account: 'tenant' },
      'INVALID_INPUT',
    ],
    ['without an expiry from one that expires', short, { role: 'PULL' }, 'FORBIDDEN'],
    [
      'that expires after the one that makes it',
      short,
      { role: 'PULL', expiresAt: new Date('2026-01-04T00:00:00Z') },
      'FORBIDDEN',
    ],
    ['without a limit from one with a limit', limited, { role: 'PULL' }, 'FORBIDDEN'],
    ['with a wider limit', limited, { role: 'PULL', images: ['docker.io/*'] }, 'FORBIDDEN'],
    ['for an account that does not exist', callerOf('ADMIN'), { role: 'PULL', account: 'nobody' }, 'NOT_FOUND'],
    ['with an expiry in the past', writer, { role: 'PULL', expiresAt: new Date(0) }, 'INVALID_INPUT'],
    ['with an expiry of nonsense', writer, { role: 'PULL', expiresIn: '1y' }, 'INVALID_INPUT'],
    [
      'with two expiries',
      writer,
      { role: 'PULL', expiresIn: '1d', expiresAt: new Date('2027-01-01') },
      'INVALID_INPUT',
    ],
    ['of no role', writer, { role: 'KING' }, 'INVALID_INPUT'],
    ['with an unknown field', writer, { role: 'PULL', secretHash: 'x' }, 'INVALID_INPUT'],
  ])('%s is refused, and nothing is stored', async (_, caller, input, code) => {
    const before = await eventsOf(admin);
    expect(await codeOf(create(caller, input))).toBe(code);
    expect((await domain.useCases.tokens.list(admin, { account: 'tenant', includeInactive: true })).nodes).toEqual([]);
    expect((await domain.useCases.tokens.list(admin, { includeInactive: true })).nodes).toEqual([]);
    expect(await eventsOf(admin)).toEqual(before);
  });

  it('of a login at an issuer may outlive that login', async () => {
    const person = callerOf('READ_WRITE', 'tenant', {
      subject: 'https://issuer.example#1',
      expiresAt: new Date('2026-01-02T04:00:00Z'),
    });
    expect((await create(person, { role: 'PULL' })).token.expiresAt).toBeNull();
  });

  it('is listed and revoked in its own account, and by an admin anywhere', async () => {
    const mine = await create(writer, { role: 'PULL' });
    const theirs = await create(admin, { role: 'ADMIN' });
    expect((await domain.useCases.tokens.list(writer, {})).nodes.map(({ id }) => id)).toEqual([mine.token.id]);
    expect(await codeOf(domain.useCases.tokens.list(writer, { account: 'admin' }))).toBe('NOT_FOUND');
    expect(await codeOf(domain.useCases.tokens.revoke(writer, { id: theirs.token.id }))).toBe('NOT_FOUND');
    expect(await codeOf(domain.useCases.tokens.revoke(callerOf('READ_WRITE'), { id: theirs.token.id }))).toBe(
      'FORBIDDEN',
    );
    await expect(domain.useCases.tokens.revoke(callerOf('READ_WRITE'), { id: theirs.token.id })).rejects.toMatchObject({
      field: ['id'],
    });
    expect((await domain.useCases.tokens.revoke(admin, { id: mine.token.id })).revokedAt).toEqual(domain.time);
    expect(await codeOf(login(mine.text.reveal()))).toBe('UNAUTHENTICATED');
    expect(await login(theirs.text.reveal())).toMatchObject({ role: 'ADMIN' });
  });
});

describe('a disabled account', () => {
  it('is refused at once with every token and every session, and is back with the same ones', async () => {
    const { token, text } = await create(writer, { role: 'READ_WRITE' });
    const resolveLogin = createTokenResolver({ access: domain.store.access, now });
    const session = { subject: `token:${token.id}`, account: 'tenant', role: 'READ_WRITE', expiresAt: null } as const;
    expect(await resolveLogin(session)).toBeDefined();
    expect((await domain.useCases.accounts.disable(admin, { name: 'tenant' })).disabledAt).toEqual(domain.time);
    expect(await codeOf(login(text.reveal()))).toBe('UNAUTHENTICATED');
    expect(await resolveLogin(session)).toBeUndefined();
    expect((await domain.useCases.accounts.enable(admin, { name: 'tenant' })).disabledAt).toBeNull();
    expect(await login(text.reveal())).toMatchObject({ account: 'tenant' });
    expect((await eventsOf(admin, { filter: { target: 'tenant' } })).map(({ action }) => action)).toEqual([
      'account.enable',
      'account.disable',
      'account.create',
    ]);
  });

  it('has its registries used by no pull, not even of an admin', async () => {
    await domain.registries.create(
      admin,
      { registry: 'a.example', username: 'u', password: new Secret('p'), account: 'tenant' },
      { secureConnection: true, validate: false },
    );
    const pull = () => domain.pulls.resolve(admin, { host: 'a.example', repository: 'x', account: 'tenant' });
    expect((await pull()).registry?.account).toBe('tenant');
    await domain.useCases.accounts.disable(admin, { name: 'tenant' });
    expect(await codeOf(pull())).toBe('NOT_FOUND');
  });

  it('records its change once, for any number of calls', async () => {
    for (let time = 0; time < 3; time++) await domain.useCases.accounts.disable(admin, { name: 'tenant' });
    expect(await eventsOf(admin, { filter: { action: 'account.disable' } })).toHaveLength(1);
  });

  it.each([
    ['the account admin', { name: 'admin' }, 'INVALID_INPUT'],
    ['one that does not exist', { name: 'nobody' }, 'NOT_FOUND'],
  ])('cannot be %s', async (_, input, code) => {
    expect(await codeOf(domain.useCases.accounts.disable(admin, input))).toBe(code);
  });
});

it.each(['', 'Tenant', 'a b', '-a', 'a-', 'a/b', 'ä', 'a'.repeat(64)])('an account is not named %j', async (name) => {
  expect(await codeOf(domain.useCases.accounts.create(admin, { name }))).toBe('INVALID_INPUT');
});

it('an account is made once', async () => {
  expect(await codeOf(domain.useCases.accounts.create(admin, { name: 'tenant' }))).toBe('ALREADY_EXISTS');
  expect((await domain.useCases.accounts.list(admin, {})).nodes.map(({ name }) => name)).toEqual(['admin', 'tenant']);
});

describe('the trail', () => {
  beforeEach(async () => {
    for (let day = 1; day <= 5; day++) {
      domain.time = new Date(`2026-02-0${day}T00:00:00Z`);
      await create(writer, { role: 'PULL', name: `token ${day}` });
    }
  });
  const named = (nodes: readonly { readonly targetText: string }[]) =>
    nodes.map(({ targetText }) => targetText.slice(-1)).join('');

  it('is of the own account for a writer and of all for an admin, the newest first', async () => {
    await create(admin, { role: 'PULL', name: 'token 6' });
    expect(named(await eventsOf(writer, { first: 5 }))).toBe('54321');
    expect(named(await eventsOf(admin, { first: 3 }))).toBe('654');
    expect(named(await eventsOf(admin, { filter: { account: 'tenant' }, first: 2 }))).toBe('54');
    expect(await codeOf(eventsOf(writer, { filter: { account: 'admin' } }))).toBe('NOT_FOUND');
  });

  it.each([
    ['an actor', { actor: 'token:read_write' }, '54321'],
    ['another actor', { actor: 'token:nobody' }, ''],
    ['an action', { action: 'token.create' }, '54321'],
    ['a time', { since: new Date('2026-02-02T00:00:00Z'), until: new Date('2026-02-04T00:00:00Z') }, '32'],
  ])('is narrowed by %s', async (_, filter, expected) => {
    expect(named(await eventsOf(admin, { filter: { account: 'tenant', ...filter } })).replace('t', '')).toBe(expected);
  });

  it('is paged both ways without a gap', async () => {
    const list = (args: object) =>
      domain.useCases.auditTrail.list(writer, { filter: { action: 'token.create' }, ...args });
    const first = await list({ first: 2 });
    const second = await list({ first: 2, after: first.cursorOf(first.nodes[1]!) });
    const third = await list({ first: 2, after: second.cursorOf(second.nodes[1]!) });
    expect([first, second, third].map(({ nodes }) => named(nodes))).toEqual(['54', '32', '1']);
    expect([first, second, third].map((page) => [page.hasPreviousPage, page.hasNextPage])).toEqual([
      [false, true],
      [true, true],
      [true, false],
    ]);
    const back = await list({ last: 2, before: third.cursorOf(third.nodes[0]!) });
    expect([named(back.nodes), back.hasPreviousPage, back.hasNextPage]).toEqual(['32', true, true]);
    const newest = await list({ last: 2, before: back.cursorOf(back.nodes[0]!) });
    expect([named(newest.nodes), newest.hasPreviousPage, newest.hasNextPage]).toEqual(['54', false, true]);
    const oldest = await list({ last: 2 });
    expect([named(oldest.nodes), oldest.hasPreviousPage, oldest.hasNextPage]).toEqual(['21', true, false]);
  });

  it.each([
    'nonsense',
    Buffer.from('["REGISTRY","a","b"]').toString('base64url'),
    Buffer.from('["AUDIT",-1]').toString('base64url'),
  ])('rejects an invalid cursor: %s', async (after) => {
    expect(await codeOf(eventsOf(writer, { after }))).toBe('INVALID_INPUT');
  });

  it('of a registry is visible to callers with access to the registry', async () => {
    const { registry } = await domain.registries.create(
      writer,
      { registry: 'a.example', username: 'u', password: new Secret('p') },
      { secureConnection: true, validate: false },
    );
    const of = (caller: Caller) => domain.useCases.auditTrail.of(caller, registry, {});
    expect((await of(writer)).map(({ action, outcome }) => `${action} ${outcome}`)).toEqual([
      'registry.create SKIPPED',
    ]);
    expect(await of(callerOf('READ_WRITE', 'other'))).toEqual([]);
    expect(await codeOf(of(callerOf('PULL', 'tenant')))).toBe('FORBIDDEN');
  });
});

describe('lists', () => {
  const names = async (args: object) => {
    const page = await domain.useCases.tokens.list(writer, args);
    return { page, shown: page.nodes.map(({ name }) => name).join('') };
  };
  beforeEach(async () => {
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      domain.time = new Date(domain.time.getTime() + 60_000);
      await create(writer, { role: 'PULL', name, ...(name === 'b' ? { expiresIn: '1h' } : {}) });
    }
  });

  it('of tokens are paged both ways without a gap, the oldest first', async () => {
    const first = await names({ first: 2 });
    const second = await names({ first: 2, after: first.page.cursorOf(first.page.nodes[1]!) });
    const third = await names({ first: 2, after: second.page.cursorOf(second.page.nodes[1]!) });
    expect([first, second, third].map(({ shown }) => shown)).toEqual(['ab', 'cd', 'e']);
    expect([first, second, third].map(({ page }) => [page.hasPreviousPage, page.hasNextPage])).toEqual([
      [false, true],
      [true, true],
      [true, false],
    ]);
    const back = await names({ last: 2, before: third.page.cursorOf(third.page.nodes[0]!) });
    expect([back.shown, back.page.hasPreviousPage, back.page.hasNextPage]).toEqual(['cd', true, true]);
    expect((await names({ last: 2 })).shown).toBe('de');
    expect((await names({ first: 0 })).shown).toBe('');
  });

  it('of tokens leave out the expired and the revoked unless asked, from the moment on', async () => {
    const { page } = await names({});
    await domain.useCases.tokens.revoke(writer, { id: page.nodes[3]!.id });
    expect((await names({})).shown).toBe('abce');
    domain.time = new Date(page.nodes[1]!.expiresAt!.getTime() - 1);
    expect((await names({})).shown).toBe('abce');
    domain.time = new Date(page.nodes[1]!.expiresAt!.getTime());
    expect((await names({})).shown).toBe('ace');
    expect((await names({ includeInactive: true })).shown).toBe('abcde');
    expect((await names({ includeInactive: null, first: 2, after: page.cursorOf(page.nodes[0]!) })).shown).toBe('ce');
  });

  it('of accounts are paged both ways, by name', async () => {
    for (const name of ['zebra', 'mule']) await domain.useCases.accounts.create(admin, { name });
    const list = (args: object) => domain.useCases.accounts.list(admin, args);
    const first = await list({ first: 2 });
    const second = await list({ first: 2, after: first.cursorOf(first.nodes[1]!) });
    expect([first, second].map(({ nodes }) => nodes.map(({ name }) => name))).toEqual([
      ['admin', 'mule'],
      ['tenant', 'zebra'],
    ]);
    expect([first.hasNextPage, second.hasNextPage, second.hasPreviousPage]).toEqual([true, false, true]);
    const back = await list({ last: 1, before: second.cursorOf(second.nodes[0]!) });
    expect([back.nodes[0]?.name, back.hasPreviousPage, back.hasNextPage]).toEqual(['mule', true, true]);
  });

  it.each([
    [{ first: 101 }, 'first'],
    [{ first: -1 }, 'first'],
    [{ first: 1, last: 1 }, 'last'],
    [{ after: 'nonsense' }, 'after'],
    [{ before: Buffer.from('["AUDIT",1]').toString('base64url') }, 'before'],
    [{ after: Buffer.from('["TOKENS",["x","y"]]').toString('base64url') }, 'after'],
    [{ after: Buffer.from('["TOKENS",[1,"a\\u0000"]]').toString('base64url') }, 'after'],
    [{ after: Buffer.from('["ACCOUNTS","\\ud800"]').toString('base64url') }, 'after'],
    [{ nothing: 1 }, 'nothing'],
  ])('refuse %j', async (args, field) => {
    for (const list of [domain.useCases.tokens, domain.useCases.accounts]) {
      await expect(list.list(admin, args)).rejects.toMatchObject({ code: 'INVALID_INPUT', field: [field] });
    }
  });
});

describe('the last use of a token', () => {
  it('is noted once for many uses, later, and never set back', async () => {
    const { token, text } = await create(writer, { role: 'PULL' });
    let flush: (() => void) | undefined;
    const failures: unknown[] = [];
    const uses = createTokenUses({
      access: domain.store.access,
      setTimer: (run) => ((flush = run), () => undefined),
      onFailure: (fault) => failures.push(fault),
    });
    const authenticate = createAuthenticator({
      access: domain.store.access,
      now,
      onTokenUse: (id, at) => uses.record(id, at),
    });
    const lastUse = async () => (await domain.store.access.tokenById(token.id))?.lastUsedAt;
    for (let second = 1; second <= 3; second++) {
      domain.time = new Date(`2026-02-01T00:00:0${second}Z`);
      await authenticate(`Bearer ${text.reveal()}`);
    }
    expect(await lastUse()).toBeNull();
    flush?.();
    await expect.poll(lastUse).toEqual(domain.time);
    uses.record(token.id, new Date(domain.time.getTime() - 3_600_000));
    uses.record('nobody', new Date(0));
    await uses.close();
    expect([await lastUse(), failures]).toEqual([domain.time, []]);
  });

  it('leaves the audit chain as it is', async () => {
    await domain.store.access.noteTokenUses(new Map([['nobody', new Date()]]));
    expect(await domain.store.audit.head()).toMatchObject({ seq: 1 });
    expect((await verifyAudit({ trail: domain.store.audit, mac: () => 'another key' })).intact).toBe(false);
  });
});
