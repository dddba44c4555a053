// Errors of the store after a failure of the database: a code that a caller can act on, and no parameter.

import { inspect } from 'node:util';
import { DrizzleQueryError } from 'drizzle-orm/errors';
import { describe, expect, it } from 'vitest';
import { Problem } from '../../src/core/shared/problem.ts';
import { StoreError, translateFailure } from '../../src/database/errors.ts';

const marker = 'MARKER-2b7e15';

function driverError(code: string, more: Record<string, unknown> = {}): Error {
  return Object.assign(
    new Error(`failed on ${marker}`),
    { code, detail: marker, parameters: [marker], query: marker },
    more,
  );
}

/** As Drizzle throws what a PostgreSQL driver threw. */
function wrapped(error: Error): Error {
  return new DrizzleQueryError('insert into "registry" …', [marker, `\n    at ${marker} (here)`], error);
}

describe('a failure of the database', () => {
  it.each([
    'SQLITE_FULL',
    'SQLITE_BUSY',
    'SQLITE_BUSY_SNAPSHOT',
    'SQLITE_IOERR_WRITE',
    'SQLITE_READONLY',
    'SQLITE_CANTOPEN',
    'CONNECTION_LOST',
    'ECONNREFUSED',
    'ECONNRESET',
    'ENOTFOUND',
    '08006',
    '53100',
    '53300',
    '57P01',
    '57014',
    '55P03',
    '40P01',
    '25006',
    '58030',
  ])('%s is STORAGE_UNAVAILABLE', (code) => {
    for (const error of [driverError(code), wrapped(driverError(code))]) {
      const translated = translateFailure(error);
      expect(translated).toMatchObject({ name: 'Problem', code: 'STORAGE_UNAVAILABLE', cause: new Error(code) });
      expect(shown(translated)).not.toContain(marker);
    }
  });

  it.each([
    [
      'SQLite',
      Object.assign(new Error('UNIQUE constraint failed: registry.account, registry.registry'), {
        code: 'SQLITE_CONSTRAINT_UNIQUE',
      }),
    ],
    ['pg', wrapped(driverError('23505', { constraint: 'registry_account_registry' }))],
  ])('a taken registry text is ALREADY_EXISTS on %s', (_, error) => {
    const translated = translateFailure(error);
    expect(translated).toMatchObject({ name: 'Problem', code: 'ALREADY_EXISTS', field: ['registry'] });
    expect(shown(translated)).not.toContain(marker);
  });

  it.each([
    ['another unique column', driverError('23505', { constraint: 'api_token_pkey' })],
    ['another unique column of SQLite', driverError('SQLITE_CONSTRAINT_PRIMARYKEY')],
    ['a missing row', driverError('23503')],
    ['a wrong type', wrapped(driverError('22P02'))],
    ['a corrupt file', driverError('SQLITE_CORRUPT')],
    ['a driver that threw no code', wrapped(new TypeError(`cannot send ${marker}`))],
    ['a bug', new TypeError(`cannot read ${marker}`)],
    ['a thrown string', marker],
    ['nothing', undefined],
  ])('%s is a plain error without parameters', (_, error) => {
    const translated = translateFailure(error);
    expect(translated).not.toBeInstanceOf(Problem);
    expect(translated.cause).toBeUndefined();
    expect(shown(translated)).not.toContain(marker);
  });

  it.each(['28P01', '28000', '3D000', '42501'])('%s is for the operator', (code) => {
    const translated = translateFailure(wrapped(driverError(code)));
    expect(translated).toBeInstanceOf(StoreError);
    expect(shown(translated)).not.toContain(marker);
  });

  it('a bug keeps its place in the code', () => {
    expect(translateFailure(new TypeError(`cannot read\n${marker}`)).stack).toMatch(/errors\.test\.ts/);
  });

  it.each([new Problem('CONFLICT', 'Somebody changed it.'), new StoreError('The database is newer.')])(
    '%s passes as it is',
    (error) => {
      expect(translateFailure(error)).toBe(error);
    },
  );
});

function shown(error: Error): string {
  return `${inspect(error, { depth: 9, showHidden: true })}${error.stack}${JSON.stringify(error)}`;
}
