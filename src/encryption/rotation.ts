// Rotates keys while servers run: a new data key under every password, or a new root key under every data key.
//
// Every step leaves a database and a keyring that fit each other, so a process that is killed between two steps loses nothing:
// the keyring file gains a root key before anything is wrapped with it, and loses one after nothing is wrapped with it any more;
// a data key is in the database before anything is sealed with it, and leaves it after nothing is sealed with it any more.

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
  /** Who rotates, for the audit events. */
  readonly actor: string;
  readonly requestId: string;
}

export interface DataRotation {
  /** The key that seals now. */
  readonly activeId: number;
  /** Whether this ended a rotation that had been interrupted, instead of making another key. */
  readonly wasInterrupted: boolean;
  readonly resealed: number;
  /** Registries whose password does not open, so that its old key had to stay. Their passwords must be entered again. */
  readonly unreadable: readonly string[];
  /** As in `RootRotation`. */
  readonly leftInLog: boolean;
}

export interface RootRotation {
  /** The root key that wraps every data key now. */
  readonly rootKeyId: string;
  /** Keys that are still in the file, because it cannot be written here: a person has to remove their lines. */
  readonly leftInFile: readonly string[];
  /** Whether what the old key opens is still in the log of the database, because somebody read from it for long. */
  readonly leftInLog: boolean;
}

/** Passwords sealed anew in one transaction: about 10 ms of work, and writes of others wait for a part of that. */
const batchSize = 100;

/** Between two batches, so that a writer in another process that waits for SQLite's lock gets it. */
const batchPauseMs = 5;

/** Others may rotate at the same time; each try reads everything again. More in a row is no coincidence. */
const maxTries = 5;

/**
 * Seals every password with a new data key and forgets the old one. Reads and writes go on meanwhile, and a concurrent update wins.
 * After an interruption it goes on where that was, without another key; one that came when all was sealed and only the old key was left
 * looks like an old key that had to stay, and another key is made.
 * @throws KeyringError when the keyring is not that of the database; Problem `CONFLICT` when others rotate at the same time.
 */
export async function rotateDataKey(parts: RotationParts): Promise<DataRotation> {
  const interrupted = await resealAll(parts);
  const wasInterrupted = interrupted.resealed > 0;
  if (!wasInterrupted) await activateNewKey(parts);
  const done = wasInterrupted ? interrupted : await resealAll(parts);
  await forgetOldKeys(parts);
  return { ...done, wasInterrupted, leftInLog: !(await parts.keys.eraseReplaced()) };
}

/**
 * Wraps every data key with a new root key and takes the old ones out of the keyring file. When a person put a new key first in the file, that
 * one is used, and the file needs no right to be written.
 * @throws as `rotateDataKey`; KeyringError before anything is changed when a new key is needed and the file cannot be replaced.
 */
export async function rotateRootKey(parts: RotationParts): Promise<RootRotation> {
  const { keyringFile, keys } = parts;
  // Shows that this is the keyring of this database before anything is written.
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
    result: await forgetOldRootKeys(keyringFile, rows),
    keys: [],
  }));
  return { rootKeyId: keyring.sealing.id, leftInFile, leftInLog: !(await keys.eraseReplaced()) };
}

/**
 * Removes the files that killed rotations left beside the keyring, each with root keys in it. Nobody writes such a file while the data keys are held,
 * and what cannot be removed stays.
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

/** Runs `work` while the data keys are held: of several rotations one at a time touches the keyring file. */
async function whileHeld<Result>(
  keys: KeyRotationStore,
  work: (
    rows: readonly DataKeyRow[],
  ) => Promise<{ readonly result: Result; readonly keys: readonly DataKeyRow[]; readonly event?: AuditEvent }>,
): Promise<Result> {
  // Kept here, since the store would translate what it does not know.
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
  if (outcome.result === undefined) throw new Error('The store did not run what it was given.');
  return outcome.result.value;
}

/** The keyring, its first key being one that wraps nothing yet. It is in the file, lastingly, before anything is wrapped with it. */
async function keyringWithNewKey(keyringFile: string, rows: readonly DataKeyRow[]): Promise<Keyring> {
  const keyring = await loadKeyring(keyringFile, { createIfMissing: false });
  const isInUse = rows.some(({ rootKeyId }) => rootKeyId === keyring.sealing.id);
  return isInUse ? replaceKeyring(keyringFile, [createRootKey(), ...keyring.keys]) : keyring;
}

/** Takes the keys that wrap nothing out of the file. Gives those that are still in it because it cannot be written. */
async function forgetOldRootKeys(keyringFile: string, rows: readonly DataKeyRow[]): Promise<readonly string[]> {
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
  for (let tries = 0; tries < maxTries; tries += 1) {
    const { keyring, activeId, seed } = await openKeyring(keyringFile, async (ring) => ({
      ...(await readDataKeys(ring, keys)),
      keyring: ring,
    }));
    const rows = await keys.dataKeys();
    const active = rows.find(({ id }) => id === activeId);
    // Wrapped as the one before it, so that a rotation of the root key at the same time misses none.
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

/** Walks all registries once. From its start on nothing is written with an old key, so once is enough. */
async function resealAll({
  keyringFile,
  keys,
}: RotationParts): Promise<Pick<DataRotation, 'activeId' | 'resealed' | 'unreadable'>> {
  const dataKeys = await openKeyring(keyringFile, (keyring) => readDataKeys(keyring, keys));
  const { activeId } = dataKeys;
  const unreadable: string[] = [];
  let resealed = 0;
  for await (const batch of sealedPages(keys, batchSize)) {
    const old = batch.flatMap(passwordsOf).filter(({ sealed }) => dataKeyIdOf(sealed) !== activeId);
    const anew = old.map((password) => resealedOf(dataKeys, password));
    unreadable.push(...old.filter((_, index) => anew[index] === undefined).map(({ registry }) => registry.id));
    const changed = anew.filter((row) => row !== undefined);
    if (changed.length > 0) await keys.reseal(changed);
    resealed += changed.length;
    // The write lock is for others too.
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

async function forgetOldKeys(parts: RotationParts): Promise<void> {
  for (const row of await parts.keys.dataKeys()) {
    if (row.state === 'RETIRED')
      await parts.keys.deleteRetired(row.id, eventOf(parts, 'keys.rotate_data', dataKeyTarget(row), 'DONE'));
  }
}

function rotatedByOthers(): Problem {
  return new Problem(
    'CONFLICT',
    'Somebody else rotates the keys of this installation at the same time; try again when that has ended.',
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
