// Reads the TLS options of an address: the sslmode of libpq as options of Node's tls.connect.
// https://www.postgresql.org/docs/15/libpq-ssl.html

import type { checkServerIdentity, SecureVersion } from 'node:tls';
import { getCACertificates } from 'node:tls';
import type { OptionReader } from './option-reader.ts';

/** Options of `tls.connect`, or false for a connection without TLS. */
export type Tls =
  | false
  | {
      readonly rejectUnauthorized: boolean;
      readonly ca?: string | string[];
      readonly cert?: string;
      readonly key?: string;
      readonly passphrase?: string;
      readonly minVersion?: SecureVersion;
      readonly checkServerIdentity?: typeof checkServerIdentity;
    };

export interface TlsOptions {
  readonly tls: Tls;
  /** What is tried where the server refuses `tls`; undefined if nothing is. */
  readonly tlsFallback: Tls | undefined;
  /** `direct` starts TLS without asking the server first (PostgreSQL 17). */
  readonly tlsNegotiation: 'postgres' | 'direct';
  readonly channelBinding: 'disable' | 'prefer' | 'require';
}

const modes = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
type Mode = (typeof modes)[number];

/** What sslrootcert=system stands for, as in libpq. */
const system = 'system';
const versions: readonly SecureVersion[] = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];

/** The option with which the settings pass REGWAY_CA_FILE. */
export const extraRootsOption = 'regway_ca_file';

/** Reads the options. Like libpq, `require` encrypts without authenticating the server, unless root certificates are named. */
export function readTls(reader: OptionReader): TlsOptions {
  const usesSystem = reader.text('sslrootcert') === system;
  const mode = reader.oneOf('sslmode', modes) ?? (usesSystem ? 'verify-full' : 'prefer');
  if (usesSystem && mode !== 'verify-full') reader.refuse('sslmode', 'be verify-full where sslrootcert is system');
  const tlsNegotiation = reader.oneOf('sslnegotiation', ['postgres', 'direct']) ?? 'postgres';
  if (tlsNegotiation === 'direct' && ['disable', 'allow', 'prefer'].includes(mode))
    reader.refuse('sslnegotiation', 'be postgres unless sslmode is require, verify-ca, or verify-full');
  const channelBinding = reader.oneOf('channel_binding', ['disable', 'prefer', 'require']) ?? 'prefer';
  if (channelBinding === 'require' && mode === 'disable')
    reader.refuse('channel_binding', 'be prefer or disable where sslmode is disable, because it needs TLS');
  return { ...byMode(mode, reader), tlsNegotiation, channelBinding };
}

function byMode(mode: Mode, reader: OptionReader): Pick<TlsOptions, 'tls' | 'tlsFallback'> {
  const own = { ...readIdentity(reader), ...readMinVersion(reader) };
  const roots = readRoots(reader, mode.startsWith('verify'));
  const withoutNameCheck = { rejectUnauthorized: true, ...roots, ...own, checkServerIdentity: () => undefined };
  const unverified = { rejectUnauthorized: false, ...own };
  switch (mode) {
    case 'disable':
      return { tls: false, tlsFallback: undefined };
    case 'allow':
      return { tls: false, tlsFallback: unverified };
    case 'prefer':
      return { tls: unverified, tlsFallback: false };
    case 'require':
      return { tls: 'ca' in roots ? withoutNameCheck : unverified, tlsFallback: undefined };
    case 'verify-ca':
      return { tls: withoutNameCheck, tlsFallback: undefined };
    case 'verify-full':
      return { tls: { rejectUnauthorized: true, ...roots, ...own }, tlsFallback: undefined };
  }
}

/**
 * Returns the trusted roots: those of sslrootcert and no others, or else Node's, where certificates are verified also those of REGWAY_CA_FILE.
 * `system` adds those of the operating system.
 */
function readRoots(reader: OptionReader, isVerified: boolean): { readonly ca?: string | string[] } {
  const isSystem = reader.text('sslrootcert') === system;
  if (!isSystem) {
    const ca = reader.file('sslrootcert');
    if (ca !== undefined) return { ca };
  }
  const extra = isVerified ? reader.file(extraRootsOption) : undefined;
  if (!isVerified || (!isSystem && extra === undefined)) return {};
  const lists = [getCACertificates('default'), isSystem ? getCACertificates('system') : [], extra ?? []];
  return { ca: [...new Set(lists.flat())] };
}

/** Returns the certificate with which Regway authenticates itself. */
function readIdentity(reader: OptionReader): {
  readonly cert?: string;
  readonly key?: string;
  readonly passphrase?: string;
} {
  const cert = reader.file('sslcert');
  const key = reader.file('sslkey');
  const passphrase = reader.text('sslpassword');
  if ((reader.text('sslcert') === undefined) !== (reader.text('sslkey') === undefined))
    reader.refuse(
      reader.text('sslcert') === undefined ? 'sslkey' : 'sslcert',
      'come with the other of sslcert and sslkey',
    );
  if (cert === undefined || key === undefined) return {};
  return { cert, key, ...(passphrase === undefined ? {} : { passphrase }) };
}

function readMinVersion(reader: OptionReader): { readonly minVersion?: SecureVersion } {
  const minVersion = reader.oneOf('ssl_min_protocol_version', versions);
  return minVersion === undefined ? {} : { minVersion };
}
