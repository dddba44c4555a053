// Stores accounts and API tokens: implements the `AccessStore` port in either dialect, and caches token rows until anything is committed.

import { and, asc, desc, eq, getTableColumns, gt, isNull, lt, or, sql } from 'drizzle-orm';
import type { AccessStore, StoredToken, TokenQuery } from '../../core/accounts/store.ts';
import { adminAccount } from '../../core/authz/principal.ts';
import { Problem } from '../../core/shared/problem.ts';
import {
  type Database,
  given,
  givenFor,
  type Queries,
  type RunChange,
  statement,
  tokenReads,
  unnamed,
} from '../database.ts';
import { fromToken, maxAheadMs, toToken } from '../schema/rows.ts';
import { accountStore } from './accounts.ts';
import type { AppendEvent } from './audit.ts';

export function accessStore(database: Database, append: AppendEvent, change: RunChange): AccessStore {
  const { byId, usableById, first, insert, accountByName, revoke, noteUse } = accessStatements(database);
  const usableRow = tokenReads(database, usableById);
  const isEmpty = async (queries: Queries) => (await first(queries).execute()).length === 0;
  return {
    ...accountStore(database, append),
    async tokenById(id) {
      const [row] = await database.read((queries) => byId(queries).execute({ id }));
      return row && toToken(row);
    },
    // Runs with every request.
    usableTokenById: createFreshCache(database, async (id) => {
      const [row] = await usableRow({ id });
      return row && toToken(row);
    }),
    async insertToken(token, event, maxActive) {
      await database.write(async (queries) => {
        await holdAccount(database, queries, token.account);
        if ((await countActive(database, queries, token)) >= maxActive) throw tooManyTokens(token.account, maxActive);
        await insert(queries).execute(fromToken(token));
        await append(queries, event);
      }, event.actor);
    },
    async hasNoTokens() {
      return await database.read(isEmpty);
    },
    async insertFirstToken(token, event) {
      return await database.write(async (queries) => {
        await holdAccount(database, queries, adminAccount);
        if (!(await isEmpty(queries))) {
          return false;
        }
        await insert(queries).execute(fromToken(token));
        await append(queries, event);
        return true;
      });
    },
    async accountExists(name) {
      const rows = await database.read((queries) => accountByName(queries).execute({ name }));
      return rows.length > 0;
    },
    listTokens: (query) => listTokens(database, query),
    revokeToken: (id, at, event) =>
      change(event.actor, async (queries) => {
        const revoked = (await revoke(queries).execute({ id, revokedAt: at.getTime() })).length > 0;
        return { value: revoked, event: revoked ? event : undefined };
      }),
    async noteTokenUses(uses) {
      await database.write(async (queries) => {
        // Sorted, so that two servers lock the rows in the same sequence.
        const sorted = [...uses].toSorted(([one], [other]) => (one < other ? -1 : 1));
        const note = ([id, at]: readonly [string, Date]) =>
          noteUse(queries).execute({ id, lastUsedAt: at.getTime(), latestMs: at.getTime() + maxAheadMs });
        await Promise.all(sorted.map(note));
      });
    },
  };
}

/** Makes concurrent callers wait for the end of this transaction: PostgreSQL locks a row that is written, even unchanged. */
async function holdAccount({ tables: { account } }: Database, queries: Queries, name: string): Promise<void> {
  await queries
    .update(account)
    .set({ disabledAt: sql`${account.disabledAt}` })
    .where(eq(account.name, name));
}

/** Counts the tokens of an account that are active when this one is created: two ranges of one index, however many tokens are not. */
async function countActive(
  { tables: { apiToken } }: Database,
  queries: Queries,
  { account, createdAt }: StoredToken,
): Promise<number> {
  const count = sql`count(*)`.mapWith(Number);
  const ends = [isNull(apiToken.expiresAt), gt(apiToken.expiresAt, createdAt.getTime())];
  let active = 0;
  for (const end of ends) {
    const where = and(eq(apiToken.account, account), isNull(apiToken.revokedAt), end);
    const [row] = await queries.select({ count }).from(apiToken).where(where);
    active += row?.count ?? 0;
  }
  return active;
}

function tooManyTokens(account: string, maxActive: number): Problem {
  return new Problem(
    'LIMIT_EXCEEDED',
    `The account ${account} has ${maxActive} active tokens, the maximum. Revoke one that is no longer used, then try again.`,
    { reason: 'TOKENS', field: ['account'] },
  );
}

async function listTokens(
  database: Database,
  { account, activeAt, after, before, forward, limit }: TokenQuery,
): Promise<StoredToken[]> {
  const { apiToken } = database.tables;
  const { createdAt, id, expiresAt, revokedAt } = apiToken;
  const where = and(
    account === undefined ? undefined : eq(apiToken.account, account),
    ...(activeAt === undefined ? [] : [isNull(revokedAt), or(isNull(expiresAt), gt(expiresAt, activeAt.getTime()))]),
    after === null ? undefined : sql`(${createdAt}, ${id}) > (${after[0]}, ${after[1]})`,
    before === null ? undefined : sql`(${createdAt}, ${id}) < (${before[0]}, ${before[1]})`,
  );
  const order = forward ? asc : desc;
  const rows = await database.read((queries) =>
    queries.select().from(apiToken).where(where).orderBy(order(createdAt), order(id)).limit(limit),
  );
  return (forward ? rows : rows.toReversed()).map(toToken);
}

function accessStatements({ tables: { apiToken, account } }: Database) {
  return {
    byId: statement((queries) =>
      queries
        .select()
        .from(apiToken)
        .where(eq(apiToken.id, sql.placeholder('id')))
        .prepare(unnamed),
    ),
    usableById: (queries: Queries) =>
      queries
        .select(getTableColumns(apiToken))
        .from(apiToken)
        .innerJoin(account, and(eq(account.name, apiToken.account), isNull(account.disabledAt)))
        .where(eq(apiToken.id, sql.placeholder('id'))),
    noteUse: statement((queries) =>
      queries
        .update(apiToken)
        .set({ lastUsedAt: given('lastUsedAt') })
        .where(
          and(
            eq(apiToken.id, sql.placeholder('id')),
            or(
              isNull(apiToken.lastUsedAt),
              lt(apiToken.lastUsedAt, sql.placeholder('lastUsedAt')),
              gt(apiToken.lastUsedAt, sql.placeholder('latestMs')),
            ),
          ),
        )
        .prepare(unnamed),
    ),
    // The bound, which every id is above, lets the index begin at its first row.
    first: statement((queries) =>
      queries.select({ id: apiToken.id }).from(apiToken).where(gt(apiToken.id, '')).limit(1).prepare(unnamed),
    ),
    insert: statement((queries) =>
      queries
        .insert(apiToken)
        .values(givenFor(getTableColumns(apiToken)))
        .prepare(unnamed),
    ),
    accountByName: statement((queries) =>
      queries
        .select({ name: account.name })
        .from(account)
        .where(eq(account.name, sql.placeholder('name')))
        .prepare(unnamed),
    ),
    revoke: statement((queries) =>
      queries
        .update(apiToken)
        .set({ revokedAt: given('revokedAt') })
        .where(and(eq(apiToken.id, sql.placeholder('id')), isNull(apiToken.revokedAt)))
        .returning({ id: apiToken.id })
        .prepare(unnamed),
    ),
  };
}

/** Maximum number of cached rows, many more than authenticate at once; each takes a few hundred bytes. */
const maxEntries = 1_000;

/**
 * Caches a lookup until any process commits anything. Written by hand, because validity is a version of the database and not a lifetime.
 * @param load Reads the database. A row that does not exist is read again each time.
 */
export function createFreshCache<Value>(
  { version }: Pick<Database, 'version'>,
  load: (key: string) => Promise<Value | undefined>,
): (key: string) => Promise<Value | undefined> {
  if (version === undefined) return load;
  const entries = new Map<string, Value>();
  let filledAt = Number.NaN;
  const loadAndKeep = async (key: string, now: number): Promise<Value | undefined> => {
    const loaded = await load(key);
    // A commit in between is seen by the next call.
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
