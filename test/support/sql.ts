// Runs SQL behind the back of what is tested, on one connection to PostgreSQL.

import pg from 'pg';

type Row = Record<string, unknown>;

export interface Sql {
  /** Runs one statement; each value is a parameter. */
  (text: TemplateStringsArray, ...values: unknown[]): Promise<Row[]>;
  /** Runs statements as written, and returns the rows of the last. */
  unsafe(text: string): Promise<Row[]>;
  end(): Promise<void>;
}

/** Connects at the first statement, and again after a break. */
export function connectSql(url: string): Sql {
  const pool = new pg.Pool({ connectionString: url, max: 1, idleTimeoutMillis: 0 });
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  const run = async (text: string, values?: unknown[]): Promise<Row[]> => {
    const results = (await pool.query<Row>(text, values)) as pg.QueryResult<Row> | pg.QueryResult<Row>[];
    return (Array.isArray(results) ? results.at(-1) : results)?.rows ?? [];
  };
  const sql = (text: TemplateStringsArray, ...values: unknown[]): Promise<Row[]> =>
    run(
      text.reduce((all, part, index) => `${all}$${index}${part}`),
      values,
    );
  return Object.assign(sql, { unsafe: (text: string) => run(text), end: () => pool.end() });
}
