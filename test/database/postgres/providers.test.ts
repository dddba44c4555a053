// Addresses as people paste them from providers of PostgreSQL and from psql: what each means, together with libpq's variables of the environment.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError, readConfig } from '../../../src/app/config.ts';
import { type Address, parseAddress } from '../../../src/database/postgres/address.ts';
import { completeAddress, readVariables } from '../../../src/database/postgres/address/environment.ts';
import { createCertificateAuthority } from '../../e2e/support/certificates.ts';
import { temporaryDirectory } from '../harness.ts';

/** What an address means together with an environment, as the settings pass it on. */
const meaningOf = (text: string, environment: Record<string, string> = {}): Address =>
  parseAddress(completeAddress(text, { environment: readVariables(environment) }));

const unverified = { rejectUnauthorized: false };
const verified = { rejectUnauthorized: true };

describe('an address of', () => {
  it.each([
    [
      'Neon',
      'postgresql://alex:AbC123dEf@ep-cool-123-pooler.us-east-2.aws.neon.tech/dbname?sslmode=require&channel_binding=require',
      { user: 'alex', password: 'AbC123dEf', database: 'dbname', tls: unverified, channelBinding: 'require' },
    ],
    [
      'Neon, for a client without SNI',
      'postgresql://alex:AbC@ep-cool-123.us-east-2.aws.neon.tech/dbname?sslmode=require&options=endpoint%3Dep-cool-123',
      { serverOptions: 'endpoint=ep-cool-123' },
    ],
    [
      'Supabase, transaction mode',
      'postgresql://postgres.abcdef:[YOUR-PASSWORD]@aws-0-eu-central-1.pooler.supabase.com:6543/postgres?pgbouncer=true',
      {
        user: 'postgres.abcdef',
        password: '[YOUR-PASSWORD]',
        hosts: [{ host: 'aws-0-eu-central-1.pooler.supabase.com', port: 6543 }],
        tls: unverified,
        tlsFallback: false,
        withoutEffect: ['pgbouncer'],
      },
    ],
    ['Supabase, direct', 'postgresql://postgres:p%40ss@db.abcdef.supabase.co:5432/postgres', { password: 'p@ss' }],
    [
      'Amazon RDS',
      'host=mydb.123.us-east-1.rds.amazonaws.com port=5432 dbname=regway user=app sslmode=require connect_timeout=10',
      {
        hosts: [{ host: 'mydb.123.us-east-1.rds.amazonaws.com', port: 5432 }],
        database: 'regway',
        tls: unverified,
        connectTimeoutMs: 10_000,
      },
    ],
    [
      'Amazon Aurora, both endpoints',
      'postgres://app:x@c.cluster-1.rds.amazonaws.com,c.cluster-ro-1.rds.amazonaws.com/regway?target_session_attrs=read-write&connect_timeout=30',
      { sessionAttributes: 'read-write', connectTimeoutMs: 10_000 },
    ],
    [
      'Azure',
      'host=my.postgres.database.azure.com port=5432 dbname=postgres user=admin@my password={your password} sslmode=require'.replace(
        '{your password}',
        "'my pass\\'word'",
      ),
      { user: 'admin@my', password: "my pass'word", database: 'postgres', tls: unverified },
    ],
    [
      'Azure, as a URL',
      'postgres://admin%40my:x@my.postgres.database.azure.com/postgres?sslmode=require',
      { user: 'admin@my' },
    ],
    [
      'Cloud SQL, by its socket',
      'postgresql://user:x@/dbname?host=/cloudsql/project:region:instance',
      { hosts: [{ host: '/cloudsql/project:region:instance', port: 5432 }], database: 'dbname' },
    ],
    [
      'Cloud SQL, with a placeholder for the host',
      'postgresql://user:x@localhost/dbname?host=/cloudsql/project:region:instance',
      { hosts: [{ host: '/cloudsql/project:region:instance', port: 5432 }] },
    ],
    ['Crunchy Bridge', 'postgres://application:x@p.abc.db.postgresbridge.com:5432/postgres', { tlsFallback: false }],
    ['Aiven', 'postgres://avnadmin:x@pg-1.aivencloud.com:21699/defaultdb?sslmode=require', { tls: unverified }],
    ['Heroku', 'postgres://u:x@ec2-1-2-3-4.compute-1.amazonaws.com:5432/d9', { tls: unverified, tlsFallback: false }],
    [
      'DigitalOcean',
      'postgresql://doadmin:x@db-1.b.db.ondigitalocean.com:25060/defaultdb?sslmode=require',
      { tls: unverified },
    ],
    ['JDBC, without its prefix', 'postgresql://u:x@h/d?ssl=true', { tls: unverified, tlsFallback: undefined }],
    [
      'psql with keepalives',
      'postgresql://u@h/d?keepalives=1&keepalives_idle=30&keepalives_interval=10&keepalives_count=3&tcp_user_timeout=0',
      {
        keepAlive: true,
        keepAliveIdleMs: 30_000,
        withoutEffect: ['keepalives_interval', 'keepalives_count', 'tcp_user_timeout'],
      },
    ],
    ['psql without keepalives', 'postgresql://u@h/d?keepalives=0', { keepAlive: false }],
    ['direct TLS', 'postgresql://u@h/d?sslmode=require&sslnegotiation=direct', { tlsNegotiation: 'direct' }],
    [
      'a newer TLS alone',
      'postgresql://u@h/d?sslmode=require&ssl_min_protocol_version=TLSv1.3',
      { tls: { ...unverified, minVersion: 'TLSv1.3' } },
    ],
    [
      'a plus in a password',
      'postgresql://u:a+b@h/d?application_name=c+d',
      { password: 'a+b', applicationName: 'c+d' },
    ],
  ])('%s', (_, text, meaning) => {
    expect(meaningOf(text)).toMatchObject(meaning);
  });

  it('Cloud SQL with certificates, and RDS with its bundle, reads the files', () => {
    using directory = temporaryDirectory();
    const [roots, cert, key] = ['roots.pem', 'client.pem', 'client.key'].map((name) => {
      writeFileSync(join(directory.path, name), name);
      return join(directory.path, name);
    });
    const url = `postgres://u@h/d?sslmode=verify-ca&sslrootcert=${roots}&sslcert=${cert}&sslkey=${key}&sslpassword=p`;
    const files = { ca: 'roots.pem', cert: 'client.pem', key: 'client.key', passphrase: 'p' };
    expect(meaningOf(url).tls).toMatchObject({ ...verified, ...files });
    expect(meaningOf(`postgres://u@h/d?sslmode=verify-full&sslrootcert=${roots}`).tls).toEqual({
      ...verified,
      ca: 'roots.pem',
    });
  });
});

describe("libpq's variables", () => {
  const all = {
    PGHOST: 'a,b',
    PGPORT: '1,2',
    PGUSER: 'u',
    PGPASSWORD: ' p w ',
    PGDATABASE: 'd',
    PGAPPNAME: 'app',
    PGOPTIONS: '-c work_mem=8MB',
    PGCONNECT_TIMEOUT: '3',
    PGTARGETSESSIONATTRS: 'primary',
    PGSSLMODE: 'require',
    PGCHANNELBINDING: 'disable',
  };

  it('say what an address does not say', () => {
    expect(meaningOf('postgres://', all)).toMatchObject({
      hosts: [
        { host: 'a', port: 1 },
        { host: 'b', port: 2 },
      ],
      user: 'u',
      password: ' p w ',
      database: 'd',
      applicationName: 'app',
      serverOptions: '-c work_mem=8MB',
      connectTimeoutMs: 3_000,
      sessionAttributes: 'primary',
      tls: unverified,
      tlsFallback: undefined,
      channelBinding: 'disable',
    });
  });

  it('never change what it says', () => {
    expect(meaningOf('postgres://x:y@h:7/z?sslmode=disable&application_name=n&connect_timeout=9', all)).toMatchObject({
      hosts: [{ host: 'h', port: 7 }],
      user: 'x',
      password: 'y',
      database: 'z',
      tls: false,
      applicationName: 'n',
      connectTimeoutMs: 9_000,
    });
  });

  it('are named in the sentence about their mistake, together with those of the address and of other settings', () => {
    const environment = {
      REGWAY_DATABASE_URL: 'postgres://u:MARKER@h:99999/x?connect_timeout=soon&passfile=MARKER',
      REGWAY_DATABASE_LISTEN_URL: 'mysql://MARKER',
      REGWAY_DATABASE_WAIT: 'MARKER',
      PGSSLMODE: 'MARKER',
      REGWAY_LISTEN: 'nonsense',
    };
    const refusal = refusalOf(environment);
    expect(refusal).not.toContain('MARKER');
    for (const sentence of [
      /^7 settings are invalid/,
      /REGWAY_DATABASE_URL has a port that is not a whole number from 1 to 65535\./,
      /REGWAY_DATABASE_URL has the option passfile, which Regway does not support\. Remove it;/,
      /REGWAY_DATABASE_URL has the option connect_timeout, which must be a whole number/,
      /PGSSLMODE must be one of disable, allow, prefer/,
      /REGWAY_DATABASE_LISTEN_URL must be postgres:/,
      /REGWAY_DATABASE_WAIT must be a whole number of seconds/,
      /REGWAY_LISTEN must be host:port/,
    ])
      expect(refusal).toMatch(sentence);
  });

  it('that change how libpq connects and that are not read are reported for an address, and for a file none is', () => {
    const environment = { PGPASSFILE: '/x', PGSERVICE: 's', PGSSLMODE: 'require', PGTZ: 'UTC' };
    expect(readConfig({ ...environment, REGWAY_DATABASE_URL: 'postgres://h/d' }).unreadVariables).toEqual([
      'PGPASSFILE',
      'PGSERVICE',
    ]);
    expect(readConfig(environment)).toMatchObject({ unreadVariables: [] });
  });
});

describe('REGWAY_CA_FILE', () => {
  it.each([
    ['verify-full', true],
    ['verify-ca', true],
    ['require', false],
    ['disable', false],
  ])('counts with sslmode=%s: %s', (mode, counts) => {
    using directory = temporaryDirectory();
    const { certificateFile } = createCertificateAuthority(directory.path);
    const config = readConfig({
      REGWAY_DATABASE_URL: `postgres://h/d?sslmode=${mode}`,
      REGWAY_CA_FILE: certificateFile,
    });
    const { tls } = parseAddress(config.databaseUrl);
    const trusted = tls !== false && Array.isArray(tls.ca) ? tls.ca : [];
    expect(trusted.includes(config.extraCa!)).toBe(counts);
    expect(trusted.length > 1).toBe(counts);
  });
});

it('REGWAY_DATABASE_LISTEN_URL belongs to PostgreSQL alone', () => {
  expect(refusalOf({ REGWAY_DATABASE_LISTEN_URL: 'postgres://h/d' })).toMatch(
    /REGWAY_DATABASE_LISTEN_URL must not be set unless REGWAY_DATABASE_URL is the address of a PostgreSQL database\./,
  );
});

function refusalOf(environment: NodeJS.ProcessEnv): string {
  try {
    readConfig(environment);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message;
  }
  throw new Error('the settings were accepted');
}
