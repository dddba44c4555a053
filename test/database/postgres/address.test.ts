// The address of a PostgreSQL database: what it means, and that no refusal repeats any of it.

import { writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { StoreError } from '../../../src/database/errors.ts';
import { parseAddress } from '../../../src/database/postgres/address.ts';
import { temporaryDirectory } from '../harness.ts';

describe('an address', () => {
  it('has these parts', () => {
    expect(
      parseAddress('postgresql://us%40er:p%3Aa%2Fss@db.example:5433/da%20ta?application_name=x&connect_timeout=7'),
    ).toEqual({
      hosts: [{ host: 'db.example', port: 5433 }],
      user: 'us@er',
      password: 'p:a/ss',
      database: 'da ta',
      tls: false,
      applicationName: 'x',
      connectTimeoutMs: 7_000,
      sessionAttributes: 'any',
    });
  });

  it('has these defaults', () => {
    expect(parseAddress('postgres://')).toEqual({
      hosts: [{ host: 'localhost', port: 5_432 }],
      user: userInfo().username,
      password: undefined,
      database: userInfo().username,
      tls: false,
      applicationName: 'regway',
      connectTimeoutMs: 5_000,
      sessionAttributes: 'any',
    });
  });

  it('names the database of its user unless it says otherwise, and is called regway', () => {
    expect(parseAddress('postgres://u@h/?application_name=')).toMatchObject({
      user: 'u',
      database: 'u',
      applicationName: 'regway',
    });
  });

  it.each([
    [
      'a:1,b,[::1]:2',
      [
        { host: 'a', port: 1 },
        { host: 'b', port: 5_432 },
        { host: '::1', port: 2 },
      ],
    ],
    ['%2Frun%2Fpostgresql', [{ host: '/run/postgresql', port: 5_432 }]],
    ['u:p@ss@c', [{ host: 'c', port: 5_432 }]],
  ])('%s names its hosts in their order', (authority, hosts) => {
    expect(parseAddress(`postgres://${authority}/x`).hosts).toEqual(hosts);
  });

  it.each([
    ['disable', false],
    ['require', { rejectUnauthorized: false }],
    ['verify-ca', { rejectUnauthorized: true, checkServerIdentity: expect.any(Function) as unknown }],
    ['verify-full', { rejectUnauthorized: true }],
  ])('sslmode=%s', (mode, tls) => {
    expect(parseAddress(`postgres://h/x?sslmode=${mode}`).tls).toEqual(tls);
  });

  it('sslrootcert names the roots, also for require, which then verifies them', () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, 'root.pem');
    writeFileSync(path, 'roots');
    const tls = (mode: string) =>
      parseAddress(`postgres://h/x?sslmode=${mode}&sslrootcert=${encodeURIComponent(path)}`).tls;
    expect(tls('verify-full')).toEqual({ rejectUnauthorized: true, ca: 'roots' });
    expect(tls('require')).toMatchObject({ rejectUnauthorized: true, ca: 'roots' });
    expect(parseAddress('postgres://h/x?sslrootcert=system').tls).toEqual({ rejectUnauthorized: true });
  });
});

describe('an address that is refused', () => {
  it.each([
    'mysql://MARKER@h/x',
    'postgres://u:MARKER@host:port/x',
    'postgres://u:MARKER@h:70000/x',
    'postgres://u:MARKER@h:0/x',
    'postgres://u:MARK%ER@h/x',
    'postgres://u:pass/MARKER@h/x#y',
    'postgres://u:MARKER?@h/x',
    'postgres://u:MARKER@h/x?search_path=MARKER',
    'postgres://u:MARKER@h/x?MARKER=1',
    'postgres://u:MARKER@h/x?sslmode=prefer',
    'postgres://u:MARKER@h/x?sslmode=MARKER',
    'postgres://u:MARKER@h/x?sslmode=require&sslmode=MARKER',
    'postgres://u:MARKER@h/x?sslrootcert=/nowhere/MARKER',
    'postgres://u:MARKER@h/x?connect_timeout=MARKER',
    'postgres://u:MARKER@h/x?target_session_attrs=MARKER',
  ])('%s: no part of it is shown', (url) => {
    const refusal = refusalOf(url);
    expect(refusal).toBeInstanceOf(StoreError);
    expect(refusal?.message).not.toContain('MARKER');
  });
});

function refusalOf(url: string): Error | undefined {
  try {
    parseAddress(url);
    return undefined;
  } catch (error) {
    return error as Error;
  }
}
