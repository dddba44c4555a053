// The laws of the use cases: what is stored, what is refused, and where a password may go.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Operation, permissions } from '../../../src/core/authz/permissions.ts';
import { type Caller, roles } from '../../../src/core/authz/principal.ts';
import { createClientConfigs } from '../../../src/core/pulls/client-config.ts';
import type { Registry } from '../../../src/core/registry/registry.ts';
import { ValidationFailed } from '../../../src/core/registry/report.ts';
import { Problem } from '../../../src/core/shared/problem.ts';
import { Secret } from '../../../src/core/shared/secret.ts';
import type { ValidationOptions } from '../../../src/core/validation/validate.ts';
import { callerOf, openDomain, stranger, type TestDomain } from '../../support/domain.ts';

const both: ValidationOptions = { secureConnection: true, validate: true };
const unchecked: ValidationOptions = { secureConnection: true, validate: false };
const writer = callerOf('READ_WRITE');

let domain: TestDomain;
beforeEach(async () => {
  domain = await openDomain();
});
afterEach(() => domain.close());

function input(registry: string, more: object = {}): object {
  return { registry, username: 'alice', password: new Secret('correct horse'), ...more };
}

async function add(registry: string, more: object = {}, caller: Caller = writer): Promise<Registry> {
  return (await domain.registries.create(caller, input(registry, more), both)).registry;
}

/** Returns the problem that a call fails with. Fails the test if the call succeeds or fails with an internal error. */
async function problemOf(call: Promise<unknown>): Promise<Problem> {
  const error: unknown = await call.then(
    () => new Error('the call succeeded'),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(Problem);
  return error as Problem;
}

async function everything(): Promise<readonly Registry[]> {
  return (await domain.registries.list(callerOf('ADMIN'), {})).nodes;
}

/** The audit trail as `action outcome target`. */
async function auditTrail(): Promise<string[]> {
  const rows = await domain.rows(
    "SELECT action, outcome, target_text FROM audit_event WHERE action LIKE 'registry.%' ORDER BY seq",
  );
  return rows.map((row) => `${String(row['action'])} ${String(row['outcome'])} ${String(row['target_text'])}`);
}

describe('creating', () => {
  it('stores the canonical pattern, the defaults, and the report, and returns no password', async () => {
    const { registry, validation } = await domain.registries.create(writer, input('Index.Docker.IO/anchore/*'), both);
    expect(registry).toMatchObject({
      account: 'admin',
      registry: 'docker.io/anchore/*',
      host: 'docker.io',
      repository: 'anchore/*',
      name: 'docker.io/anchore/*',
      type: 'DOCKER_V2',
      username: 'alice',
      secureConnection: true,
      trustedRealm: null,
      createdAt: domain.time,
      updatedAt: domain.time,
    });
    expect(validation.outcome).toBe('VALID');
    expect(await domain.registries.get(writer, { id: registry.id })).toEqual(registry);
    expect(JSON.stringify(registry)).not.toContain('correct horse');
    expect(await auditTrail()).toEqual(['registry.create VALID docker.io/anchore/*']);
  });

  it('validates with exactly the input', async () => {
    await domain.registries.create(
      writer,
      input('r.example/team/*', { probeRepository: 'team/app', trustedRealm: 'AUTH.example:443' }),
      { secureConnection: false, validate: true },
    );
    expect(domain.asked).toEqual([
      {
        target: {
          host: 'r.example',
          repository: 'team/*',
          type: 'DOCKER_V2',
          secureConnection: false,
          trustedRealm: 'auth.example',
          probeRepository: 'team/app',
        },
        username: 'alice',
        password: 'correct horse',
      },
    ]);
  });

  it.each(['VALID', 'VALID_UNPROVEN', 'NO_AUTH_REQUIRED'] as const)('stores after %s', async (outcome) => {
    domain.outcome = outcome;
    expect((await add('r.example')).lastValidation?.outcome).toBe(outcome);
  });

  it.each([
    ['INVALID_CREDENTIALS', ['password']],
    ['INSUFFICIENT_SCOPE', ['username']],
    ['TLS_UNTRUSTED', ['secureConnection']],
    ['FORBIDDEN_REALM', ['trustedRealm']],
    ['UNREACHABLE', ['registry']],
    ['UPSTREAM_ERROR', undefined],
  ] as const)('stores nothing after %s, names the input to change, and carries the report', async (outcome, field) => {
    domain.outcome = outcome;
    const problem = await problemOf(add('r.example'));
    expect([
      problem.code,
      problem.reason,
      problem.field,
      problem instanceof ValidationFailed && problem.report.outcome,
    ]).toEqual(['VALIDATION_FAILED', outcome, field, outcome]);
    expect(await everything()).toEqual([]);
    expect(await auditTrail()).toEqual([]);
  });

  it('sends nothing anywhere with validate: false, and says SKIPPED', async () => {
    const { registry, validation } = await domain.registries.create(writer, input('r.example'), unchecked);
    expect([validation.outcome, registry.lastValidation?.outcome, domain.asked]).toEqual(['SKIPPED', 'SKIPPED', []]);
  });

  it('refuses a duplicate in any spelling before a password goes anywhere', async () => {
    await add('r.example:443');
    expect(await problemOf(add('R.Example/*'))).toMatchObject({ code: 'ALREADY_EXISTS', field: ['registry'] });
    expect(domain.asked).toHaveLength(1);
  });

  it('lets one of two racing creations win', async () => {
    const results = await Promise.allSettled([add('r.example'), add('r.example'), add('r.example')]);
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await everything()).toHaveLength(1);
  });

  it.each<[string, object, string, string[]]>([
    ['an unknown field', { bogus: 1 }, 'INVALID_INPUT', ['bogus']],
    ['an empty user name', { username: '' }, 'INVALID_INPUT', ['username']],
    ['a user name with a colon', { username: 'a:b' }, 'INVALID_INPUT', ['username']],
    ['a user name with a line break', { username: 'a\r\nX-Evil: 1' }, 'INVALID_INPUT', ['username']],
    ['a user name with a line separator', { username: 'a\u2028b' }, 'INVALID_INPUT', ['username']],
    ['an empty password', { password: new Secret('') }, 'INVALID_INPUT', ['password']],
    ['a password that is plain text', { password: 'hunter2' }, 'INVALID_INPUT', ['password']],
    [
      'a password of more than 65,535 bytes',
      { password: new Secret('é'.repeat(40_000)) },
      'INVALID_INPUT',
      ['password'],
    ],
    ['a password with NUL', { password: new Secret('a\0b') }, 'INVALID_INPUT', ['password']],
    ['a password with half a character', { password: new Secret('\ud800') }, 'INVALID_INPUT', ['password']],
    ['a blank name', { name: '  ' }, 'INVALID_INPUT', ['name']],
    ['a name that turns its direction', { name: 'prod \u202eyrtsiger' }, 'INVALID_INPUT', ['name']],
    ['a name with an isolate', { name: 'a\u2066b' }, 'INVALID_INPUT', ['name']],
    ['a name with an invisible character', { name: 'prod\u200b' }, 'INVALID_INPUT', ['name']],
    ['a name with an invisible letter', { name: 'prod\u3164' }, 'INVALID_INPUT', ['name']],
    ['a name with a tag character', { name: 'prod\u{e0041}' }, 'INVALID_INPUT', ['name']],
    ['a username with a soft hyphen', { username: 'ad\u00admin' }, 'INVALID_INPUT', ['username']],
    ['a username with a byte order mark', { username: '\ufeffadmin' }, 'INVALID_INPUT', ['username']],
    ['a name of 201 characters', { name: 'a'.repeat(201) }, 'INVALID_INPUT', ['name']],
    ['an unknown type', { type: 'QUAY' }, 'INVALID_INPUT', ['type']],
    ['a realm with a path', { trustedRealm: 'auth.example/token' }, 'INVALID_INPUT', ['trustedRealm']],
    ['a realm with a scheme', { trustedRealm: 'https://auth.example' }, 'INVALID_INPUT', ['trustedRealm']],
    [
      'a probe outside the path',
      { registry: 'r.example/team/*', probeRepository: 'other/app' },
      'INVALID_INPUT',
      ['probeRepository'],
    ],
    [
      'a probe that only starts alike',
      { registry: 'r.example/team/*', probeRepository: 'team2/app' },
      'INVALID_INPUT',
      ['probeRepository'],
    ],
    ['a registry text with a tag', { registry: 'r.example/a:1' }, 'INVALID_REGISTRY', ['registry']],
    ['an account that does not exist', { account: 'nobody' }, 'NOT_FOUND', ['account']],
  ])('refuses %s, stores nothing and sends nothing', async (_, more, code, field) => {
    const problem = await problemOf(add('r.example', more, callerOf('ADMIN')));
    expect({ code: problem.code, field: problem.field }).toEqual({ code, field });
    expect(problem.message).not.toMatch(/hunter2|X-Evil/);
    expect([await everything(), domain.asked]).toEqual([[], []]);
  });
});

describe('updating', () => {
  it('keeps omitted fields and changes the others', async () => {
    const before = await add('r.example/a/*', { probeRepository: 'a/b', name: 'mine' });
    domain.time = new Date('2026-02-02T00:00:00Z');
    const { registry } = await domain.registries.update(writer, before.id, { name: 'yours' }, both);
    expect(registry).toEqual({ ...before, name: 'yours', version: 2, updatedAt: domain.time });
    expect(domain.asked.at(-1)).toMatchObject({ username: 'alice', password: 'correct horse' });
  });

  it('clears with null what may be empty', async () => {
    const before = await add('r.example', { probeRepository: 'a/b', name: 'mine', trustedRealm: 'auth.example' });
    const change = { name: null, probeRepository: null, trustedRealm: null, password: new Secret('correct horse') };
    expect((await domain.registries.update(writer, before.id, change, both)).registry).toMatchObject({
      name: 'r.example',
      probeRepository: null,
      trustedRealm: null,
    });
  });

  it('points at the id when the registry itself cannot be reached, since its text is not part of an update', async () => {
    const { id } = await add('r.example');
    domain.outcome = 'UNREACHABLE';
    expect(await problemOf(domain.registries.update(writer, id, {}, both))).toMatchObject({
      reason: 'UNREACHABLE',
      field: ['id'],
    });
  });

  it('uses a new password from then on', async () => {
    const { id } = await add('r.example');
    await domain.registries.update(writer, id, { password: new Secret('battery staple') }, both);
    await domain.registries.validate(writer, id);
    expect(domain.asked.at(-1)?.password).toBe('battery staple');
  });

  it('changes nothing when the new credential fails', async () => {
    const before = await add('r.example');
    domain.outcome = 'INVALID_CREDENTIALS';
    expect(
      await problemOf(domain.registries.update(writer, before.id, { password: new Secret('wrong') }, both)),
    ).toMatchObject({ code: 'VALIDATION_FAILED', field: ['password'] });
    expect(await domain.registries.get(writer, { id: before.id })).toEqual(before);
    domain.outcome = 'VALID';
    await domain.registries.validate(writer, before.id);
    expect(domain.asked.at(-1)?.password).toBe('correct horse');
  });

  it.each<[string, object, ValidationOptions]>([
    ['turning verification off', {}, { secureConnection: false, validate: true }],
    ['turning verification off unchecked', {}, { secureConnection: false, validate: false }],
    ['another user name', { username: 'mallory' }, both],
    ['another type', { type: 'GCR' }, both],
    ['another trusted realm', { trustedRealm: 'evil.example' }, both],
    ['no trusted realm', { trustedRealm: null }, both],
  ])('requires the password on %s, and sends the stored one nowhere', async (_, change, settings) => {
    const before = await add('r.example', { trustedRealm: 'auth.example' });
    const problem = await problemOf(domain.registries.update(writer, before.id, change, settings));
    expect([problem.code, problem.field]).toEqual(['PASSWORD_REQUIRED', ['password']]);
    expect(domain.asked).toHaveLength(1);
    expect(await domain.registries.get(writer, { id: before.id })).toEqual(before);
    await domain.registries.update(writer, before.id, { ...change, password: new Secret('correct horse') }, settings);
  });

  it('turns verification back on without the password', async () => {
    const { registry } = await domain.registries.create(writer, input('r.example'), {
      secureConnection: false,
      validate: true,
    });
    expect((await domain.registries.update(writer, registry.id, {}, both)).registry.secureConnection).toBe(true);
    expect(domain.asked.at(-1)?.password).toBe('correct horse');
  });

  it('keeps verification off if each call says so, and names the way if TLS fails', async () => {
    const insecure: ValidationOptions = { secureConnection: false, validate: true };
    const { registry } = await domain.registries.create(writer, input('r.example'), insecure);
    expect(
      (await domain.registries.update(writer, registry.id, { name: 'x' }, insecure)).registry.secureConnection,
    ).toBe(false);
    domain.outcome = 'TLS_UNTRUSTED';
    expect(await problemOf(domain.registries.update(writer, registry.id, { name: 'y' }, both))).toMatchObject({
      advice: [{ kind: 'KEEP_UNVERIFIED_TLS' }],
      report: { advice: [{ kind: 'KEEP_UNVERIFIED_TLS' }] },
    });
  });

  it('returns CONFLICT to the later of two writers and keeps the first change', async () => {
    const { id } = await add('r.example');
    let raced = false;
    domain.meanwhile = async () => {
      if (raced) return;
      raced = true;
      await domain.registries.update(writer, id, { name: 'first' }, unchecked);
    };
    expect((await problemOf(domain.registries.update(writer, id, { name: 'second' }, both))).code).toBe('CONFLICT');
    expect((await domain.registries.get(writer, { id }))?.name).toBe('first');
  });

  it('cannot change the registry text or the account', async () => {
    const { id } = await add('r.example');
    for (const change of [{ registry: 'evil.example' }, { account: 'admin' }]) {
      expect((await problemOf(domain.registries.update(writer, id, change, both))).code).toBe('INVALID_INPUT');
    }
  });
});

describe('a row edited behind our back', () => {
  it.each([
    ['host and text', "UPDATE registry SET host = 'evil.example', registry = 'evil.example'"],
    ['only the host', "UPDATE registry SET host = 'evil.example'"],
    ['only the repository', "UPDATE registry SET repository = 'evil/*'"],
    ['user name', "UPDATE registry SET username = 'mallory'"],
    ['TLS verification', 'UPDATE registry SET secure_connection = false'],
    ['trusted realm', "UPDATE registry SET trusted_realm = 'evil.example'"],
    ['type', "UPDATE registry SET type = 'GCR'"],
    [
      'password of another row',
      "UPDATE registry SET sealed = (SELECT sealed FROM registry WHERE registry = 'other.example')",
    ],
  ])('(%s) has its password refused, nothing is sent, and the trail says so', async (_, statement) => {
    const { id } = await add('r.example');
    await add('other.example');
    const sent = domain.asked.length;
    expect(await domain.rows(`${statement} WHERE id = '${id}' RETURNING id`)).toHaveLength(1);
    for (const use of [
      () => domain.registries.validate(writer, id),
      () => domain.registries.update(writer, id, { name: 'x' }, { secureConnection: false, validate: true }),
    ]) {
      expect((await problemOf(use())).code).toMatch(/SECRET_UNREADABLE|PASSWORD_REQUIRED/);
    }
    expect(domain.asked).toHaveLength(sent);
    expect((await auditTrail()).some((line) => line.startsWith('registry.secret_unreadable'))).toBe(true);
  });
});

describe('validating what is stored', () => {
  it('records a bad outcome as well as a good one, and touches nothing else', async () => {
    const before = await add('r.example');
    domain.outcome = 'INVALID_CREDENTIALS';
    domain.time = new Date('2026-03-03T00:00:00Z');
    const { registry, validation } = await domain.registries.validate(writer, before.id);
    expect(validation.outcome).toBe('INVALID_CREDENTIALS');
    expect(await domain.registries.get(writer, { id: before.id })).toEqual({ ...before, lastValidation: validation });
    expect(registry.version).toBe(before.version);
    expect((await auditTrail()).at(-1)).toBe('registry.validate INVALID_CREDENTIALS r.example');
  });

  it('does not hang an old outcome on a new credential', async () => {
    const { id } = await add('r.example');
    let raced = false;
    domain.meanwhile = async () => {
      if (raced) return;
      raced = true;
      await domain.registries.update(writer, id, { password: new Secret('new') }, unchecked);
    };
    expect((await problemOf(domain.registries.validate(writer, id))).code).toBe('CONFLICT');
    expect((await domain.registries.get(writer, { id }))?.lastValidation?.outcome).toBe('SKIPPED');
  });
});

describe('checking without storing', () => {
  it('sends nothing for an account that does not exist', async () => {
    expect(
      (await problemOf(domain.registries.check(callerOf('ADMIN'), input('r.example', { account: 'ghost' }), both)))
        .code,
    ).toBe('NOT_FOUND');
    expect(domain.asked).toEqual([]);
  });

  it('returns the report for any outcome and each step as it ends, and stores nothing', async () => {
    domain.outcome = 'INVALID_CREDENTIALS';
    const steps: string[] = [];
    const report = await domain.registries.check(writer, input('r.example'), { secureConnection: true }, (step) =>
      steps.push(step.kind),
    );
    expect([report.outcome, steps, await everything(), await auditTrail()]).toEqual([
      'INVALID_CREDENTIALS',
      ['PING'],
      [],
      [],
    ]);
  });
});

describe('deleting', () => {
  it('returns the deleted registry, once', async () => {
    const registry = await add('r.example');
    expect(await domain.registries.delete(writer, registry.id)).toEqual(registry);
    expect((await problemOf(domain.registries.delete(writer, registry.id))).code).toBe('NOT_FOUND');
    expect((await auditTrail()).at(-1)).toBe('registry.delete DONE r.example');
  });

  it('leaves an image to the next match, or to anonymity', async () => {
    const host = await add('r.example');
    const team = await add('r.example/team/*');
    const used = async (): Promise<string | undefined> =>
      (await domain.registries.image(writer, { reference: 'r.example/team/app' })).registry?.registry;
    expect(await used()).toBe('r.example/team/*');
    await domain.registries.delete(writer, team.id);
    expect(await used()).toBe('r.example');
    await domain.registries.delete(writer, host.id);
    expect(await used()).toBeUndefined();
  });
});

describe('listing', () => {
  const texts = ['a.example', 'b.example', 'b.example/x/*', 'b.example/x/y', 'c.example:5000'];

  it.each([
    ['REGISTRY', 'ASC'],
    ['REGISTRY', 'DESC'],
    ['NAME', 'ASC'],
    ['CREATED_AT', 'DESC'],
    ['UPDATED_AT', 'ASC'],
  ] as const)('pages by %s %s forwards and backwards over every registry once', async (field, direction) => {
    for (const text of texts) await add(text, { name: 'same' });
    const orderBy = { field, direction };
    const forwards = await walk((cursor) => ({ first: 2, after: cursor, orderBy }), 'forwards');
    const backwards = await walk((cursor) => ({ last: 2, before: cursor, orderBy }), 'backwards');
    expect(forwards.toSorted()).toEqual(texts);
    expect(backwards).toEqual(forwards);
  });

  async function walk(args: (cursor: string | null) => object, way: 'forwards' | 'backwards'): Promise<string[]> {
    const seen: string[] = [];
    for (let cursor: string | null = null; ;) {
      const page = await domain.registries.list(writer, args(cursor));
      const shown = page.nodes.map(({ registry }) => registry);
      if (way === 'forwards') seen.push(...shown);
      else seen.unshift(...shown);
      expect(await page.totalCount()).toBe(texts.length);
      // Relay: on the side that a page comes from, there are more exactly if a cursor was passed.
      expect(way === 'forwards' ? page.hasPreviousPage : page.hasNextPage).toBe(cursor !== null);
      const edge: Registry | undefined = way === 'forwards' ? page.nodes.at(-1) : page.nodes[0];
      if (edge === undefined || !(way === 'forwards' ? page.hasNextPage : page.hasPreviousPage)) return seen;
      cursor = page.cursorOf(edge);
    }
  }

  it('reports no next page after the last, a next page before a cursor, and no previous page before the first', async () => {
    for (const text of texts) await add(text);
    const listed = async (args: object) => {
      const page = await domain.registries.list(writer, args);
      const before = page.cursorOf(page.nodes[0]!);
      return { before, seen: [page.nodes.length, page.hasPreviousPage, page.hasNextPage] };
    };
    const last = await listed({ last: 2 });
    const middle = await listed({ last: 2, before: last.before });
    const first = await listed({ last: 2, before: middle.before });
    expect([last, middle, first].map(({ seen }) => seen)).toEqual([
      [2, true, false],
      [2, true, true],
      [1, false, true],
    ]);
    expect((await listed({ last: 5 })).seen).toEqual([5, false, false]);
  });

  it.each<[string, object, string[]]>([
    ['text', { search: 'B.EX' }, ['b.example', 'b.example/x/*', 'b.example/x/y']],
    ['a wildcard taken literally', { search: '%' }, []],
    ['host in any spelling', { host: 'B.example:443' }, ['b.example', 'b.example/x/*', 'b.example/x/y']],
    ['type', { type: 'GCR' }, []],
    ['outcome', { outcome: 'VALID' }, texts],
    ['blank text', { search: ' ' }, texts],
  ])('filters by %s', async (_, filter, expected) => {
    for (const text of texts) await add(text);
    const page = await domain.registries.list(writer, { filter });
    expect(page.nodes.map(({ registry }) => registry)).toEqual(expected);
    expect(await page.totalCount()).toBe(expected.length);
  });

  it.each<[string, object, string[]]>([
    ['101 at once', { first: 101 }, ['first']],
    ['a negative page', { last: -1 }, ['last']],
    ['both directions', { first: 1, last: 1 }, ['last']],
    ['a made-up cursor', { after: 'bm9wZQ' }, ['after']],
    [
      'a cursor with half a millisecond',
      { after: forged(['CREATED_AT', 1.5, 'reg_00000000000000000000000000000001']), orderBy: { field: 'CREATED_AT' } },
      ['after'],
    ],
    ['a cursor with NUL', { after: forged(['REGISTRY', 'a\0', 'reg_00000000000000000000000000000001']) }, ['after']],
    ['a cursor with a made-up id', { after: forged(['REGISTRY', 'a', 'x']) }, ['after']],
    ['a cursor that is not base64', { before: '???' }, ['before']],
    ['an unknown order', { orderBy: { field: 'PASSWORD' } }, ['orderBy', 'field']],
    ['an impossible host', { filter: { host: 'http://x' } }, ['filter', 'host']],
    ['a search for NUL, which PostgreSQL cannot hold', { filter: { search: 'a\0' } }, ['filter', 'search']],
    ['half a character', { filter: { search: '\ud800' } }, ['filter', 'search']],
    ['an account with a control character', { account: 'a\0' }, ['account']],
  ])('refuses %s', async (_, args, field) => {
    expect(await problemOf(domain.registries.list(writer, args))).toMatchObject({ code: 'INVALID_INPUT', field });
  });

  function forged(parts: unknown[]): string {
    return Buffer.from(JSON.stringify(parts)).toString('base64url');
  }

  it('refuses a cursor of another order', async () => {
    await add('a.example');
    const page = await domain.registries.list(writer, { orderBy: { field: 'NAME' } });
    const [node] = page.nodes;
    expect((await problemOf(domain.registries.list(writer, { after: page.cursorOf(node as Registry) }))).field).toEqual(
      ['after'],
    );
  });
});

describe('who may do what', () => {
  const calls: Record<Exclude<Operation, 'principal.get'>, (caller: Caller, id: string) => Promise<unknown>> = {
    'registry.list': (caller) => domain.registries.list(caller, {}),
    'registry.watch': (caller) => domain.subscriptions.changes(caller, {}),
    'registry.get': (caller, id) => domain.registries.get(caller, { id }),
    'registry.create': (caller) =>
      domain.registries.create(
        caller,
        input(`new-${String(caller.principal?.role).toLowerCase().replace('_', '')}.example`),
        both,
      ),
    'registry.update': (caller, id) => domain.registries.update(caller, id, {}, both),
    'registry.delete': (caller, id) => domain.registries.delete(caller, id),
    'registry.validate': (caller, id) => domain.registries.validate(caller, id),
    'registry.check': (caller) => domain.registries.check(caller, input('x.example'), both),
    'image.explain': (caller) => domain.registries.image(caller, { reference: 'r.example/a' }),
    'pull.config': async (caller) =>
      createClientConfigs({ endpoint: () => new URL('https://regway.example') }).create(caller, {
        format: 'AUTH_JSON',
      }),
    'account.list': (caller) => domain.useCases.accounts.list(caller, {}),
    'account.create': (caller) => domain.useCases.accounts.create(caller, { name: 'tenant' }),
    'account.disable': async (caller) => ignoreMissing(domain.useCases.accounts.disable(caller, { name: 'nobody' })),
    'account.enable': async (caller) => ignoreMissing(domain.useCases.accounts.enable(caller, { name: 'nobody' })),
    'token.list': (caller) => domain.useCases.tokens.list(caller, {}),
    'token.create': (caller) => domain.useCases.tokens.create(caller, { role: 'READ_ONLY' }),
    'token.revoke': async (caller) => ignoreMissing(domain.useCases.tokens.revoke(caller, { id: 'nobody' })),
    'audit.list': (caller) => domain.useCases.auditTrail.list(caller, {}),
    'pull.use': (caller) => domain.pulls.resolve(caller, { host: 'r.example', repository: 'a' }),
  };

  /** A caller whose call reaches a lookup may run it. */
  const ignoreMissing = async (run: Promise<unknown>) => {
    const error: unknown = await run.catch((thrown: unknown) => thrown);
    if ((error as Problem).code !== 'NOT_FOUND') throw error;
  };

  it.each(
    Object.entries(calls).flatMap(([operation, call]) =>
      [...roles, undefined].map((role) => [operation as Operation, role, call] as const),
    ),
  )('%s by %s ends as the permission table says', async (operation, role, call) => {
    const { id } = await add('r.example');
    const caller = role === undefined ? stranger : callerOf(role);
    const allowed = role !== undefined && (permissions[operation] as readonly string[]).includes(role);
    const expected = allowed ? undefined : role === undefined ? 'UNAUTHENTICATED' : 'FORBIDDEN';
    const seen = await call(caller, id).then(
      () => undefined,
      (error: unknown) => (error as Problem).code,
    );
    expect(seen).toBe(expected);
  });

  it('learns nothing from a malformed input without the role', async () => {
    expect((await problemOf(domain.registries.create(callerOf('READ_ONLY'), { bogus: 1 }, both))).code).toBe(
      'FORBIDDEN',
    );
    expect((await problemOf(domain.registries.create(stranger, { bogus: 1 }, both))).code).toBe('UNAUTHENTICATED');
  });

  it('sees no difference between an ID that does not exist and one of another account', async () => {
    const { id } = await add('r.example');
    const outsider = callerOf('READ_WRITE', 'other');
    for (const call of [
      (which: string) => domain.registries.update(outsider, which, {}, both),
      (which: string) => domain.registries.delete(outsider, which),
      (which: string) => domain.registries.validate(outsider, which),
    ]) {
      const [one, two] = [await problemOf(call(id)), await problemOf(call('reg_nothing'))];
      expect(asCallerSees(one)).toEqual(asCallerSees(two));
      expect(one.code).toBe('NOT_FOUND');
    }
    expect(await domain.registries.get(outsider, { id })).toBeNull();
    expect(await domain.registries.get(outsider, { id: 'reg_\0' })).toBeNull();
    expect(await domain.registries.get(outsider, { registry: 'r.example', account: 'admin' })).toBeNull();
    expect((await problemOf(domain.registries.list(outsider, { account: 'admin' }))).code).toBe('NOT_FOUND');
    expect(
      (await problemOf(domain.registries.create(outsider, input('x.example', { account: 'admin' }), both))).code,
    ).toBe('NOT_FOUND');
    expect(await everything()).toHaveLength(1);
  });
});

/** Everything of a problem that a caller sees. */
function asCallerSees(problem: Problem): object {
  const { code, reason, field, message } = problem;
  return { code, reason, field, message, report: problem instanceof ValidationFailed ? problem.report : undefined };
}

describe('explaining an image', () => {
  it('names the winner, what it beats, and the near misses of its host', async () => {
    for (const text of ['r.example', 'r.example/team/*', 'r.example/other/*', 's.example']) await add(text);
    const image = await domain.registries.image(writer, { reference: 'R.example/team/app:1' });
    expect(image).toMatchObject({
      reference: 'r.example/team/app:1',
      host: 'r.example',
      repository: 'team/app',
      tag: '1',
      digest: null,
    });
    expect(image.registry?.registry).toBe('r.example/team/*');
    const candidates = await image.candidates();
    expect(candidates.map(({ registry, matched }) => [registry.registry, matched])).toEqual([
      ['r.example/team/*', true],
      ['r.example', true],
      ['r.example/other/*', false],
    ]);
    expect(candidates.map(({ reason }) => reason)).toEqual([
      'Used: it is the deepest subtree that contains team/app.',
      'It covers r.example/team/app, but r.example/team/* is more specific.',
      'team/app is not below other/.',
    ]);
  });

  it('shows a pull token the registries that cover the image and no others', async () => {
    for (const text of ['r.example', 'r.example/other/*']) await add(text);
    const candidates = await (
      await domain.registries.image(callerOf('PULL'), { reference: 'r.example/team/app' })
    ).candidates();
    expect(candidates.map(({ registry }) => registry.registry)).toEqual(['r.example']);
  });

  it('shows no more candidates than are counted for an image, the most specific first', async () => {
    const path = (depth: number) => Array.from({ length: depth }, () => 'a').join('/');
    for (let depth = 1; depth <= 41; depth += 1) await add(`r.example/${path(depth)}/*`);
    const candidates = await (
      await domain.registries.image(writer, { reference: `r.example/${path(42)}` })
    ).candidates();
    expect(candidates).toHaveLength(40);
    expect(candidates[0]).toMatchObject({
      matched: true,
      registry: { registry: `r.example/${path(41)}/*` },
    });
  });

  it('refuses an image outside the patterns of a token', async () => {
    const limited = callerOf('PULL', 'admin', { images: ['r.example/team/*'] });
    expect((await domain.registries.image(limited, { reference: 'r.example/team/app' })).registry).toBeNull();
    expect(await problemOf(domain.registries.image(limited, { reference: 'r.example/team' }))).toMatchObject({
      code: 'FORBIDDEN',
      reason: 'IMAGE_NOT_COVERED',
    });
  });

  it('says which part of a reference is wrong', async () => {
    expect(await problemOf(domain.registries.image(writer, { reference: 'ghcr.io/Owner/x' }))).toMatchObject({
      code: 'INVALID_REFERENCE',
      reason: 'PATH_UPPERCASE',
    });
  });
});
