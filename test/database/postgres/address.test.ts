// The address of a PostgreSQL database: what it means, and that no refusal repeats any of it.

import { writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { getCACertificates } from 'node:tls';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { StoreError } from '../../../src/database/errors.ts';
import { completeAddress } from '../../../src/database/postgres/address/environment.ts';
import { parseAddress } from '../../../src/database/postgres/address.ts';
import { temporaryDirectory } from '../harness.ts';

/** What an address means that says nothing else. */
const defaults = {
  tls: { rejectUnauthorized: false },
  tlsFallback: false,
  tlsNegotiation: 'postgres',
  channelBinding: 'prefer',
  applicationName: 'regway',
  serverOptions: undefined,
  connectTimeoutMs: 5_000,
  keepAlive: true,
  keepAliveIdleMs: 0,
  sessionAttributes: 'any',
  withoutEffect: [],
};

describe('an address', () => {
  it('has these parts', () => {
    expect(
      parseAddress('postgresql://us%40er:p%3Aa%2Fss@db.example:5433/da%20ta?application_name=x&connect_timeout=7'),
    ).toEqual({
      ...defaults,
      hosts: [{ host: 'db.example', port: 5433 }],
      user: 'us@er',
      password: 'p:a/ss',
      database: 'da ta',
      applicationName: 'x',
      connectTimeoutMs: 7_000,
    });
  });

  it('has these defaults', () => {
    expect(parseAddress('postgres://')).toEqual({
      ...defaults,
      hosts: [{ host: 'localhost', port: 5_432 }],
      user: userInfo().username,
      password: undefined,
      database: userInfo().username,
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
    ['disable', false, undefined],
    ['allow', false, { rejectUnauthorized: false }],
    ['prefer', { rejectUnauthorized: false }, false],
    ['require', { rejectUnauthorized: false }, undefined],
    ['verify-ca', { rejectUnauthorized: true, checkServerIdentity: expect.any(Function) as unknown }, undefined],
    ['verify-full', { rejectUnauthorized: true }, undefined],
  ])('sslmode=%s', (mode, tls, tlsFallback) => {
    const address = parseAddress(`postgres://h/x?sslmode=${mode}`);
    expect([address.tls, address.tlsFallback]).toEqual([tls, tlsFallback]);
  });

  it('sslrootcert names the roots, also for require, which then verifies them', () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, 'root.pem');
    writeFileSync(path, 'roots');
    const tls = (mode: string) =>
      parseAddress(`postgres://h/x?sslmode=${mode}&sslrootcert=${encodeURIComponent(path)}`).tls;
    expect(tls('verify-full')).toEqual({ rejectUnauthorized: true, ca: 'roots' });
    expect(tls('require')).toMatchObject({ rejectUnauthorized: true, ca: 'roots' });
    const system = parseAddress('postgres://h/x?sslrootcert=system').tls;
    expect(system).toEqual({
      rejectUnauthorized: true,
      ca: expect.arrayContaining(getCACertificates('system')) as unknown,
    });
    expect(system).not.toHaveProperty('checkServerIdentity');
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
    'postgres://u:MARKER@h/x?nonsense=MARKER',
    'postgres://u:pass?MARKER=1@h/x',
    'postgres://u:12/MARKER@h/x',
    'postgres://u:MARKER@h/x?sslrootcert=system&sslmode=require',
    'postgres://u:MARKER@h/x?sslcert=/nowhere/MARKER',
    'postgres://u:MARKER@h/x?gssencmode=require',
    'postgres://u:MARKER@h/x?client_encoding=LATIN1',
    'postgres://u:MARKER@h/x?channel_binding=require&sslmode=disable',
    'postgres://u:MARKER@h,i/x?port=1,2,3',
    'postgres://u:MARKER@h/x?keepalives=MARKER',
    'host=h password=MARKER nonsense=1',
    "host=h password='MARKER",
    'Host=h;Username=u;Password=MARKER',
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

describe('a refusal', () => {
  it('names every mistake, each with its option, and never a value', () => {
    expect(
      refusalOf(
        'postgres://u:MARKER@h:0/x?sslmode=MARKER&connect_timeout=1h&target_session_attrs=MARKER&search_path=MARKER&keepalives_idle=x',
      ),
    ).toMatchObject({
      mistakes: [
        expect.stringMatching(/has a port that is not a whole number from 1 to 65535/),
        expect.stringMatching(/has the option search_path, which Regway does not support/),
        expect.stringMatching(
          /option sslmode, which must be one of disable, allow, prefer, require, verify-ca, verify-full/,
        ),
        expect.stringMatching(/option connect_timeout, which must be a whole number/),
        expect.stringMatching(/option keepalives_idle, which must be a whole number/),
        expect.stringMatching(/option target_session_attrs, which must be one of any, /),
      ],
    });
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

it.each(['postgres://u@host:port/x', 'postgres://u@a:70000,b/x', 'postgres://u:p@ss/w@host/x', 'host=a port'])(
  'an address that cannot be read stays as it is where the environment completes it, so that nobody connects to the rest: %s',
  (text) => {
    const environment = { PGPASSWORD: 'MARKER', PGUSER: 'other', PGHOST: 'elsewhere' };
    expect(completeAddress(text, { environment, caFile: undefined })).toBe(text);
  },
);

it.each(['sslmode', 'sslnegotiation', 'channel_binding', 'target_session_attrs', 'load_balance_hosts'])(
  'an empty %s, such as that of a variable that is not set, stands for no weaker default, also where the environment has one',
  (name) => {
    const others = { environment: { PGSSLMODE: 'prefer', PGPASSWORD: 'MARKER' } };
    for (const text of [`postgres://u@h/x?${name}=`, `host=h ${name}=''`, `host=h ${name.toUpperCase()}=`]) {
      const must = `has the option ${name}, which must be one of`;
      expect(refusalOf(text)?.message).toContain(must);
      expect(refusalOf(completeAddress(text, others))?.message).toContain(must);
    }
  },
);
