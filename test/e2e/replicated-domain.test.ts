// Holds that the suites on two replicas use PostgreSQL: otherwise they would run on SQLite a second time without notice.

import { expect, onTestFinished, test } from 'vitest';
import { openDomain } from '../support/domain.ts';
import { statementsDuring } from '../support/statements.ts';

test('a domain is one of two replicas on one PostgreSQL database, each with connections of its own', async () => {
  const domain = await openDomain();
  onTestFinished(() => domain.close());
  const [version] = await domain.rows('SELECT version() AS text');
  expect(version?.['text']).toMatch(/^PostgreSQL/);
  expect(new Set(domain.replicas.map(({ store }) => store)).size).toBe(2);
  const listening = await domain.rows(
    `SELECT DISTINCT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'listen %'`,
  );
  expect(listening).toHaveLength(2);
  for (const { store } of domain.replicas)
    expect(await statementsDuring(() => store.access.accountExists('admin'))).toHaveLength(1);
});
