// Sealed passwords and the keys behind them: which data key sealed one, and what to do when a rotation replaced that key meanwhile.

import type { Sealed, Sealer } from '../ports.ts';
import { Problem } from '../shared/problem.ts';

/** The keys in the memory of this process are not those of the database any more: refresh the sealer and repeat, then it is a problem like others. */
export class KeysChanged extends Problem {}

/** The data key that a password was sealed with: bytes 1 to 4 of what the sealer gave. */
export function dataKeyIdOf(sealed: Sealed): number {
  return new DataView(sealed.buffer, sealed.byteOffset, sealed.byteLength).getUint32(1);
}

/**
 * Runs what seals or opens, and once more with the keys of the database when another process rotated them meanwhile.
 * @throws what `run` throws; Problem `STORAGE_UNAVAILABLE` when the new keys cannot be had.
 */
export async function withFreshKeys<Result>(sealer: Sealer, run: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    if (!(error instanceof KeysChanged)) throw error;
    await sealer.refresh();
    return run();
  }
}
