// Reads the status of the keys of a data directory and rotates them; a server may be running on it.

import { randomUUID } from 'node:crypto';
import type { Config } from '../config.ts';
import { Problem } from '../../core/shared/problem.ts';
import { noProgress, type Progress } from '../../core/shared/progress.ts';
import { readKeyStatus, type KeyStatus } from '../../encryption/key-status.ts';
import {
  rotateDataKey,
  rotateRootKey,
  type DataRotation,
  type RootRotation,
  type RotationParts,
} from '../../encryption/rotation.ts';
import { holdsNothingSealed } from '../../encryption/sealer.ts';
import type { Store } from '../../database/store.ts';
import { onData } from '../wiring/store.ts';

/** Returns the status of the keys. @throws KeyringError if the keyring does not belong to the database; Problem `NOT_FOUND` before the first start. */
export function keyStatus(config: Config): Promise<KeyStatus> {
  return withKeys(config, readKeyStatus);
}

/** Re-encrypts all passwords with a new data key. @throws like `rotateDataKey` and `keyStatus`. */
export function rotateDataKeyOf(config: Config, progress: Progress = noProgress): Promise<DataRotation> {
  return withKeys(config, (parts) => rotateDataKey({ ...parts, progress }));
}

/** Rewraps all data keys with a new root key. @throws like `rotateRootKey` and `keyStatus`. */
export function rotateRootKeyOf(config: Config): Promise<RootRotation> {
  return withKeys(config, rotateRootKey);
}

async function withKeys<Result>(config: Config, run: (parts: RotationParts) => Promise<Result>): Promise<Result> {
  return await onData(
    config,
    ({ keys }) =>
      run({ keyringFile: config.keyringFile, keys, now: () => new Date(), actor: 'cli', requestId: randomUUID() }),
    requireKeys,
  );
}

async function requireKeys({ keys }: Store): Promise<void> {
  if (await holdsNothingSealed(keys))
    throw new Problem('NOT_FOUND', 'There are no keys yet. The first start of the server creates them.');
}
