// Gives writes two connections of their own, so that no read waits for one: changes share commits on the first, and other transactions take turns on the second.

import { setTimeout as pause } from 'node:timers/promises';
import type { Change, Queries, SendEvents } from '../../database.ts';
import type { Address } from '../address.ts';
import type { Deadline } from '../deadline.ts';
import { createPool } from '../pool.ts';
import { commitTogether, type Member } from './group-commit.ts';
import { transaction } from './transaction.ts';
import { createWriteQueue, type Write } from './write-queue.ts';

/** The connections that writes use. */
export const writerConnections = 2;

/** Maximum number of changes in one commit: as on SQLite. The first waits for the last. */
const maxMembers = 64;

/** Milliseconds that `end` waits for writes. */
const endTimeoutMs = 5_000;

/** Whose turn a write takes, and how long its caller waits. */
export interface Turn {
  readonly lane: string;
  readonly deadline: Deadline;
}

export interface Writers {
  /** Runs one transaction, alone on its connection. */
  transaction<T>(work: (queries: Queries) => Promise<T>, turn: Turn): Promise<T>;
  /** Returns what runs changes, each in a transaction with those that wait together with it. */
  changes(send: SendEvents): <T>(work: (queries: Queries) => Promise<Change<T>>, turn: Turn) => Promise<T>;
  /** Closes connections that received nothing for this many milliseconds. */
  closeSilent(silentMs: number): void;
  /** Waits for what was written before, then closes the connections. */
  end(): Promise<void>;
}

interface Alone extends Write {
  readonly run: () => Promise<void>;
}

/** Waits for the queues one after the other, because the changes of one that fail together are added to the next. */
async function allIdle(queues: readonly { idle(): Promise<void> }[]): Promise<void> {
  for (const queue of queues) await queue.idle();
}

/** Creates the writers, which connect when they are first used. */
export function createWriters(address: Address): Writers {
  const pools = [
    createPool(address, 1, { purpose: 'changes', pipeline: true }),
    createPool(address, 1, { purpose: 'writes', pipeline: true }),
  ] as const;
  const [together, alone] = pools;
  const aloneQueue = createWriteQueue<Alone>({ maxBatch: 1, run: async ([write]) => write?.run() });
  const queues = [aloneQueue] as { idle(): Promise<void> }[];
  const runAlone = <T>(work: (queries: Queries) => Promise<T>, { lane, deadline }: Turn): Promise<T> =>
    new Promise((resolve, reject) => {
      const run = () => transaction(alone, work).then(resolve, reject);
      aloneQueue.add({ lane, deadline, since: performance.now(), run, reject });
    });
  return {
    transaction: runAlone,
    changes(send) {
      const queue = createWriteQueue<Member>({
        maxBatch: maxMembers,
        run: (members) => commitTogether({ pool: together, send, runAlone: runMember }, members),
      });
      const runMember = ({ work, lane, deadline, resolve, reject }: Member): void => {
        const withEvent = async (queries: Queries) => {
          const { value, event } = await work(queries);
          if (event !== undefined) await Promise.all(await send(queries, [event]));
          deadline.beforeCommit();
          return value;
        };
        runAlone(withEvent, { lane, deadline }).then(resolve, reject);
      };
      queues.push(queue);
      return <T>(work: (queries: Queries) => Promise<Change<T>>, { lane, deadline }: Turn) =>
        new Promise<T>((resolve, reject) => {
          const member = { work, resolve: resolve as (value: unknown) => void, reject };
          queue.add({ ...member, lane, deadline, since: performance.now() });
        });
    },
    closeSilent: (silentMs) => pools.forEach((pool) => pool.closeSilent(silentMs)),
    async end() {
      await Promise.race([allIdle(queues.toReversed()), pause(endTimeoutMs, undefined, { ref: false })]);
      await Promise.all(pools.map((pool) => pool.end()));
    },
  };
}
