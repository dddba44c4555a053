// The password of a real registry changes while fifty clients pull through Regway, which has the new one as pending.

import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApiToken } from './support/api-tokens.ts';
import { pause } from './support/child-process.ts';
import { writeImage } from './support/images.ts';
import { operationsOn, registryOf } from './support/operations.ts';
import type { Operations } from './support/operations.ts';
import { basicAuthorization, pullAll } from './support/raw-pull.ts';
import { refusedLoginsIn } from './support/registry-log.ts';
import { startServer } from './support/server.ts';
import type { RegwayServer } from './support/server.ts';
import { startUpstreams } from './support/upstreams.ts';
import type { Upstreams, UpstreamUser } from './support/upstreams.ts';

const carol: UpstreamUser = { username: 'carol', password: 'password-of-carol', rights: { '': ['pull'] } };
const changed: UpstreamUser = { ...carol, password: 'another-password-of-carol' };
const repository = 'team-a/app';
const clients = 50;

let upstreams: Upstreams;
let server: RegwayServer;
let operations: Operations;
let token: string;

beforeAll(async () => {
  upstreams = await startUpstreams([carol]);
  await upstreams.push(writeImage(join(upstreams.directory, 'image')), repository);
  server = await startServer({ settings: { REGWAY_CA_FILE: upstreams.authority.certificateFile } });
  operations = operationsOn(server);
  token = await createApiToken(server.dataDirectory, { role: 'PULL' });
});

afterAll(async () => {
  await server?.stop();
  await upstreams?.stop();
});

test(`a change of htpasswd under ${clients} pulls at once fails none of them, with three bad logins at most`, async () => {
  const { id } = registryOf(await operations.create(upstreams.input('basic', carol), upstreams.settings('basic')));
  const before = upstreams.basic.log().length;
  const update = await operations.update(
    id,
    { password: changed.password, rotation: 'PENDING' },
    upstreams.settings('basic'),
  );
  expect(update).toMatchObject({ errors: [], validation: { outcome: 'INVALID_CREDENTIALS' } });

  const statuses: number[] = [];
  const stopping = new AbortController();
  const pull = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const { status } = await pullAll({
        server: server.url,
        upstream: upstreams.basic.host,
        repository,
        authorization: basicAuthorization(token),
      });
      statuses.push(status);
    }
  };
  const pulling = Promise.all(Array.from({ length: clients }, pull));
  const until = async (count: number): Promise<void> => {
    while (statuses.length < count) await Promise.race([pause(10), pulling]);
  };
  await until(clients * 2);
  upstreams.setUsers([changed]);
  await until(statuses.length + clients * 3);
  stopping.abort();
  await pulling;

  expect(statuses.filter((status) => status !== 200)).toEqual([]);
  // The check of the update, a pull, and the question whether the registry rejects the password itself.
  const refused = refusedLoginsIn(upstreams.basic.log().slice(before));
  expect(refused.length).toBeGreaterThanOrEqual(1);
  expect(refused.length).toBeLessThanOrEqual(3);
  const { body } = await server.graphql(
    'query($id: ID!) { registry(id: $id) { pendingSince previousUsableUntil lastValidation { outcome } } }',
    { id },
  );
  expect(body.data).toEqual({
    registry: {
      pendingSince: null,
      previousUsableUntil: expect.any(String) as string,
      lastValidation: { outcome: 'VALID' },
    },
  });
});
