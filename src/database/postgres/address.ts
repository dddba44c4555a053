// Parses the address of a PostgreSQL database: `postgres://user:password@host:port,host:port/database?option=value`.
// Written by hand, because pg reads one host, changes the meaning of sslmode, and passes unknown options on to the server.
// https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-CONNSTRING

import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import type { checkServerIdentity } from 'node:tls';
import { StoreError } from '../errors.ts';

/** The required state of a server. */
const sessionAttributes = ['any', 'read-write', 'read-only', 'primary', 'standby', 'prefer-standby'] as const;
export type SessionAttributes = (typeof sessionAttributes)[number];

export interface Host {
  /** A name, an IP address, or the directory of a Unix socket. Defaults to `localhost`. */
  readonly host: string;
  /** Defaults to 5432. */
  readonly port: number;
}

/** Options of `tls.connect`, or false for a connection without TLS. */
export type Tls =
  | false
  | {
      readonly rejectUnauthorized: boolean;
      readonly ca?: string;
      readonly checkServerIdentity?: typeof checkServerIdentity;
    };

export interface Address {
  /** At least one, in the order in which they are tried. */
  readonly hosts: readonly Host[];
  /** Defaults to the operating system's user who runs Regway. */
  readonly user: string;
  /** Undefined if the address has none. Neither PGPASSWORD nor ~/.pgpass is read. */
  readonly password: string | undefined;
  /** Defaults to the name of the user. */
  readonly database: string;
  readonly tls: Tls;
  /** Defaults to `regway`. */
  readonly applicationName: string;
  /** Milliseconds that one host may take to answer. Defaults to 5,000. */
  readonly connectTimeoutMs: number;
  /** Defaults to `any`. */
  readonly sessionAttributes: SessionAttributes;
}

const defaultPort = 5_432;

/** Milliseconds after which a server that does not answer counts as down. */
const defaultConnectTimeoutMs = 5_000;

const knownOptions: ReadonlySet<string> = new Set([
  'sslmode',
  'sslrootcert',
  'application_name',
  'connect_timeout',
  'target_session_attrs',
]);

/** Parses an address. @throws StoreError if it is invalid; the message contains no part of it, because it may contain a password. */
export function parseAddress(url: string): Address {
  const [, authority, path = '', query = ''] =
    /^postgres(?:ql)?:\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/.exec(url) ?? [];
  if (authority === undefined) throw invalidUrl();
  const at = authority.lastIndexOf('@');
  const [, user = '', password = ''] = /^([^:]*):?(.*)$/s.exec(authority.slice(0, Math.max(at, 0))) ?? [];
  const options = parseOptions(query);
  const login = decoded(user) ?? processUser();
  return {
    hosts: authority
      .slice(at + 1)
      .split(',')
      .map(parseHost),
    user: login,
    password: decoded(password),
    database: decoded(path) ?? login,
    tls: parseTls(options),
    applicationName: options.get('application_name') || 'regway',
    connectTimeoutMs: parseConnectTimeout(options.get('connect_timeout')),
    sessionAttributes: parseSessionAttributes(options.get('target_session_attrs')),
  };
}

function parseHost(text: string): Host {
  const [, bracketed, name, port] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]*))(?::(\d{1,5}))?$/i.exec(text) ?? [];
  if (bracketed === undefined && name === undefined) throw invalidUrl();
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) throw invalidUrl();
  return { host: bracketed ?? decoded(name ?? '') ?? 'localhost', port: Number(port ?? defaultPort) };
}

/** Percent-decodes a part; undefined if it is empty. */
function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part) || undefined;
  } catch {
    throw invalidUrl();
  }
}

/** Returns the name in the list of users, not that of the environment. @throws StoreError if a container runs as a user without a name. */
function processUser(): string {
  try {
    return userInfo().username;
  } catch {
    throw new StoreError('The address of the PostgreSQL database must contain a user.');
  }
}

function parseOptions(query: string): ReadonlyMap<string, string> {
  const options = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    if (!knownOptions.has(name))
      throw new StoreError(
        `The address of the PostgreSQL database has an unknown option. Known options: ${[...knownOptions].join(', ')}.`,
      );
    if (options.has(name)) throw new StoreError(`The address of the PostgreSQL database has the option ${name} twice.`);
    options.set(name, value);
  }
  return options;
}

/** `require` encrypts without authenticating the server, unless root certificates are named, as in libpq. */
function parseTls(options: ReadonlyMap<string, string>): Tls {
  const rootFile = options.get('sslrootcert');
  const mode = options.get('sslmode') ?? (rootFile === 'system' ? 'verify-full' : 'disable');
  const roots = rootFile === undefined || rootFile === 'system' ? {} : { ca: readRoots(rootFile) };
  switch (mode) {
    case 'disable':
      return false;
    case 'require':
      return 'ca' in roots ? withoutNameCheck(roots) : { rejectUnauthorized: false };
    case 'verify-ca':
      return withoutNameCheck(roots);
    case 'verify-full':
      return { rejectUnauthorized: true, ...roots };
    default:
      throw new StoreError(
        'The sslmode of the PostgreSQL database must be disable, require, verify-ca, or verify-full.',
      );
  }
}

function withoutNameCheck(roots: { readonly ca?: string }): Tls {
  return { rejectUnauthorized: true, ...roots, checkServerIdentity: () => undefined };
}

function readRoots(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    throw new StoreError(`The sslrootcert of the PostgreSQL database cannot be read (${code}).`);
  }
}

/** Parses whole seconds, as libpq does. 0 stands for Regway's default. */
function parseConnectTimeout(text: string | undefined): number {
  if (text === undefined || text === '0') return defaultConnectTimeoutMs;
  if (!/^\d{1,4}$/.test(text))
    throw new StoreError('The connect_timeout of the PostgreSQL database must be a number of seconds, at most 9999.');
  return Number(text) * 1_000;
}

function parseSessionAttributes(text = 'any'): SessionAttributes {
  const found = sessionAttributes.find((attributes) => attributes === text);
  if (found === undefined)
    throw new StoreError(
      `The target_session_attrs of the PostgreSQL database must be one of ${sessionAttributes.join(', ')}.`,
    );
  return found;
}

function invalidUrl(): StoreError {
  return new StoreError(
    'The address of the PostgreSQL database is not a valid URL; percent-encode special characters in its password.',
  );
}
