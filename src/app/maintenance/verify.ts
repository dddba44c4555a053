// Verifies the stored data: the database file, its tables, the keyring, every password, and the audit trail.

import type { AuditMac } from '../../core/audit/chain.ts';
import type { ArchiveSource } from '../../core/audit/archive-verification.ts';
import { type AuditAnchor, type AuditVerdict, describeVerdict } from '../../core/audit/verdict.ts';
import { verifyAudit } from '../../core/audit/verification.ts';
import { retryWithFreshKeys, type Sealer } from '../../core/passwords/sealer.ts';
import { secretBinding, secretSlots } from '../../core/registry/registry.ts';
import { Problem } from '../../core/shared/problem.ts';
import { noProgress, type Progress } from '../../core/shared/progress.ts';
import { StoreError } from '../../database/errors.ts';
import type { Snapshot } from '../../database/snapshot.ts';
import { findAuditMac } from '../../encryption/audit-key.ts';
import { KeyringError, openKeyring } from '../../encryption/keyring.ts';
import { createSealer, holdsNothingSealed } from '../../encryption/sealer.ts';
import type { Config } from '../config.ts';
import { openArchive } from './archive-file.ts';
import { requireCurrentTables, withPages } from './snapshot.ts';

/** The result of one check of the stored data. */
export interface Check {
  readonly name: 'database' | 'schema' | 'keys' | 'passwords' | 'audit';
  readonly state: 'PASSED' | 'FAILED' | 'SKIPPED';
  /** The finding, as a sentence. */
  readonly message: string;
}

/** Maximum number of undecryptable passwords that are named; more usually have one cause. */
const maxNamed = 10;

const noTrail = 'There is no chain of audit events yet. The next start of the server creates it.';

/**
 * Verifies a database, page by page. Writes nothing; a server may be running on it.
 * @param url the database, such as the path of a backup. Defaults to the one of the settings.
 * @param progress shows how far it is.
 * @throws StoreError if it cannot be opened.
 */
export async function verify(
  { databaseUrl, keyringFile }: Config,
  url: string = databaseUrl,
  progress: Progress = noProgress,
): Promise<Check[]> {
  return await withPages(url, (snapshot) => verifySnapshot(shownBy(progress, snapshot), keyringFile, progress));
}

/** What the audit trail is compared with. */
export interface TrailRequest {
  /** An event noted earlier, which must still exist. */
  readonly anchor?: AuditAnchor | undefined;
  /** The paths of the archives to verify too, from the oldest to the newest. */
  readonly archives: readonly string[];
}

/**
 * Verifies the whole audit trail, page by page: the archives, then the database. Writes nothing; a server may be running on it.
 * @throws StoreError if it cannot be opened, `NOT_FOUND` if no trail exists yet; KeyringError if the keyring does not belong to the database.
 */
export async function verifyAuditTrail(
  { databaseUrl, keyringFile }: Config,
  { anchor, archives }: TrailRequest,
  progress: Progress = noProgress,
): Promise<AuditVerdict> {
  return await withPages(databaseUrl, async (pages) => {
    const snapshot = shownBy(progress, pages);
    await requireCurrentTables(snapshot);
    const { keys } = snapshot;
    const mac = (await holdsNothingSealed(keys))
      ? undefined
      : await openKeyring(keyringFile, (keyring) => findAuditMac({ keyring, keys }));
    const verdict = await verifyTrail(snapshot, mac, { anchor, archives: archives.map(openArchive) });
    if (verdict === undefined) throw new Problem('NOT_FOUND', noTrail);
    return verdict;
  });
}

/** Shows how many events were read. */
function shownBy(progress: Progress, snapshot: Snapshot): Snapshot {
  const { audit } = snapshot;
  const eventsAfter: typeof audit.eventsAfter = (seq, limit) => {
    progress('Verifying audit events', seq);
    return audit.eventsAfter(seq, limit);
  };
  return { ...snapshot, audit: { ...audit, eventsAfter } };
}

async function verifySnapshot(snapshot: Snapshot, keyringFile: string, progress: Progress): Promise<Check[]> {
  progress('Verifying the file');
  const database = await verifyDatabase(snapshot);
  const schema = await verifySchema(snapshot);
  if (schema.state !== 'PASSED') return [database, schema];
  if (await holdsNothingSealed(snapshot.keys))
    return [database, schema, { name: 'keys', state: 'SKIPPED', message: 'Nothing is encrypted yet.' }];
  const opened = await openKeys(snapshot, keyringFile);
  if (!('sealer' in opened)) return [database, schema, opened.check];
  return [
    database,
    schema,
    opened.check,
    await verifyPasswords(snapshot, opened.sealer, progress),
    await checkTrail(snapshot, opened.auditMac),
  ];
}

async function verifyDatabase(snapshot: Snapshot): Promise<Check> {
  const violations = await snapshot.findViolations();
  if (violations === null)
    return {
      name: 'database',
      state: 'SKIPPED',
      message: 'Not applicable to PostgreSQL; verify its files with pg_amcheck.',
    };
  if (violations.length > 0) return { name: 'database', state: 'FAILED', message: violations.join('; ') };
  return { name: 'database', state: 'PASSED', message: 'The pages, indexes, and references of the file are intact.' };
}

async function verifySchema(snapshot: Snapshot): Promise<Check> {
  try {
    const missing = await snapshot.missingMigrations();
    if (missing === 0) return { name: 'schema', state: 'PASSED', message: 'The tables are of this version.' };
    return {
      name: 'schema',
      state: 'FAILED',
      message: `The tables are of an earlier version (${missing} migrations are missing). Start the server, which migrates them, then verify again.`,
    };
  } catch (error) {
    if (error instanceof StoreError) return { name: 'schema', state: 'FAILED', message: error.message };
    throw error;
  }
}

interface OpenedKeys {
  readonly check: Check;
  readonly sealer: Sealer;
  /** Undefined if the database has no audit chain yet. */
  readonly auditMac: AuditMac | undefined;
}

/** Opens the keys. Creating the sealer verifies, by the canary, that they are the keys of the database. */
async function openKeys({ keys }: Snapshot, keyringFile: string): Promise<OpenedKeys | { check: Check }> {
  try {
    // A rotation may end between the reads.
    const opened = await openKeyring(keyringFile, async (keyring) => ({
      sealer: await createSealer({ keyring, keys }),
      auditMac: await findAuditMac({ keyring, keys }),
    }));
    return {
      ...opened,
      check: {
        name: 'keys',
        state: 'PASSED',
        message: `The keyring ${keyringFile} decrypts the keys of the database.`,
      },
    };
  } catch (error) {
    if (error instanceof KeyringError) return { check: { name: 'keys', state: 'FAILED', message: error.message } };
    throw error;
  }
}

async function checkTrail(snapshot: Snapshot, mac: AuditMac | undefined): Promise<Check> {
  const verdict = await verifyTrail(snapshot, mac);
  if (verdict === undefined) return { name: 'audit', state: 'SKIPPED', message: noTrail };
  return { name: 'audit', state: verdict.intact ? 'PASSED' : 'FAILED', message: describeVerdict(verdict) };
}

/**
 * Verifies the audit chain. Returns undefined if none exists yet. Without a key, an existing chain (a head, a chained
 * event, an archive, or the anchor) is reported as KEY_REMOVED, because every chain had a key.
 */
async function verifyTrail(
  { audit }: Snapshot,
  mac: AuditMac | undefined,
  {
    anchor,
    archives = [],
  }: { readonly anchor?: AuditAnchor | undefined; readonly archives?: readonly ArchiveSource[] } = {},
): Promise<AuditVerdict | undefined> {
  if (mac !== undefined) return await verifyAudit({ trail: audit, mac, anchor, archives });
  const [first] = await audit.eventsAfter(0, 1);
  const isExpected = anchor !== undefined || archives.length > 0 || (await audit.archive()) !== undefined;
  const isNew = !isExpected && (await audit.head()) === undefined && (first?.hash ?? null) === null;
  return isNew ? undefined : { intact: false, checked: 0, seq: 1, damage: 'KEY_REMOVED' };
}

async function verifyPasswords(snapshot: Snapshot, sealer: Sealer, progress: Progress): Promise<Check> {
  let count = 0;
  const unreadable: string[] = [];
  for await (const { registry, sealed } of snapshot.registries()) {
    count += 1;
    progress('Decrypting registries', count);
    const openAll = (): void => {
      for (const slot of secretSlots)
        if (sealed[slot] !== null) sealer.open(sealed[slot], secretBinding(registry, slot));
    };
    // A rotation may have sealed this page with keys that are newer than ours.
    if (!(await opens(() => retryWithFreshKeys(sealer, openAll))))
      unreadable.push(`${registry.registry} (account ${registry.account})`);
  }
  if (unreadable.length === 0) return { name: 'passwords', state: 'PASSED', message: `All ${count} can be decrypted.` };
  const more = unreadable.length > maxNamed ? ` and ${unreadable.length - maxNamed} more` : '';
  return {
    name: 'passwords',
    state: 'FAILED',
    message: `${unreadable.length} of ${count} cannot be decrypted: ${unreadable.slice(0, maxNamed).join(', ')}${more}. Update these registries with their passwords.`,
  };
}

async function opens(open: () => Promise<void>): Promise<boolean> {
  try {
    await open();
    return true;
  } catch (error) {
    if (error instanceof Problem) return false;
    throw error;
  }
}
