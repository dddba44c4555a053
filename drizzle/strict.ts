// Makes the tables of generated SQLite migrations STRICT, for which drizzle-kit has no option.

const breakpoint = '--> statement-breakpoint';

/** Adds `STRICT` to every `CREATE TABLE` that lacks it, rebuilt tables (`__new_…`) included. https://sqlite.org/stricttables.html */
export function strictTables(sql: string): string {
  return sql
    .split(breakpoint)
    .map((statement) =>
      /^\s*CREATE TABLE /.test(statement) ? statement.replace(/\)\s*;(\s*)$/, ') STRICT;$1') : statement,
    )
    .join(breakpoint);
}
