// What drizzle-kit generates migrations from, and where to: one entry for each dialect, paths from the project's root.

export const migrationSources = [
  { dialect: 'sqlite', schema: 'src/store/tables.sqlite.ts', out: 'drizzle/sqlite' },
  { dialect: 'postgresql', schema: 'src/store/tables.postgres.ts', out: 'drizzle/postgres' },
] as const;
