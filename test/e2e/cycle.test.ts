// The life of a registry over GraphQL against a real docker-registry: create, find, change, check again, delete. On one server, and on replicas.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { operationsOn, registryOf } from './support/operations.ts';
import type { Operations, RegistryNode } from './support/operations.ts';
import { startPostgres } from './support/postgres.ts';
import { alice, startBasicRegistry, startRegistries } from './support/registries.ts';
import type { RealRegistries, RealRegistry } from './support/registries.ts';
import { startReplicas } from './support/replicas.ts';
import { startServer } from './support/server.ts';
import type { RegwayServer } from './support/server.ts';

const insecure = { secureConnection: false };
const carol = { username: 'carol', password: 'a second pass-phrase' };

type Installation = Pick<RegwayServer, 'url' | 'graphql' | 'firstToken' | 'stop'>;

const installations: [string, (settings: Record<string, string>) => Promise<Installation>][] = [
  ['one server on SQLite', (settings) => startServer({ settings })],
  ['two replicas on PostgreSQL, each request to the other one', startOnPostgres],
];

async function startOnPostgres(settings: Record<string, string>): Promise<Installation> {
  const postgres = await startPostgres();
  const replicas = await startReplicas(postgres.url, settings);
  const stop = async () => {
    await replicas.stop();
    await postgres.stop();
  };
  return { ...replicas, stop };
}

describe.each(installations)('%s', (_name, start) => {
  let registries: RealRegistries;
  let registry: RealRegistry;
  let server: Installation;
  let operations: Operations;

  beforeAll(async () => {
    registries = await startRegistries();
    registry = await startBasicRegistry([alice, carol]);
    server = await start({ REGWAY_CA_FILE: registries.authority.certificateFile });
    operations = operationsOn(server);
  });

  afterAll(async () => {
    await server?.stop();
    await registry?.stop();
    await registries?.stop();
  });

  beforeEach(async () => {
    for (const { id } of (await operations.list()).nodes) {
      await operations.delete(id);
    }
  });

  async function created(path = '', settings: object = {}): Promise<RegistryNode> {
    return registryOf(
      await operations.create({ registry: registry.host + path, ...alice }, { ...insecure, ...settings }),
    );
  }

  describe('the whole cycle', () => {
    test('create, list, get, image, update, validate, delete, and then the image is pulled anonymously', async () => {
      const text = `${registry.host}/team-a/*`;
      const reference = `${registry.host}/team-a/app:latest`;

      const payload = await operations.create({ registry: text, ...alice, name: 'Team A' }, insecure);
      expect(payload).toMatchObject({ errors: [], validation: { outcome: 'VALID', valid: true } });
      const made = registryOf(payload);
      expect(made).toMatchObject({
        registry: text,
        host: registry.host,
        repository: 'team-a/*',
        name: 'Team A',
        type: 'DOCKER_V2',
        username: alice.username,
        secureConnection: false,
        trustedRealm: null,
        account: 'admin',
        lastValidation: { outcome: 'VALID' },
      });

      expect(await operations.list()).toEqual({ totalCount: 1, nodes: [made] });
      expect(await operations.get({ id: made.id })).toEqual(made);
      expect(await operations.get({ registry: text })).toEqual(made);
      const image = await operations.image(reference);
      expect(image).toMatchObject({
        reference,
        registry: { id: made.id },
        candidates: [{ registry: { id: made.id }, matched: true }],
      });

      const renamed = await operations.update(made.id, { name: 'The A team' }, insecure);
      expect(renamed).toMatchObject({
        errors: [],
        registry: { name: 'The A team', username: alice.username },
        validation: { outcome: 'VALID' },
      });

      const handedOver = await operations.update(made.id, carol, insecure);
      expect(handedOver).toMatchObject({
        errors: [],
        registry: { name: 'The A team', username: carol.username },
        validation: { outcome: 'VALID' },
      });
      expect(await operations.validate(made.id)).toMatchObject({ errors: [], validation: { outcome: 'VALID' } });

      expect(await operations.delete(made.id)).toEqual({ deletedId: made.id, errors: [] });
      expect(await operations.get({ id: made.id })).toBeNull();
      expect(await operations.image(reference)).toMatchObject({ reference, registry: null, candidates: [] });
      expect(await operations.list()).toEqual({ totalCount: 0, nodes: [] });
    });
  });

  describe('create', () => {
    test.each([
      [
        'a wrong password',
        () => ({ registry: registry.host, username: alice.username, password: 'wrong' }),
        insecure,
        'INVALID_CREDENTIALS',
      ],
      ['an untrusted certificate', () => ({ registry: registry.host, ...alice }), {}, 'PLAIN_HTTP'],
      ['an unconfirmed token server', () => ({ registry: registries.token.host, ...alice }), {}, 'FORBIDDEN_REALM'],
    ])('stores nothing after %s and returns the report', async (_what, input, settings, outcome) => {
      const payload = await operations.create(input(), settings);
      expect(payload).toMatchObject({
        registry: null,
        validation: { outcome, valid: false },
        errors: [{ code: 'VALIDATION_FAILED', reason: outcome }],
      });
      expect(await operations.list()).toEqual({ totalCount: 0, nodes: [] });
    });

    test('goes through with trustedRealm set to the realmHost of the refusal, and keeps it', async () => {
      const input = { registry: registries.token.host, ...alice };
      const refused = await operations.create(input);
      const made = registryOf(await operations.create({ ...input, trustedRealm: refused.validation?.realmHost ?? '' }));
      expect(made).toMatchObject({
        trustedRealm: registries.tokenServer.host,
        secureConnection: true,
        lastValidation: { outcome: 'VALID' },
      });
      expect(await operations.validate(made.id)).toMatchObject({ errors: [], validation: { outcome: 'VALID' } });
    });

    test('stores an open registry, with the warning that nothing was proven', async () => {
      const payload = await operations.create({ registry: registries.open.host, ...alice }, insecure);
      expect(payload).toMatchObject({
        errors: [],
        registry: { host: registries.open.host },
        validation: { outcome: 'NO_AUTH_REQUIRED', valid: true },
      });
    });

    test('with validate off stores even what would be refused, and says SKIPPED', async () => {
      const payload = await operations.create(
        { registry: registry.host, username: 'nobody', password: 'wrong' },
        { ...insecure, validate: false },
      );
      expect(payload).toMatchObject({
        errors: [],
        validation: { outcome: 'SKIPPED' },
        registry: { lastValidation: { outcome: 'SKIPPED' } },
      });
      expect(await operations.validate(registryOf(payload).id)).toMatchObject({
        validation: { outcome: 'INVALID_CREDENTIALS' },
      });
      expect(await operations.get({ id: registryOf(payload).id })).toMatchObject({
        lastValidation: { outcome: 'INVALID_CREDENTIALS' },
      });
    });

    test('refuses a second registry of the same text, however it is spelled', async () => {
      await created('/team-a/*');
      const payload = await operations.create({ registry: `${registry.host}/team-a/*`, ...alice }, insecure);
      expect(payload).toMatchObject({ registry: null, errors: [{ code: 'ALREADY_EXISTS' }] });
    });
  });

  describe('update', () => {
    test('with a wrong password is refused and changes nothing', async () => {
      const made = await created();
      const payload = await operations.update(made.id, { password: 'wrong', name: 'Renamed' }, insecure);
      expect(payload).toMatchObject({
        validation: { outcome: 'INVALID_CREDENTIALS' },
        errors: [{ code: 'VALIDATION_FAILED' }],
      });
      expect(await operations.get({ id: made.id })).toEqual(made);
      expect(await operations.validate(made.id)).toMatchObject({ validation: { outcome: 'VALID' } });
    });

    test.each([
      ['username', { username: carol.username }, insecure],
      ['trustedRealm', { trustedRealm: '127.0.0.2:5001' }, insecure],
    ])('of the %s without the password is PASSWORD_REQUIRED and changes nothing', async (_what, input, settings) => {
      const made = await created();
      const payload = await operations.update(made.id, input, settings);
      expect(payload.errors).toMatchObject([{ code: 'PASSWORD_REQUIRED' }]);
      expect(await operations.get({ id: made.id })).toEqual(made);
    });

    test('that turns verification off without the password is PASSWORD_REQUIRED; with it, it is done', async () => {
      const made = registryOf(await operations.create({ registry: registries.tls.host, ...alice }));
      const refused = await operations.update(made.id, { name: 'Renamed' }, insecure);
      expect(refused.errors).toMatchObject([{ code: 'PASSWORD_REQUIRED' }]);
      expect(await operations.get({ id: made.id })).toEqual(made);
      const done = await operations.update(made.id, { password: alice.password }, insecure);
      expect(done).toMatchObject({
        errors: [],
        registry: { secureConnection: false },
        validation: { outcome: 'VALID' },
      });
    });

    test('defaults to verification on, and the refusal says how to leave it off', async () => {
      const made = await created();
      const payload = await operations.update(made.id, { name: 'Renamed' });
      expect(payload).toMatchObject({ validation: { outcome: 'PLAIN_HTTP' }, errors: [{ code: 'VALIDATION_FAILED' }] });
      expect(payload.errors[0]?.message).toContain('secureConnection: false');
      expect(await operations.get({ id: made.id })).toEqual(made);
    });
  });

  describe('image', () => {
    test('is served by the deepest registry that covers it, and by the next one when that is deleted', async () => {
      const host = await created('', { validate: false });
      const subtree = await created('/team-a/*', { validate: false });
      const exact = await created('/team-a/app', { validate: false });
      const reference = `${registry.host}/team-a/app:1.0`;
      for (const winner of [exact, subtree, host]) {
        expect(await operations.image(reference)).toMatchObject({ registry: { id: winner.id } });
        await operations.delete(winner.id);
      }
      expect(await operations.image(reference)).toMatchObject({ registry: null });
    });
  });

  describe('a missing registry', () => {
    const unknownId = `reg_${'0'.repeat(32)}`;

    test('is NOT_FOUND for update, validate and delete, and null for get', async () => {
      expect((await operations.update(unknownId, { name: 'x' })).errors).toMatchObject([{ code: 'NOT_FOUND' }]);
      expect((await operations.validate(unknownId)).errors).toMatchObject([{ code: 'NOT_FOUND' }]);
      expect((await operations.delete(unknownId)).errors).toMatchObject([{ code: 'NOT_FOUND' }]);
      expect(await operations.get({ id: unknownId })).toBeNull();
    });

    test.each([null, 'rgw_forged'])(
      'a caller with the token %s is UNAUTHENTICATED and learns nothing',
      async (token) => {
        const { body } = await server.graphql('{ registries { nodes { id } } }', {}, token);
        expect(body.data ?? null).toBeNull();
        expect(body.errors).toMatchObject([{ extensions: { code: 'UNAUTHENTICATED' } }]);
      },
    );
  });
});
