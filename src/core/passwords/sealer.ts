// Sealed passwords and the keys behind them: which data key sealed one, and what to do when a rotation replaced that key meanwhile.

import type { SecretBinding } from '../registry/registry.ts';
import type { Sealed } from '../registry/store.ts';
import { Problem } from '../shared/problem.ts';
import type { Secret } from '../shared/secret.ts';

/** The keys in the memory of this process are not those of the database any more: refresh the sealer and repeat, then it is a problem like others. */
export class StaleKeys extends Problem {}

/** The data key that a password was sealed with: bytes 1 to 4 of what the sealer gave. */
export function dataKeyIdOf(sealed: Sealed): number {
  return new DataView(sealed.buffer, sealed.byteOffset, sealed.byteLength).getUint32(1);
}

/**
 * Runs what seals or opens, and once more with the keys of the database when another process rotated them meanwhile.
 * @throws what `run` throws; Problem `STORAGE_UNAVAILABLE` when the new keys cannot be had.
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

/** Turns passwords into bytes that only this installation, for this destination, can open. */
export interface Sealer {
  seal(secret: Secret, binding: SecretBinding): Sealed;
  /** @throws Problem `SECRET_UNREADABLE` when the bytes, the binding or the key do not belong together; it is a `StaleKeys` for a key not known here. */
  open(sealed: Sealed, binding: SecretBinding): Secret;
  /**
   * Reads the keys of the database again, since another process may have rotated them.
   * @throws Problem `STORAGE_UNAVAILABLE` when they do not open with the keyring of this process.
   */
  refresh(): Promise<void>;
}
