// Lists the table definitions that drizzle-kit reads and the directories that it writes migrations to: one entry per dialect, paths relative to the project's root.

export const migrationSources = [
  { dialect: 'sqlite', schema: 'src/database/schema/tables.sqlite.ts', out: 'drizzle/sqlite' },
  { dialect: 'postgresql', schema: 'src/database/schema/tables.postgres.ts', out: 'drizzle/postgres' },
] as const;
