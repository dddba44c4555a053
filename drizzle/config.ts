// What drizzle-kit generates migrations from, and where to: one entry for each dialect, paths from the project's root.

export const migrationSources = [
  { dialect: 'sqlite', schema: 'src/database/schema/tables.sqlite.ts', out: 'drizzle/sqlite' },
  { dialect: 'postgresql', schema: 'src/database/schema/tables.postgres.ts', out: 'drizzle/postgres' },
] as const;
