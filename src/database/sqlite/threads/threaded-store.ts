// Puts the store on threads: writes and long reads run on threads of their own, and reads of single rows stay on the main thread.

import type { AuditMac } from '../../../core/audit/chain.ts';
import { Problem } from '../../../core/shared/problem.ts';
import type { Database } from '../../database.ts';
import { type Repositories, repositoriesOn } from '../../repositories/repositories.ts';
import { type Place, placement } from './placement.ts';
import { createStoreThread, type StoreThread, type ThreadOptions } from './store-thread.ts';

/** The store on threads. */
export interface ThreadedRepositories extends Repositories {
  /** Calls that have not ended, of each thread. */
  readonly pending: () => { readonly writes: number; readonly scans: number };
  /**
   * Waits for the pending calls, and closes the threads and their connections.
   * @param closeHere closes the connection of the main thread.
   * @param isLast whether the thread that writes closes last: the last to close moves the log into the file.
   */
  readonly close: (closeHere: () => Promise<void>, isLast: boolean) => Promise<void>;
}

type Options = Omit<ThreadOptions, 'kind'>;

/**
 * Starts the threads.
 * @param reads the database on the main thread, which waits for no lock.
 * @param options `path` of the file, which has the tables of this program.
 */
export function threadedRepositories(reads: Database, options: Options): ThreadedRepositories {
  const threads = {
    WRITES: createStoreThread({ ...options, kind: 'WRITES' }),
    SCANS: createStoreThread({ ...options, kind: 'SCANS' }),
  };
  const { WRITES: writes, SCANS: scans } = threads;
  const placed = placedOn(repositoriesOn(reads), threads);
  return {
    ...placed,
    audit: {
      ...placed.audit,
      async start(mac) {
        // Nothing is asked before this, so that the first caller need not wait for the thread.
        scans.start();
        await startChain(writes, mac);
      },
    },
    pending: () => ({ writes: writes.pending, scans: scans.pending }),
    async close(closeHere, isLast) {
      await scans.close();
      if (isLast) await closeHere();
      await writes.close();
      if (!isLast) await closeHere();
    },
  };
}

type Method = (...args: unknown[]) => Promise<unknown>;
type Methods = Readonly<Record<string, Method>>;
type Threads = Readonly<Record<Exclude<Place, 'HERE'>, StoreThread>>;

function placedOn(here: Repositories, threads: Threads): Repositories {
  const parts = Object.entries(placement).map(([name, places]) => {
    const part = name as keyof Repositories;
    const methods = Object.entries<unknown>(places).map(([method, place]) => {
      const local = (here[part] as unknown as Methods)[method] as Method;
      return [method, placedMethod({ part, method, local, threads }, place as Place | ((...args: unknown[]) => Place))];
    });
    return [part, Object.fromEntries(methods)];
  });
  return Object.fromEntries(parts) as Repositories;
}

interface MethodParts {
  readonly part: keyof Repositories;
  readonly method: string;
  readonly local: Method;
  readonly threads: Threads;
}

function placedMethod(
  { part, method, local, threads }: MethodParts,
  place: Place | ((...args: unknown[]) => Place),
): Method {
  const there =
    (thread: StoreThread): Method =>
    (...args) =>
      thread.call({ part, method, args });
  const here: Method = async (...args) => {
    try {
      return await local(...args);
    } catch (error) {
      if (!isLocked(error)) throw error;
      // That thread waits for the lock.
      return threads.SCANS.call({ part, method, args });
    }
  };
  const methods: Record<Place, Method> = { HERE: here, SCANS: there(threads.SCANS), WRITES: there(threads.WRITES) };
  return typeof place === 'function' ? (...args) => methods[place(...args)](...args) : methods[place];
}

/** Whether another connection holds a lock for a moment. https://sqlite.org/rescode.html#busy */
function isLocked(error: unknown): boolean {
  return (
    error instanceof Problem && error.cause instanceof Error && /^SQLITE_(BUSY|PROTOCOL)/.test(error.cause.message)
  );
}

async function startChain(writes: StoreThread, mac: AuditMac): Promise<void> {
  if (mac.key === undefined) throw new Error('The key of the audit chain cannot be given to a thread.');
  await writes.callAtEachStart({ part: 'audit', method: 'start', args: [{ auditKey: mac.key }] });
}
