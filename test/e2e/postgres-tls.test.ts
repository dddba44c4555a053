// TLS to a real PostgreSQL server: the certificates that each sslmode trusts, and the message to the operator for any other.

import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StoreError } from '../../src/database/errors.ts';
import { openPostgres } from '../../src/database/postgres/open.ts';
import { connectSql } from '../support/sql.ts';
import { createCertificateAuthority } from './support/certificates.ts';
import { type PostgresServer, startPostgres } from './support/postgres.ts';
import { makeTemporaryDirectory } from '../support/temporary/directory.ts';

const password = 'p:a/ss@ü';

/** The user `regway` needs no password, and `keeper` needs one and TLS. */
const logins = `
host all regway 127.0.0.1/32 trust
hostssl all keeper 127.0.0.1/32 scram-sha-256
`;

let directory: string;
let server: PostgresServer;
let roots: { readonly own: string; readonly other: string };
beforeAll(async () => {
  directory = makeTemporaryDirectory('postgres-tls');
  const [authority, other] = ['own', 'other'].map((name) => {
    mkdirSync(join(directory, name));
    return createCertificateAuthority(join(directory, name));
  });
  roots = { own: authority!.certificateFile, other: other!.certificateFile };
  const { certificateFile, keyFile } = authority!.issue('127.0.0.1');
  server = await startPostgres(
    ['ssl=on', 'ssl_cert_file=../server.pem', 'ssl_key_file=../server.key', 'hba_file=logins.conf'],
    {
      'server.pem': readFileSync(certificateFile, 'utf8'),
      'server.key': readFileSync(keyFile, 'utf8'),
      'logins.conf': logins,
    },
  );
  const behind = connectSql(server.url);
  await behind.unsafe(`CREATE ROLE keeper LOGIN PASSWORD '${password}'`);
  await behind.end();
});
afterAll(() => server?.stop());

interface Address {
  readonly user?: string;
  readonly host?: string;
  readonly options: Record<string, string>;
}

function addressOf({ user = 'regway', host = '127.0.0.1', options }: Address): string {
  return `postgres://${user}@${host}:${new URL(server.url).port}/postgres?${new URLSearchParams(options).toString()}`;
}

/** Whether the server says that the connection is encrypted. */
async function isEncrypted(url: string): Promise<unknown> {
  const database = openPostgres(url);
  try {
    const rows = await database.read(
      async (queries) => (await queries.execute('SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()')).rows,
    );
    return rows[0]?.['ssl'];
  } finally {
    await database.close();
  }
}

async function refusalOf(url: string): Promise<Error> {
  const refusal: unknown = await isEncrypted(url).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(StoreError);
  return refusal as StoreError;
}

describe('a server with a certificate for 127.0.0.1 of a private authority', () => {
  it.each([
    ['disable', '127.0.0.1', 'none', false],
    ['require', '127.0.0.1', 'none', true],
    ['require', 'localhost', 'own', true],
    ['verify-ca', 'localhost', 'own', true],
    ['verify-full', '127.0.0.1', 'own', true],
  ] as const)('serves sslmode=%s at %s with the roots %s', async (sslmode, host, root, encrypted) => {
    const options = { sslmode, ...(root === 'none' ? {} : { sslrootcert: roots[root] }) };
    expect(await isEncrypted(addressOf({ host, options }))).toBe(encrypted);
  });

  it.each([
    ['verify-full', 'localhost', 'own', /is for another host \(ERR_TLS_CERT_ALTNAME_INVALID\)/],
    ['verify-full', '127.0.0.1', 'other', /is not trusted \([A-Z_]+\)/],
    ['verify-full', '127.0.0.1', 'none', /is not trusted \([A-Z_]+\)/],
    ['verify-ca', '127.0.0.1', 'other', /is not trusted \([A-Z_]+\)/],
    ['require', '127.0.0.1', 'other', /is not trusted \([A-Z_]+\)/],
  ] as const)('is rejected by sslmode=%s at %s with the roots %s', async (sslmode, host, root, sentence) => {
    const options = { sslmode, ...(root === 'none' ? {} : { sslrootcert: roots[root] }) };
    expect((await refusalOf(addressOf({ host, options }))).message).toMatch(sentence);
  });
});

describe('a user with a password', () => {
  const verified = () => ({ sslmode: 'verify-full', sslrootcert: roots.own });
  const user = (text: string) => `keeper:${encodeURIComponent(text)}`;

  it('is authenticated over TLS', async () => {
    expect(await isEncrypted(addressOf({ user: user(password), options: verified() }))).toBe(true);
  });

  it('is authenticated with channel binding where that is required, and a server that asks for no proof is refused', async () => {
    const options = { sslmode: 'require', channel_binding: 'require' };
    expect(await isEncrypted(addressOf({ user: user(password), options }))).toBe(true);
    const trusted = await refusalOf(addressOf({ user: 'regway', options }));
    expect(trusted.message).toMatch(
      /does not offer channel binding, which the channel_binding of its address requires/,
    );
  });

  it('with no sslmode gets TLS, because the server has it', async () => {
    expect(await isEncrypted(addressOf({ user: user(password), options: {} }))).toBe(true);
  });

  it('with another one, without one, or without TLS is for the operator, and nothing shows it', async () => {
    const wrong = await refusalOf(addressOf({ user: user('MARKER'), options: verified() }));
    expect(wrong.message).toMatch(/rejects this login .*\(28P01\)/);
    expect(wrong.message).not.toContain('MARKER');
    const absent = await refusalOf(addressOf({ user: 'keeper', options: verified() }));
    expect(absent.message).toMatch(/requires a password/);
    const plain = await refusalOf(addressOf({ user: user(password), options: { sslmode: 'disable' } }));
    expect(plain.message).toMatch(/\(28000\)/);
  });
});

it('a server without TLS is rejected by sslmode=require with a sentence', async () => {
  const plain = await startPostgres();
  expect((await refusalOf(`${plain.url}?sslmode=require`)).message).toMatch(/does not offer TLS/);
  await plain.stop();
});
