// Parses the address of a PostgreSQL database as libpq does: `postgres://user:password@host:port,host:port/database?option=value`, or pairs.
// Written by hand, because pg reads one host, changes the meaning of sslmode, and passes unknown options on to the server.
// https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-CONNSTRING

import { userInfo } from 'node:os';
import { StoreError } from '../errors.ts';
import { type AddressDefaults, completedOptions } from './address/environment.ts';
import { type OptionReader, optionReader } from './address/option-reader.ts';
import { type Options, shownName, splitAddress } from './address/text.ts';
import { extraRootsOption, readTls, type TlsOptions } from './address/tls.ts';

/** The required state of a server. */
const sessionAttributes = ['any', 'read-write', 'read-only', 'primary', 'standby', 'prefer-standby'] as const;
export type SessionAttributes = (typeof sessionAttributes)[number];

export interface Host {
  /** A name, an IP address, or the directory of a Unix socket. Defaults to `localhost`. */
  readonly host: string;
  /** Defaults to 5432. */
  readonly port: number;
}

export interface Address extends TlsOptions {
  /** At least one, in the order in which they are tried. */
  readonly hosts: readonly Host[];
  /** Defaults to the operating system's user who runs Regway. */
  readonly user: string;
  /** Undefined if the address has none. ~/.pgpass is not read. */
  readonly password: string | undefined;
  /** Defaults to the name of the user. */
  readonly database: string;
  /** Defaults to `regway`. */
  readonly applicationName: string;
  /** The command-line options of the session, which some providers use to find the database; undefined if the address has none. */
  readonly serverOptions: string | undefined;
  /** Milliseconds that one host may take to answer. Defaults to 5,000; at most 10,000 where other hosts wait. */
  readonly connectTimeoutMs: number;
  readonly keepAlive: boolean;
  /** Milliseconds; 0 for the operating system's. */
  readonly keepAliveIdleMs: number;
  /** Defaults to `any`. */
  readonly sessionAttributes: SessionAttributes;
  /** Options of libpq in the address that change nothing in Regway. */
  readonly withoutEffect: readonly string[];
}

/** What is wrong with an address, all of it. No sentence contains any part of its values, because they may contain a password. */
export class AddressError extends StoreError {
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(mistakes.join(' '));
    this.mistakes = mistakes;
  }
}

const defaultPort = 5_432;

/** Milliseconds after which a server that does not answer counts as down. */
const defaultConnectTimeoutMs = 5_000;

/** Milliseconds. A call gives up after 12 s, so that the next host must have its turn before. */
const maxConnectTimeoutInListMs = 10_000;

/** The options that mean something, as the message about any other names them. */
const supported = (
  'host port user password dbname application_name options connect_timeout target_session_attrs load_balance_hosts ' +
  'keepalives keepalives_idle client_encoding gssencmode sslmode sslnegotiation sslrootcert sslcert sslkey ' +
  'sslpassword ssl_min_protocol_version channel_binding'
).split(' ');

/**
 * Options that people paste and that change nothing here: Node.js sets the interval and the count of keepalives itself, it knows neither
 * compression of TLS nor GSSAPI, `application_name` has a default, and Regway notices a pooler itself.
 */
const harmless = (
  'keepalives_interval keepalives_count tcp_user_timeout sslcompression krbsrvname ' +
  'fallback_application_name pgbouncer'
).split(' ');

/**
 * Parses an address.
 * @param label begins each sentence of a refusal.
 * @param defaults completes the address; by default nothing does.
 * @throws AddressError with every mistake.
 */
export function parseAddress(
  text: string,
  label = 'The address of the PostgreSQL database',
  defaults: AddressDefaults = { environment: {} },
): Address {
  const { options: own, mistakes: ofText } = splitAddress(text);
  const options = completedOptions(own, defaults);
  const mistakes = [...ofText.map((mistake) => `${label} ${mistake}.`), ...unknownOptions(own, label)];
  const reader = optionReader(options, label, mistakes);
  const user = reader.text('user') ?? processUser(label, mistakes);
  const address: Address = {
    hosts: readHosts(reader),
    user,
    password: reader.text('password'),
    database: reader.text('dbname') ?? user,
    ...readTls(reader),
    applicationName: reader.text('application_name') ?? 'regway',
    serverOptions: reader.text('options'),
    ...readTimes(reader),
    sessionAttributes: reader.oneOf('target_session_attrs', sessionAttributes) ?? 'any',
    withoutEffect: harmless.filter((name) => options.has(name)),
  };
  refuseOthers(reader);
  if (mistakes.length > 0) throw new AddressError(mistakes);
  return address;
}

function unknownOptions(options: Options, label: string): string[] {
  const known = new Set([...supported, ...harmless, extraRootsOption]);
  const unknown = [...options.keys()].filter((name) => !known.has(name));
  return unknown.map(
    (name) =>
      `${label} has the option ${shownName(name)}, which Regway does not support. Remove it; supported are ${supported.join(', ')}.`,
  );
}

function readHosts(reader: OptionReader): readonly Host[] {
  const names = reader.text('host')?.split(',') ?? [''];
  const ports = reader.text('port')?.split(',') ?? [''];
  if (!ports.every((port) => port === '' || (/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535)))
    reader.refuse('port', 'be a whole number from 1 to 65535');
  if (ports.length > 1 && ports.length !== names.length) reader.refuse('port', 'have one port, or one for each host');
  // Such as the pairs of another driver, whose password must not end in a message about an unknown host.
  if (names.some((name) => !name.startsWith('/') && /[\s;=@?#"'\\/]/.test(name)))
    reader.refuse('host', 'be the name, the IP address, or the Unix socket directory of a server, or a list of them');
  const hosts = names.map((name, index) => ({
    host: name || 'localhost',
    port: Number((ports.length === 1 ? ports[0] : ports[index]) || defaultPort),
  }));
  const order = reader.oneOf('load_balance_hosts', ['disable', 'random']);
  return order === 'random' ? inTurn(hosts) : hosts;
}

/** Begins with another host in each process, so that servers spread over them. Process IDs are random enough for that. */
function inTurn(hosts: readonly Host[]): readonly Host[] {
  const first = process.pid % hosts.length;
  return [...hosts.slice(first), ...hosts.slice(0, first)];
}

function readTimes(reader: OptionReader): Pick<Address, 'connectTimeoutMs' | 'keepAlive' | 'keepAliveIdleMs'> {
  // As in libpq, 0 stands for the default.
  const given = (reader.number('connect_timeout') ?? 0) * 1_000 || defaultConnectTimeoutMs;
  const isList = reader.text('host')?.includes(',') === true;
  return {
    connectTimeoutMs: isList ? Math.min(given, maxConnectTimeoutInListMs) : given,
    keepAlive: reader.oneOf('keepalives', ['0', '1']) !== '0',
    keepAliveIdleMs: (reader.number('keepalives_idle') ?? 0) * 1_000,
  };
}

/** Refuses values that would need what Regway does not have. */
function refuseOthers(reader: OptionReader): void {
  if (!/^(?:auto|utf-?8)?$/i.test(reader.text('client_encoding') ?? '')) reader.refuse('client_encoding', 'be UTF8');
  if (reader.text('gssencmode') === 'require')
    reader.refuse('gssencmode', 'be disable or prefer, because Regway encrypts with TLS and not with GSSAPI');
}

/** Returns the name in the list of users, not that of the environment, or notes that a container runs as a user without a name. */
function processUser(label: string, mistakes: string[]): string {
  try {
    return userInfo().username;
  } catch {
    mistakes.push(`${label} must contain a user.`);
    return '';
  }
}
