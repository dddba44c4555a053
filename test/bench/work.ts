// The work that every compared server does for a request: the product's statements on a connection of its own, without GraphQL.

import { randomUUID } from 'node:crypto';
import Sqlite from 'better-sqlite3';
import { decodeCursor, encodeCursor } from '../../src/core/registries/list.ts';
import { coveringPatterns } from '../../src/core/registry/match.ts';
import { parseImageReference, parseRegistryPattern } from '../../src/core/registry/reference.ts';
import { secretBinding, type Registry } from '../../src/core/registry/registry.ts';
import { Secret } from '../../src/core/shared/secret.ts';
import { skippedReport, type ValidationReport } from '../../src/core/registry/report.ts';
import { pageSize } from './operations.ts';
import { databaseFile, openDataDir } from './seed.ts';
import {
  insertAuditEvent,
  insertRegistry,
  registriesByPatterns,
  registryByPattern,
  registryPage,
  registryRow,
  type RegistryRow,
} from './statements.ts';

const account = 'admin';

export interface CreateInput {
  readonly registry: string;
  readonly username: string;
  readonly password: string;
}

/** A registry as the API shows it. */
export interface ShownRegistry {
  readonly id: string;
  readonly registry: string;
  readonly host: string;
  readonly repository: string | null;
  readonly name: string;
  readonly type: string;
  readonly username: string;
  readonly secureConnection: boolean;
  readonly lastValidation: { readonly outcome: string; readonly valid: boolean; readonly checkedAt: Date };
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface Work {
  get(registry: string): ShownRegistry | null;
  page(after: string): {
    readonly edges: readonly { readonly cursor: string; readonly node: ShownRegistry }[];
    readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string | null };
  };
  /** With the fields that are asked for of an image's registry. */
  image(reference: string): {
    readonly reference: string;
    readonly registry: Pick<ShownRegistry, 'id' | 'registry' | 'username'> | null;
  };
  create(input: CreateInput): {
    readonly registry: Pick<Registry, 'id' | 'registry'>;
    readonly validation: { readonly outcome: string };
    readonly errors: readonly never[];
  };
  close(): void;
}

/** Opens the work on a data directory that the product has made. */
export async function openWork(dataDir: string): Promise<Work> {
  const { store, sealer } = await openDataDir(dataDir);
  await store.close();
  const reader = new Sqlite(databaseFile(dataDir), { readonly: true });
  const writer = new Sqlite(databaseFile(dataDir));
  for (const pragma of ['journal_mode = WAL', 'synchronous = FULL', 'foreign_keys = ON', 'secure_delete = ON'])
    writer.pragma(pragma);
  const byPattern = reader.prepare<[string, string], RegistryRow>(registryByPattern);
  const byPatterns = reader.prepare<[string, string], RegistryRow>(registriesByPatterns);
  const pageAfter = reader.prepare<[string, string, number], RegistryRow>(registryPage);
  const insert = writer.prepare(insertRegistry);
  const audit = writer.prepare(insertAuditEvent);
  const storeWithAudit = writer.transaction((registry: Registry, sealed: Uint8Array) => {
    insert.run(registryRow(registry, sealed));
    audit.run(auditRow(registry));
  });
  return {
    get(text) {
      const row = byPattern.get(account, parseRegistryPattern(text).registry);
      return row === undefined ? null : shown(row);
    },
    page(after) {
      const position = decodeCursor('REGISTRY', after, 'after');
      const rows = pageAfter.all(account, String(position?.value), pageSize + 1);
      const edges = rows
        .slice(0, pageSize)
        .map((row) => ({ cursor: encodeCursor('REGISTRY', { value: row.registry, id: row.id }), node: shown(row) }));
      return { edges, pageInfo: { hasNextPage: rows.length > pageSize, endCursor: edges.at(-1)?.cursor ?? null } };
    },
    image(reference) {
      const parsed = parseImageReference(reference);
      const texts = coveringPatterns(parsed);
      const rows = byPatterns.all(account, JSON.stringify(texts));
      const winner = texts
        .map((text) => rows.find(({ registry }) => registry === text))
        .find((row) => row !== undefined);
      return {
        reference: parsed.reference,
        registry: winner === undefined ? null : { id: winner.id, registry: winner.registry, username: winner.username },
      };
    },
    create(input) {
      const registry = newRegistry(input);
      storeWithAudit.immediate(registry, sealer.seal(new Secret(input.password), secretBinding(registry)));
      return { registry, validation: { outcome: 'SKIPPED' }, errors: [] };
    },
    close() {
      reader.close();
      writer.close();
    },
  };
}

function newRegistry(input: CreateInput): Registry {
  const now = new Date();
  return {
    ...parseRegistryPattern(input.registry),
    id: `reg_${randomUUID().replaceAll('-', '')}`,
    account,
    name: input.registry,
    type: 'DOCKER_V2',
    username: input.username,
    secureConnection: true,
    trustedRealm: null,
    probeRepository: null,
    lastValidation: skippedReport(now.getTime()),
    version: 1,
    secretVersion: 1,
    pendingSince: null,
    previousUsableUntil: null,
    createdAt: now,
    updatedAt: now,
  };
}

/** More events than one process writes, so that no two use the same number. */
const eventsPerProcess = 1_000_000_000;
let events = 0;

function auditRow({ id, registry, createdAt }: Registry): object {
  events += 1;
  return {
    seq: process.pid * eventsPerProcess + events,
    at: createdAt.getTime(),
    actor: 'token:compared',
    account,
    action: 'registry.create',
    target: id,
    target_text: registry,
    outcome: 'SKIPPED',
    request_id: randomUUID(),
  };
}

/** Everything is read at once: an accessor in an object literal keeps the request that made it in the heap until a full collection. */
function shown(row: RegistryRow): ShownRegistry {
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
    lastValidation: { outcome, valid: outcome === 'VALID', checkedAt: new Date(checkedAt) },
    createdAt: new Date(row.created_at),
    updatedAt: new Date(row.updated_at),
  };
}
