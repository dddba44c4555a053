// Lists the open pools of this process, whichever part of the store made them, for the metrics.

/** The connections of one pool. */
export interface PoolCounts {
  readonly inUse: number;
  readonly idle: number;
  /** Callers that wait for a connection. */
  readonly waiting: number;
}

interface OpenPool {
  readonly purpose: string;
  readonly read: () => PoolCounts;
}

const open = new Set<OpenPool>();

/** Adds a pool. @param purpose in one word, such as `statements`. @returns what removes it. */
export function addPool(purpose: string, read: () => PoolCounts): () => void {
  const pool = { purpose, read };
  open.add(pool);
  return () => void open.delete(pool);
}

/** Returns the counts by purpose; those of pools for the same are added up. */
export function openPools(): ReadonlyMap<string, PoolCounts> {
  const sums = new Map<string, PoolCounts>();
  for (const { purpose, read } of open) {
    const { inUse, idle, waiting } = read();
    const sum = sums.get(purpose) ?? { inUse: 0, idle: 0, waiting: 0 };
    sums.set(purpose, { inUse: sum.inUse + inUse, idle: sum.idle + idle, waiting: sum.waiting + waiting });
  }
  return sums;
}
