// The text of a token that GraphQL makes is in that one answer, which no cache keeps, and nowhere else: no log, event, list, error, metric or file.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startServer, type RegwayServer } from '../e2e/support/server.ts';
import { ensureBuilt } from '../support/built.ts';

let server: RegwayServer;

beforeAll(async () => {
  await ensureBuilt();
  server = await startServer({ settings: { REGWAY_LOG_LEVEL: 'trace' } });
});

afterAll(() => server.stop());

it('is returned once and stored nowhere', async () => {
  const made = await server.graphql(
    'mutation { createToken(input: { role: READ_WRITE, name: "robot" }) { token { id } text errors { code } } }',
  );
  expect(made.headers.get('cache-control')).toBe('no-store');
  const { token, text } = (made.body.data as { createToken: { token: { id: string }; text: string } }).createToken;
  expect(made.text.split(text)).toHaveLength(2);
  const secret = text.slice(text.indexOf(token.id) + token.id.length);
  expect(secret.length).toBeGreaterThan(40);

  const later = [
    await server.graphql(
      '{ tokens(includeInactive: true) { nodes { id name account role images createdAt expiresAt lastUsedAt revokedAt } } auditEvents { nodes { actor action target targetText outcome requestId } } principal { subject } }',
      {},
      text,
    ),
    // The text in wrong places: as an argument, a name, a document, and as a login that is not quite it.
    await server.graphql('query ($id: ID!) { node(id: $id) { id } }', { id: text }),
    await server.graphql('mutation ($id: ID!) { revokeToken(id: $id) { errors { code message field } } }', {
      id: text,
    }),
    await server.graphql(`{ ${text} }`),
    await server.graphql('{ principal { subject } }', {}, `${text}x`),
    await server.graphql(
      'mutation ($id: ID!) { revokeToken(id: $id) { token { id } errors { code } } }',
      { id: token.id },
      text,
    ),
    await server.graphql('{ principal { subject } }', {}, text),
  ].map(({ text: answer, headers }) => answer + JSON.stringify([...headers]));
  expect(later.at(-1)).toContain('UNAUTHENTICATED');
  const metrics = await (await fetch(`${server.url}/metrics`)).text();
  const files = readdirSync(server.dataDirectory).map((name) =>
    readFileSync(join(server.dataDirectory, name), 'latin1'),
  );
  expect(files.join()).toContain(token.id);
  for (const place of [...later, metrics, server.output(), ...files]) expect(place.includes(secret)).toBe(false);
});
