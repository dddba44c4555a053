// Declares the port that seals and opens passwords, and retries when another process has rotated the keys.

import type { SecretBinding } from '../registry/registry.ts';
import type { Sealed } from '../registry/store.ts';
import { Problem } from '../shared/problem.ts';
import type { Secret } from '../shared/secret.ts';

/** The keys in memory are no longer those of the database: refresh the sealer and retry once. If it persists, it is a problem like others. */
export class StaleKeys extends Problem {}

/** Encrypts passwords so that only this installation can open them, and only for the same binding. */
export interface Sealer {
  seal(secret: Secret, binding: SecretBinding): Sealed;
  /** Opens a sealed password. @throws Problem `SECRET_UNREADABLE` if bytes, binding, and key do not belong together; `StaleKeys` for an unknown key. */
  open(sealed: Sealed, binding: SecretBinding): Secret;
  /**
   * Reads the keys of the database again, because another process may have rotated them.
   * @throws Problem `STORAGE_UNAVAILABLE` if the keyring of this process does not open them.
   */
  refresh(): Promise<void>;
}

/** Returns the ID of the data key that sealed a password: bytes 1 to 4, big-endian. */
export function dataKeyIdOf(sealed: Sealed): number {
  return new DataView(sealed.buffer, sealed.byteOffset, sealed.byteLength).getUint32(1);
}

/**
 * Runs a function that seals or opens. If another process has rotated the keys in the meantime, reads them and runs it once more.
 * @throws The errors of `run`; Problem `STORAGE_UNAVAILABLE` if the new keys cannot be read.
 */
export async function retryWithFreshKeys<Result>(sealer: Sealer, run: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof StaleKeys)) throw error;
    await sealer.refresh();
    return run();
  }
}
