// The server survives rejections that graphql-js does not await: one query on a list with two damaged rows must not end the requests of all callers.

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startServer, type RegwayServer } from '../e2e/support/server.ts';
import { ensureBuilt } from '../support/built.ts';

let server: RegwayServer;

beforeAll(async () => {
  await ensureBuilt();
  server = await startServer();
});

afterAll(() => server.stop());

it('keeps responding after a promise was rejected that no one awaited, and logs it without its message', async () => {
  for (const registry of ['a.example', 'b.example']) {
    const added = await server.graphql(
      'mutation ($registry: String!) { createRegistry(input: { registry: $registry, username: "u", password: "p" }, validate: false) { errors { code } } }',
      { registry },
    );
    expect(added.body).toEqual({ data: { createRegistry: { errors: [] } } });
  }
  const file = new DatabaseSync(join(server.dataDirectory, 'regway.db'));
  // The first fails while its last use is being looked up, the second at once.
  file.exec("UPDATE registry SET updated_at = 9223372036854775807 WHERE registry = 'a.example'");
  file.exec("UPDATE registry SET created_at = 9223372036854775807 WHERE registry = 'b.example'");
  file.close();
  const damaged = await server.graphql('{ registries { nodes { createdAt lastUsedAt updatedAt } } }');
  expect(damaged.body.errors?.[0]?.extensions?.code).toBe('INTERNAL_SERVER_ERROR');
  await expect.poll(() => server.output()).toContain('"msg":"a promise that nothing awaits was rejected"');
  expect(server.output()).not.toContain('invalid Date');
  expect((await server.graphql('{ registries { totalCount } }')).body.data).toEqual({ registries: { totalCount: 2 } });
});
