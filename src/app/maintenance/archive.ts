// Archives old audit events of the data directory; a server may be running on it.

import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { archiveEvents, type Archiving, type ArchivingPorts, planArchiving } from '../../core/audit/archiving.ts';
import type { KeyStore } from '../../core/passwords/key-store.ts';
import { Problem } from '../../core/shared/problem.ts';
import { noProgress, type Progress } from '../../core/shared/progress.ts';
import { findAuditMac } from '../../encryption/audit-key.ts';
import { openKeyring } from '../../encryption/keyring.ts';
import { holdsNothingSealed } from '../../encryption/sealer.ts';
import type { Config } from '../config.ts';
import { now, onData } from '../wiring/store.ts';
import { archiveFile } from './archive-file.ts';
import { requireCurrentTables, withPages } from './snapshot.ts';

/** Which events to archive, and where to. */
export interface ArchiveRequest {
  /** Milliseconds: the age of the youngest event to archive. */
  readonly olderThanMs: number;
  readonly file: string;
  /** Whether to change nothing and only return what would be archived. */
  readonly dryRun: boolean;
}

/** The result of a command. */
export interface ArchiveResult extends Archiving {
  /** The absolute path of the archive. */
  readonly file: string;
  readonly dryRun: boolean;
}

/** Milliseconds between two deletions, so that a writer in another process that waits for SQLite's lock gets it. */
const pauseMs = 5;

/** Archives the events that are older than an age, and deletes them. @throws as `archiveEvents`; Problem `NOT_FOUND` before the first start. */
export async function archiveAudit(
  config: Config,
  { olderThanMs, file, dryRun }: ArchiveRequest,
  progress: Progress = noProgress,
): Promise<ArchiveResult> {
  const path = resolve(file);
  const before = new Date(now().getTime() - olderThanMs);
  const run = dryRun ? dryRunOf : archiveEvents;
  const archiving = await withPorts(config, dryRun, path, progress, (ports) => run(ports, before));
  return { ...archiving, file: path, dryRun };
}

async function dryRunOf(ports: ArchivingPorts, before: Date): Promise<Archiving> {
  const { record, old, existing } = await planArchiving(ports, before);
  const continued = existing !== undefined;
  const lastSeq = existing?.last.seq ?? old?.last.seq ?? record?.last.seq ?? 0;
  const lastAt = continued ? null : (old?.last.at ?? null);
  return { events: existing?.events ?? old?.count ?? 0, lastSeq, lastAt, digest: null, continued, leftovers: 0 };
}

type Stores = { readonly keys: KeyStore; readonly audit: ArchivingPorts['trail'] } & {
  readonly auditArchives: ArchivingPorts['archives'];
};

async function withPorts<Result>(
  config: Config,
  readsOnly: boolean,
  path: string,
  progress: Progress,
  run: (ports: ArchivingPorts) => Promise<Result>,
): Promise<Result> {
  const runOn = async ({ keys, audit, auditArchives }: Stores): Promise<Result> => {
    await requireTrail({ keys });
    const mac = await openKeyring(config.keyringFile, (keyring) => findAuditMac({ keyring, keys }));
    if (mac === undefined) throw noTrail();
    return await run({
      trail: audit,
      archives: auditArchives,
      mac,
      file: archiveFile(path),
      now,
      actor: 'cli',
      requestId: randomUUID(),
      pause: () => pause(pauseMs),
      progress,
    });
  };
  if (!readsOnly) return await onData(config, runOn, requireTrail);
  return await withPages(config.databaseUrl, async (pages) => {
    await requireCurrentTables(pages);
    return await runOn(pages);
  });
}

async function requireTrail({ keys }: Pick<Stores, 'keys'>): Promise<void> {
  if (await holdsNothingSealed(keys)) throw noTrail();
}

function noTrail(): Problem {
  return new Problem('NOT_FOUND', 'There is no audit trail yet. The first start of the server creates it.');
}
