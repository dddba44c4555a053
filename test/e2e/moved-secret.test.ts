// An attacker with write access to the database tries to make the server send a stored password to another host.

import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Database } from 'better-sqlite3';
import { withDatabase } from './support/database.ts';
import { startGullibleRegistry } from './support/fake-servers.ts';
import type { FakeServer } from './support/fake-servers.ts';
import { operationsOn, registryOf } from './support/operations.ts';
import { newDataDirectory, startServer } from './support/server.ts';
import type { RegwayServer } from './support/server.ts';

const insecure = { secureConnection: false };

/** Where alice's password belongs. */
let owner: FakeServer;
/** The attacker's host. */
let attacker: FakeServer;
let dataDirectory: string;
let server: RegwayServer;
let token: string;
let ownerId: string;
let attackerId: string;

beforeEach(async () => {
  [owner, attacker] = await Promise.all([startGullibleRegistry(), startGullibleRegistry()]);
  dataDirectory = newDataDirectory();
  server = await startServer({ dataDirectory });
  token = server.firstToken();
  const operations = operationsOn(server);
  const create = async (registry: string, username: string, password: string) =>
    registryOf(await operations.create({ registry, username, password }, { ...insecure, validate: false })).id;
  ownerId = await create(owner.host, 'alice', 'the password of alice');
  attackerId = await create(attacker.host, 'mallory', 'the password of mallory');
  await server.stop();
});

afterEach(async () => {
  await server.stop();
  await Promise.all([owner.stop(), attacker.stop()]);
});

/** The attacker's writes, and the row whose password is then used. */
const attacks: [string, () => string, (database: Database) => void][] = [
  [
    "the sealed password copied into the row of the attacker's registry",
    () => attackerId,
    (database) =>
      database
        .prepare('UPDATE registry SET sealed = (SELECT sealed FROM registry WHERE id = ?) WHERE id = ?')
        .run(ownerId, attackerId),
  ],
  [
    'the sealed password and all that it names copied, the host kept',
    () => attackerId,
    (database) =>
      database
        .prepare(
          `UPDATE registry SET (sealed, username, secret_version, version) =
      (SELECT sealed, username, secret_version, version FROM registry WHERE id = ?) WHERE id = ?`,
        )
        .run(ownerId, attackerId),
  ],
  [
    "host and registry of the owner's row changed to the attacker's",
    () => ownerId,
    (database) => {
      database.prepare('DELETE FROM registry WHERE id = ?').run(attackerId);
      database
        .prepare('UPDATE registry SET host = ?, registry = ? WHERE id = ?')
        .run(attacker.host, attacker.host, ownerId);
    },
  ],
  [
    "only the host of the owner's row changed to the attacker's",
    () => ownerId,
    (database) => database.prepare('UPDATE registry SET host = ? WHERE id = ?').run(attacker.host, ownerId),
  ],
  [
    "only the registry text of the owner's row changed",
    () => ownerId,
    (database) => database.prepare('UPDATE registry SET registry = ? WHERE id = ?').run(`${attacker.host}/x`, ownerId),
  ],
  [
    "the attacker's host named as the realm of the owner's row",
    () => ownerId,
    (database) => database.prepare('UPDATE registry SET trusted_realm = ? WHERE id = ?').run(attacker.host, ownerId),
  ],
  [
    "certificate verification switched on the owner's row",
    () => ownerId,
    (database) =>
      database.prepare('UPDATE registry SET secure_connection = 1 - secure_connection WHERE id = ?').run(ownerId),
  ],
  [
    "the username of the owner's row changed",
    () => ownerId,
    (database) => database.prepare('UPDATE registry SET username = ? WHERE id = ?').run('mallory', ownerId),
  ],
  [
    "the owner's row moved to another id",
    () => attackerId,
    (database) => {
      database.prepare('DELETE FROM registry WHERE id = ?').run(attackerId);
      // Whoever writes to the file need not keep its references.
      database.pragma('foreign_keys = OFF');
      database.prepare('UPDATE registry SET id = ? WHERE id = ?').run(attackerId, ownerId);
    },
  ],
  [
    "the owner's row moved to another account",
    () => ownerId,
    (database) => {
      database.prepare('INSERT INTO account (name, created_at) VALUES (?, 0)').run('mallory');
      database.prepare('UPDATE registry SET account = ? WHERE id = ?').run('mallory', ownerId);
    },
  ],
  [
    'one bit of the sealed password flipped',
    () => ownerId,
    (database) => {
      const { sealed } = database.prepare('SELECT sealed FROM registry WHERE id = ?').get(ownerId) as {
        sealed: Buffer;
      };
      sealed.writeUInt8(sealed.readUInt8(sealed.length - 1) ^ 1, sealed.length - 1);
      database.prepare('UPDATE registry SET sealed = ? WHERE id = ?').run(sealed, ownerId);
    },
  ],
];

test.each(attacks)(
  '%s: SECRET_UNREADABLE, no registry receives an Authorization header, and the audit says so',
  async (_what, victim, attack) => {
    withDatabase(dataDirectory, attack);
    server = await startServer({ dataDirectory });
    const target = victim();

    const payload = await operationsOn(server, token).validate(target);

    expect(payload.errors).toMatchObject([{ code: 'SECRET_UNREADABLE' }]);
    expect([...owner.authorizations, ...attacker.authorizations]).toEqual([]);
    await server.stop();
    expect(auditOf(target)).toContainEqual(expect.objectContaining({ action: 'registry.secret_unreadable' }));
  },
);

test('the untouched password still goes to its own registry, so the attacks fail for what they changed', async () => {
  server = await startServer({ dataDirectory });
  const payload = await operationsOn(server, token).validate(ownerId);
  expect(payload).toMatchObject({ errors: [], validation: { valid: true } });
  expect(owner.authorizations).toEqual([`Basic ${Buffer.from('alice:the password of alice').toString('base64')}`]);
  expect(attacker.authorizations).toEqual([]);
});

test('an update of the moved row without a password is refused too, and sends nothing', async () => {
  withDatabase(dataDirectory, (database) =>
    database
      .prepare('UPDATE registry SET host = ?, registry = ? WHERE id = ?')
      .run(attacker.host, `${attacker.host}/x`, ownerId),
  );
  server = await startServer({ dataDirectory });
  const payload = await operationsOn(server, token).update(ownerId, { name: 'harmless' }, insecure);
  expect(payload.errors).toMatchObject([{ code: 'SECRET_UNREADABLE' }]);
  expect(attacker.authorizations).toEqual([]);
});

function auditOf(target: string): { action: string; outcome: string }[] {
  return withDatabase(dataDirectory, (database) =>
    database.prepare('SELECT action, outcome FROM audit_event WHERE target = ?').all(target),
  ) as { action: string; outcome: string }[];
}
