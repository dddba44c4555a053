// Remembers rows for as long as nothing at all was committed: what it gives is what a query would give.

import type { Database } from '../database.ts';

/** Many more than log in at once; each takes some hundred bytes. */
const maxEntries = 1_000;

/**
 * Makes a lookup that asks the database only when it must.
 * @param load asks the database. What is not there is asked for again each time.
 */
export function createFreshCache<Value>({ version }: Pick<Database, 'version'>, load: (key: string) => Promise<Value | undefined>): (key: string) => Promise<Value | undefined> {
  if (version === undefined) return load;
  const entries = new Map<string, Value>();
  let filledAt = Number.NaN;
  const loadAndKeep = async (key: string, now: number): Promise<Value | undefined> => {
    const loaded = await load(key);
    // Something may have been committed in between; then the next call sees it.
    if (loaded !== undefined && filledAt === now) entries.set(key, loaded);
    return loaded;
  };
  return (key) => {
    const now = version();
    if (now !== filledAt || entries.size >= maxEntries) entries.clear();
    filledAt = now;
    const known = entries.get(key);
    return known === undefined ? loadAndKeep(key, now) : Promise.resolve(known);
  };
}
