// Rotates keys while servers run: a new data key under every password, or a new root key under every data key.
//
// After every step the database and the keyring fit each other, so a process that is killed between two steps loses nothing:
// a root key is added to the keyring file before anything is wrapped with it, and removed once nothing is wrapped with it;
// a data key is stored in the database before anything is sealed with it, and deleted once nothing is sealed with it.

import { rm } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import type { AuditEvent } from '../core/audit/event.ts';
import { adminAccount } from '../core/authz/principal.ts';
import {
  type DataKeyRow,
  type KeyRotationStore,
  type Resealed,
  sealedPages,
  type SealedRegistry,
} from '../core/passwords/key-store.ts';
import { dataKeyIdOf } from '../core/passwords/sealer.ts';
import { type Registry, secretBinding, type SecretSlot, secretSlots } from '../core/registry/registry.ts';
import type { Sealed } from '../core/registry/store.ts';
import { Problem } from '../core/shared/problem.ts';
import { noProgress, type Progress } from '../core/shared/progress.ts';
import { createSealingKey, type DataKeys, readDataKeys, rewrapDataKey } from './data-keys.ts';
import { temporariesOf } from './keyring-file.ts';
import {
  createRootKey,
  type Keyring,
  KeyringError,
  loadKeyring,
  replaceKeyring,
  type RootKey,
  openKeyring,
} from './keyring.ts';
import { openPassword, sealPassword } from './sealer.ts';

export interface RotationParts {
  readonly keyringFile: string;
  readonly keys: KeyRotationStore;
  readonly now: () => Date;
  /** The actor of the audit events. */
  readonly actor: string;
  readonly requestId: string;
  /** Shows how many passwords are resealed. */
  readonly progress?: Progress | undefined;
}

export interface DataRotation {
  /** The key that seals now. */
  readonly activeId: number;
  /** Whether this completed an interrupted rotation instead of creating another key. */
  readonly wasInterrupted: boolean;
  readonly resealed: number;
  /** The ids of registries whose password does not open, so that its old key was kept. Their passwords must be entered again. */
  readonly unreadable: readonly string[];
  /** As in `RootRotation`. */
  readonly leftInLog: boolean;
}

export interface RootRotation {
  /** The root key that wraps every data key now. */
  readonly rootKeyId: string;
  /** The ids of keys that are still in the file, because it cannot be written: the operator must remove their lines. */
  readonly leftInFile: readonly string[];
  /** Whether the database's log still contains what the old key opens, because a reader kept the log in use. */
  readonly leftInLog: boolean;
}

/** Passwords resealed in one transaction: about 10 ms of work, part of which concurrent writes wait for. */
const batchSize = 100;

/** Milliseconds between two batches, so that a writer in another process that waits for SQLite's lock gets it. */
const batchPauseMs = 5;

/** Another process may rotate at the same time; each attempt reads everything again. More conflicts in a row are no coincidence. */
const maxAttempts = 5;

/**
 * Reseals every password with a new data key and deletes the old one. Reads and writes continue concurrently, and a concurrent update wins.
 * After an interruption it continues without creating another key. If it was interrupted when only the old key was left to delete,
 * that key looks like one that had to be kept, and another key is created.
 * @throws KeyringError if the keyring is not that of the database; Problem `CONFLICT` if another process rotates at the same time.
 */
export async function rotateDataKey(parts: RotationParts): Promise<DataRotation> {
  const interrupted = await resealAll(parts);
  const wasInterrupted = interrupted.resealed > 0;
  if (!wasInterrupted) await activateNewKey(parts);
  const done = wasInterrupted ? interrupted : await resealAll(parts);
  await deleteOldKeys(parts);
  return { ...done, wasInterrupted, leftInLog: !(await parts.keys.eraseReplaced()) };
}

/**
 * Wraps every data key with a new root key and removes the old ones from the keyring file. If the operator inserted a new key as its first
 * line, that key is used, and the file need not be writable.
 * @throws as `rotateDataKey`; KeyringError, before anything is changed, if a new key is needed and the file cannot be replaced.
 */
export async function rotateRootKey(parts: RotationParts): Promise<RootRotation> {
  const { keyringFile, keys } = parts;
  // Verifies that this is the keyring of this database before anything is written.
  await openKeyring(keyringFile, (keyring) => readDataKeys(keyring, keys));
  const keyring = await whileHeld(keys, async (rows) => {
    const ring = await keyringWithNewKey(keyringFile, rows);
    const { id } = ring.sealing;
    return {
      result: ring,
      keys: rows.map((row) => rewrapDataKey(ring, row)),
      event: eventOf(parts, 'keys.rotate_root', { id, text: `root key ${id}` }, 'DONE'),
    };
  });
  const leftInFile = await whileHeld(keys, async (rows) => ({
    result: await removeOldRootKeys(keyringFile, rows),
    keys: [],
  }));
  return { rootKeyId: keyring.sealing.id, leftInFile, leftInLog: !(await keys.eraseReplaced()) };
}

/**
 * Removes the files that killed rotations left next to the keyring, each of which contains root keys. No process writes such a file while the
 * data keys are locked. A file that cannot be removed stays.
 */
export async function removeTemporaryFiles({
  keyringFile,
  keys,
}: Pick<RotationParts, 'keyringFile' | 'keys'>): Promise<void> {
  const files = await temporariesOf(keyringFile);
  if (files.length === 0) return;
  await keys.rewrap(async () => {
    await Promise.allSettled(files.map((file) => rm(file, { force: true })));
    return { keys: [] };
  });
}

/** Runs `work` while the data keys are locked, so that only one rotation at a time changes the keyring file. */
async function whileHeld<Result>(
  keys: KeyRotationStore,
  work: (
    rows: readonly DataKeyRow[],
  ) => Promise<{ readonly result: Result; readonly keys: readonly DataKeyRow[]; readonly event?: AuditEvent }>,
): Promise<Result> {
  // Kept here, because the store translates errors that it does not know.
  const outcome: { result?: { readonly value: Result }; fault?: unknown } = {};
  try {
    await keys.rewrap(async (rows) => {
      try {
        const { result, ...changes } = await work(rows);
        outcome.result = { value: result };
        return changes;
      } catch (fault) {
        outcome.fault = fault;
        throw fault;
      }
    });
  } catch (error) {
    throw outcome.fault ?? error;
  }
  if (outcome.result === undefined) throw new Error('The store did not run the rotation.');
  return outcome.result.value;
}

/** Returns the keyring with a first key that wraps nothing yet. That key is durably in the file before anything is wrapped with it. */
async function keyringWithNewKey(keyringFile: string, rows: readonly DataKeyRow[]): Promise<Keyring> {
  const keyring = await loadKeyring(keyringFile, { createIfMissing: false });
  const isInUse = rows.some(({ rootKeyId }) => rootKeyId === keyring.sealing.id);
  return isInUse ? replaceKeyring(keyringFile, [createRootKey(), ...keyring.keys]) : keyring;
}

/** Removes the keys that wrap nothing from the file. Returns the ids of those that stay because it cannot be written. */
async function removeOldRootKeys(keyringFile: string, rows: readonly DataKeyRow[]): Promise<readonly string[]> {
  const { keys } = await loadKeyring(keyringFile, { createIfMissing: false });
  const isInUse = ({ id }: RootKey) => rows.some(({ rootKeyId }) => rootKeyId === id);
  const old = keys.filter((key) => !isInUse(key)).map(({ id }) => id);
  if (old.length === 0) return [];
  try {
    await replaceKeyring(keyringFile, keys.filter(isInUse));
    return [];
  } catch (error) {
    if (!(error instanceof KeyringError)) throw error;
    return old;
  }
}

async function activateNewKey(parts: RotationParts): Promise<void> {
  const { keyringFile, keys } = parts;
  for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
    const { keyring, activeId, seed } = await openKeyring(keyringFile, async (ring) => ({
      ...(await readDataKeys(ring, keys)),
      keyring: ring,
    }));
    const rows = await keys.dataKeys();
    const active = rows.find(({ id }) => id === activeId);
    // Wrapped with the root key of the previous one, so that a concurrent rotation of the root key misses none.
    const rootKey = keyring.keys.find(({ id }) => id === active?.rootKeyId);
    if (active === undefined || rootKey === undefined) continue;
    const { row, canary } = createSealingKey(
      { ...keyring, sealing: rootKey },
      Math.max(...rows.map(({ id }) => id)) + 1,
      seed,
    );
    if (await keys.activate(row, active, canary, eventOf(parts, 'keys.rotate_data', dataKeyTarget(row), 'STARTED')))
      return;
  }
  throw rotatedByOthers();
}

/** Reseals the passwords of all registries in one pass. Nothing is written with an old key after its start, so one pass is enough. */
async function resealAll({
  keyringFile,
  keys,
  progress = noProgress,
}: RotationParts): Promise<Pick<DataRotation, 'activeId' | 'resealed' | 'unreadable'>> {
  const dataKeys = await openKeyring(keyringFile, (keyring) => readDataKeys(keyring, keys));
  const { activeId } = dataKeys;
  const unreadable: string[] = [];
  let [resealed, read] = [0, 0];
  for await (const batch of sealedPages(keys, batchSize)) {
    progress('Encrypting registries again', (read += batch.length));
    const old = batch.flatMap(passwordsOf).filter(({ sealed }) => dataKeyIdOf(sealed) !== activeId);
    const results = old.map((password) => resealedOf(dataKeys, password));
    unreadable.push(...old.filter((_, index) => results[index] === undefined).map(({ registry }) => registry.id));
    const changed = results.filter((row) => row !== undefined);
    if (changed.length > 0) await keys.reseal(changed);
    resealed += changed.length;
    // Lets other writers take the lock.
    if (changed.length > 0) await setTimeout(batchPauseMs);
  }
  return { activeId, resealed, unreadable };
}

interface StoredPassword {
  readonly registry: Registry;
  readonly slot: SecretSlot;
  readonly sealed: Sealed;
}

function passwordsOf({ registry, sealed }: SealedRegistry): StoredPassword[] {
  return secretSlots.flatMap((slot) => {
    const stored = sealed[slot];
    return stored === null ? [] : [{ registry, slot, sealed: stored }];
  });
}

function resealedOf(dataKeys: DataKeys, { registry, slot, sealed }: StoredPassword): Resealed | undefined {
  const binding = secretBinding(registry, slot);
  try {
    return {
      id: registry.id,
      slot,
      from: sealed,
      to: sealPassword(dataKeys, openPassword(dataKeys, sealed, binding), binding),
    };
  } catch (error) {
    if (error instanceof Problem && error.code === 'SECRET_UNREADABLE') return undefined;
    throw error;
  }
}

async function deleteOldKeys(parts: RotationParts): Promise<void> {
  for (const row of await parts.keys.dataKeys()) {
    if (row.state === 'RETIRED')
      await parts.keys.deleteRetired(row.id, eventOf(parts, 'keys.rotate_data', dataKeyTarget(row), 'DONE'));
  }
}

function rotatedByOthers(): Problem {
  return new Problem(
    'CONFLICT',
    'Another process is rotating the keys of this installation. Try again when it has finished.',
  );
}

function dataKeyTarget({ id }: DataKeyRow): { readonly id: string; readonly text: string } {
  return { id: String(id), text: `data key ${id}` };
}

function eventOf(
  { now, actor, requestId }: RotationParts,
  action: AuditEvent['action'],
  target: { readonly id: string; readonly text: string },
  outcome: string,
): AuditEvent {
  return {
    at: now(),
    actor,
    account: adminAccount,
    action,
    target: target.id,
    targetText: target.text,
    outcome,
    requestId,
  };
}
