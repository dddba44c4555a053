// The keys of a data directory: what they are, and their rotation, whether or not a server runs on it.

import { randomUUID } from 'node:crypto';
import type { Config } from '../config.ts';
import { Problem } from '../../core/shared/problem.ts';
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

/** The keys as they stand. @throws KeyringError when the keyring is not that of the database; Problem `NOT_FOUND` before the first start. */
export function keyStatus(config: Config): Promise<KeyStatus> {
  return withKeys(config, readKeyStatus);
}

/** @throws as `rotateDataKey` and `keyStatus`. */
export function rotateDataKeyOf(config: Config): Promise<DataRotation> {
  return withKeys(config, rotateDataKey);
}

/** @throws as `rotateRootKey` and `keyStatus`. */
export function rotateRootKeyOf(config: Config): Promise<RootRotation> {
  return withKeys(config, rotateRootKey);
}

async function withKeys<Result>(config: Config, run: (parts: RotationParts) => Promise<Result>): Promise<Result> {
  return await onData(
    config,
    ({ keys }) =>
      run({ keyringFile: config.keyringFile, keys, now: () => new Date(), actor: 'cli', requestId: randomUUID() }),
    refuseWithoutKeys,
  );
}

async function refuseWithoutKeys({ keys }: Store): Promise<void> {
  if (await holdsNothingSealed(keys))
    throw new Problem('NOT_FOUND', 'There are no keys yet: the first start of the server makes them.');
}
