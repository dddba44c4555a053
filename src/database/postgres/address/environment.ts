// Adds what libpq's variables of the environment say to an address that does not say it itself.
// https://www.postgresql.org/docs/15/libpq-envars.html

import { isInPairs, joinAddress, type Options, splitAddress } from './text.ts';
import { extraRootsOption } from './tls.ts';

/** What an address is completed with. */
export interface AddressDefaults {
  /** The variables of the environment; only those of libpq count. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The path of REGWAY_CA_FILE, whose authorities are trusted too where certificates are verified. */
  readonly caFile?: string | undefined;
}

const optionOf: Readonly<Record<string, string>> = {
  PGHOST: 'host',
  PGPORT: 'port',
  PGUSER: 'user',
  PGPASSWORD: 'password',
  PGDATABASE: 'dbname',
  PGAPPNAME: 'application_name',
  PGOPTIONS: 'options',
  PGCONNECT_TIMEOUT: 'connect_timeout',
  PGTARGETSESSIONATTRS: 'target_session_attrs',
  PGLOADBALANCEHOSTS: 'load_balance_hosts',
  PGCLIENTENCODING: 'client_encoding',
  PGGSSENCMODE: 'gssencmode',
  PGSSLMODE: 'sslmode',
  PGSSLNEGOTIATION: 'sslnegotiation',
  PGSSLROOTCERT: 'sslrootcert',
  PGSSLCERT: 'sslcert',
  PGSSLKEY: 'sslkey',
  PGSSLMINPROTOCOLVERSION: 'ssl_min_protocol_version',
  PGCHANNELBINDING: 'channel_binding',
};

/** Variables of libpq that would change how it connects, and that Regway does not read. */
const unread =
  /^PG(HOSTADDR|PASSFILE|SERVICE|SERVICEFILE|REQUIREAUTH|REQUIREPEER|REQUIRESSL|SSLCRL|SSLCRLDIR|SSLCERTMODE|SSLSNI|SSLMAXPROTOCOLVERSION)$/;

/** Returns the variables of libpq that are set and not read. */
export function unreadVariables(environment: AddressDefaults['environment']): string[] {
  return Object.keys(environment).filter((name) => unread.test(name) && environment[name] !== '');
}

/** Returns the variables of libpq that are read, with their values. */
export function readVariables(environment: AddressDefaults['environment']): Record<string, string> {
  const set = Object.entries(environment).flatMap(([name, value]) =>
    Object.hasOwn(optionOf, name) && value !== undefined && value !== '' ? [[name, value] as const] : [],
  );
  return Object.fromEntries(set);
}

/** Returns the options of an address with those of the environment that it does not have. */
export function completedOptions(options: Options, { environment, caFile }: AddressDefaults): Options {
  const added = Object.entries(optionOf).flatMap(([variable, name]) => {
    const value = environment[variable];
    return value === undefined || value === '' || options.has(name) ? [] : [[name, { value, variable }] as const];
  });
  const roots =
    caFile === undefined ? [] : [[extraRootsOption, { value: caFile, variable: 'REGWAY_CA_FILE' }] as const];
  return new Map([...options, ...added, ...roots]);
}

/**
 * Returns an address that says by itself all that it means together with the environment; the same text if that adds nothing, or if the text
 * cannot be read, so that its reader reports it and nobody connects to what is left of it.
 */
export function completeAddress(text: string, defaults: AddressDefaults): string {
  const { options, mistakes } = splitAddress(text);
  if (mistakes.length > 0) return text;
  const completed = completedOptions(options, defaults);
  return completed.size === options.size && !isInPairs(text) ? text : joinAddress(completed);
}
