// The limit to compare with: node:http and the same prepared statements, and nothing else. No login, no GraphQL, no log.

import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import Sqlite from 'better-sqlite3';
import { decodeCursor, encodeCursor } from '../../src/core/cursor.ts';
import { coveringTexts } from '../../src/core/match.ts';
import { parseImageReference, parseRegistryText } from '../../src/core/reference.ts';
import { secretBinding, type Registry } from '../../src/core/registry.ts';
import { Secret } from '../../src/core/secret.ts';
import { skippedReport, type ValidationReport } from '../../src/core/validation.ts';
import { pageSize } from './operations.ts';
import { databaseFile, openDataDir } from './seed.ts';
import { insertAuditEvent, insertRegistry, registriesByTexts, registryByText, registryPage, registryRow, type RegistryRow } from './statements.ts';

const account = 'admin';
const dataDir = process.env['REGWAY_DATA_DIR'] ?? '';
const { store, sealer } = await openDataDir(dataDir);
await store.close();

const reader = new Sqlite(databaseFile(dataDir), { readonly: true });
const writer = new Sqlite(databaseFile(dataDir));
for (const pragma of ['journal_mode = WAL', 'synchronous = FULL', 'foreign_keys = ON', 'secure_delete = ON']) writer.pragma(pragma);

const byText = reader.prepare<[string, string], RegistryRow>(registryByText);
const byTexts = reader.prepare<[string, string], RegistryRow>(registriesByTexts);
const pageAfter = reader.prepare<[string, string, number], RegistryRow>(registryPage);
const insert = writer.prepare(insertRegistry);
const audit = writer.prepare(insertAuditEvent);

interface Variables {
  readonly registry: string;
  readonly after: string;
  readonly reference: string;
  readonly input: { readonly registry: string; readonly username: string; readonly password: string };
}

/** By the name of the operation in the request. */
const answers: Readonly<Record<string, (variables: Variables) => object>> = { Get: get, Page: page, Create: create, Image: image };

function get({ registry }: Variables): object {
  const row = byText.get(account, parseRegistryText(registry).registry);
  return { registry: row === undefined ? null : shown(row) };
}

function page({ after }: Variables): object {
  const position = decodeCursor('REGISTRY', after, 'after');
  const rows = pageAfter.all(account, String(position?.value), pageSize + 1);
  const edges = rows.slice(0, pageSize).map((row) => ({ cursor: encodeCursor('REGISTRY', { value: row.registry, id: row.id }), node: shown(row) }));
  return { registries: { edges, pageInfo: { hasNextPage: rows.length > pageSize, endCursor: edges.at(-1)?.cursor ?? null } } };
}

function image({ reference }: Variables): object {
  const parsed = parseImageReference(reference);
  const texts = coveringTexts(parsed);
  const rows = byTexts.all(account, JSON.stringify(texts));
  const winner = texts.map((text) => rows.find(({ registry }) => registry === text)).find((row) => row !== undefined);
  return { image: { reference: parsed.reference, registry: winner === undefined ? null : { id: winner.id, registry: winner.registry, username: winner.username } } };
}

const storeWithAudit = writer.transaction((registry: Registry, sealed: Uint8Array) => {
  insert.run(registryRow(registry, sealed));
  audit.run({
    at: registry.createdAt.getTime(),
    actor: 'token:bare',
    account,
    action: 'registry.create',
    target: registry.id,
    target_text: registry.registry,
    outcome: 'SKIPPED',
    request_id: randomUUID(),
  });
});

function create({ input }: Variables): object {
  const now = new Date();
  const lastValidation = skippedReport(now.getTime());
  const registry: Registry = {
    ...parseRegistryText(input.registry),
    id: `reg_${randomUUID().replaceAll('-', '')}`,
    account,
    name: input.registry,
    type: 'DOCKER_V2',
    username: input.username,
    secureConnection: true,
    trustedRealm: null,
    probeRepository: null,
    lastValidation,
    version: 1,
    secretVersion: 1,
    createdAt: now,
    updatedAt: now,
  };
  storeWithAudit.immediate(registry, sealer.seal(new Secret(input.password), secretBinding(registry)));
  return { createRegistry: { registry: { id: registry.id, registry: registry.registry }, validation: { outcome: lastValidation.outcome }, errors: [] } };
}

/** The fields that the documents in operations.ts select. */
function shown(row: RegistryRow): object {
  const { outcome, checkedAt } = JSON.parse(row.last_validation ?? '{}') as ValidationReport;
  return {
    id: row.id,
    registry: row.registry,
    host: row.host,
    repository: row.repository,
    name: row.name,
    type: row.type,
    username: row.username,
    secureConnection: row.secure_connection === 1,
    lastValidation: { outcome, valid: outcome === 'VALID', checkedAt: new Date(checkedAt).toISOString() },
    createdAt: new Date(row.created_at).toISOString(),
    updatedAt: new Date(row.updated_at).toISOString(),
  };
}

/** By events: iterating over the request costs more than the statement. */
function readText(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    request.once('end', () => resolve(text)).once('error', reject);
  });
}

const server = createServer((request, response) => void answer(request, response));
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}\n`);
});
process.once('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
  reader.close();
  writer.close();
});

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    const { operationName, variables } = JSON.parse(await readText(request)) as { operationName: string; variables: Variables };
    const body = JSON.stringify({ data: answers[operationName]?.(variables) });
    response.writeHead(200, { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': Buffer.byteLength(body) }).end(body);
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
}
