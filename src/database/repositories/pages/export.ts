// Reads all registries in the order of account and pattern, a page at a time, so that any number of them takes the memory of one page.

import { and, asc, eq, getTableColumns, gt, sql } from 'drizzle-orm';
import type { Registry } from '../../../core/registry/registry.ts';
import type { Database } from '../../database.ts';
import { toRegistry, withoutDerived } from '../../schema/rows.ts';

/** Rows in one page, of about 1 KiB each. */
const pageSize = 500;

/**
 * Yields pages, each as it is committed when it is read: an account and a pattern never change, so no registry is missed or repeated.
 * @param ofAccount the account; undefined for all.
 */
export async function* registriesInOrder(
  database: Database,
  ofAccount: string | undefined,
): AsyncGenerator<Registry[]> {
  const { registry } = database.tables;
  const {
    sealed: _sealed,
    sealedPending: _pending,
    sealedPrevious: _previous,
    ...columns
  } = withoutDerived(getTableColumns(registry));
  for (let last = { account: ofAccount ?? '', registry: '' }; ;) {
    const isLater =
      ofAccount === undefined
        ? sql`(${registry.account}, ${registry.registry}) > (${last.account}, ${last.registry})`
        : and(eq(registry.account, ofAccount), gt(registry.registry, last.registry));
    const rows = await database.read((queries) =>
      queries
        .select(columns)
        .from(registry)
        .where(isLater)
        .orderBy(asc(registry.account), asc(registry.registry))
        .limit(pageSize),
    );
    if (rows.length > 0) yield rows.map(toRegistry);
    const end = rows.at(-1);
    if (end === undefined || rows.length < pageSize) return;
    last = { account: end.account, registry: end.registry };
  }
}
