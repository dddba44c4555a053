// Parses the values of settings. Each parser returns the value, or throws an Error whose message completes a sentence that begins with the setting's name.

import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { registryHost } from '../core/registry/host.ts';

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
/** The levels of the log, from the most to the least verbose. */
export type LogLevel = (typeof logLevels)[number];

/** Parses an address to listen on, `host:port`; IPv6 in brackets. */
export function parseListen(text: string): { host: string; port: number } {
  const match = /^(?:\[(?<v6>[0-9a-fA-F:]+)\]|(?<name>[^:[\]]+)):(?<port>\d{1,5})$/.exec(text);
  const port = Number(match?.groups?.['port']);
  if (match === null || port > 65_535)
    throw new Error('must be host:port, such as 127.0.0.1:4000, 0.0.0.0:4000, or [::1]:4000');
  return { host: match.groups?.['v6'] ?? match.groups?.['name'] ?? '', port };
}

/** Parses `true` or `false`, case-insensitively. */
export function parseBoolean(text: string): boolean {
  if (!/^(true|false)$/i.test(text)) throw new Error('must be true or false');
  return text.toLowerCase() === 'true';
}

/** Parses hours, at most 720 (30 days), because a password that is pending for longer was forgotten. */
export function parseWindowHours(text: string): number {
  if (!/^([1-9]|[1-9]\d|[1-6]\d\d|7[01]\d|720)$/.test(text))
    throw new Error('must be a whole number of hours from 1 to 720');
  return Number(text);
}

/** Parses a limit per minute, at most 999999: a higher number means that no limit was intended, which 0 expresses. */
export function parsePerMinute(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new Error('must be a whole number from 0 (no limit) to 999999');
  return Number(text);
}

/** Parses the number of threads of libuv's pool, within libuv's own bounds. */
export function parseThreads(text: string): number {
  const threads = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (threads < 1 || threads > 1_024) throw new Error('must be a whole number from 1 to 1024');
  return threads;
}

/** Parses whole hours, at most 8760 (one year); 0 means never. */
export function parseHours(text: string): number {
  if (!/^\d{1,4}$/.test(text) || Number(text) > 8_760)
    throw new Error('must be a whole number of hours from 0 (never) to 8760');
  return Number(text);
}

/** Parses whole days, at most 36500 (a hundred years), with or without the unit; 0 means without an end. */
export function parseDays(text: string): number {
  const days = Number(/^(\d{1,5})d?$/.exec(text)?.[1]);
  if (!(days <= 36_500)) throw new Error('must be a whole number of days from 0 (keep all) to 36500');
  return days;
}

/** Parses whole seconds, at most one hour, with or without the unit, and returns milliseconds. */
export function parseSeconds(text: string): number {
  const seconds = Number(/^(\d{1,4})s?$/.exec(text)?.[1]);
  if (!(seconds <= 3_600)) throw new Error('must be a whole number of seconds from 0 to 3600');
  return seconds * 1_000;
}

/** Parses a log level, case-insensitively. */
export function parseLogLevel(text: string): LogLevel {
  const level = logLevels.find((candidate) => candidate === text.toLowerCase());
  if (level === undefined) throw new Error(`must be one of ${logLevels.join(', ')}`);
  return level;
}

/** Parses a registry host and returns it in canonical form. */
export function parseRegistryHost(text: string): string {
  return registryHost(text, () => {
    throw new Error('must be the host or host:port of a registry, such as docker.io');
  });
}

/** Parses how redirects of blobs are handled. */
export function parseRedirects(text: string): 'follow' | 'pass' {
  if (text !== 'follow' && text !== 'pass') throw new Error('must be follow or pass');
  return text;
}

/** Parses the path of a database file. The message of a mistake never repeats the value, because it may contain a password. */
export function parseDatabaseFile(text: string): string {
  if (!/^[a-z][a-z0-9+.-]*:/i.test(text)) return resolve(text);
  throw new Error('must be a file path or postgres://user:password@host/database');
}

/** Parses the origin that users open, and returns it without a trailing slash. */
export function parsePublicUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    throw new Error('must be http(s)://host[:port] without a path');
  }
  return url.origin;
}

/** Parses an origin in the form that browsers send (RFC 6454 §6.2). */
export function parseOrigin(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.origin !== text)
    throw new Error(`must list origins such as https://app.example.com, but "${text}" is not an origin`);
  return text;
}

/** Parses a CIDR range. A single address gets the longest prefix, /32 or /128. */
export function parseCidr(text: string): string {
  const [address = '', prefix = isIP(address) === 6 ? '128' : '32', ...more] = text.split('/');
  const family = isIP(address);
  const widest = family === 6 ? 128 : 32;
  if (family === 0 || more.length > 0 || !/^\d{1,3}$/.test(prefix) || Number(prefix) > widest)
    throw new Error(`must list addresses or CIDR ranges such as 10.0.0.0/8, but "${text}" is neither`);
  return `${address}/${prefix}`;
}

/** Parses `host` or `host:port`, and returns it in lower case. */
export function parseHostAndPort(text: string): string {
  const url = URL.parse(`http://${text}`);
  if (url === null || url.pathname !== '/' || url.username !== '' || url.search !== '' || url.hash !== '')
    throw new Error(`must list host or host:port, but "${text}" is neither`);
  return text.toLowerCase();
}

/** Checks that every certificate parses, because an invalid trust anchor would otherwise be ignored silently. */
export function parseCertificates(text: string): string {
  const certificates = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  if (certificates.length === 0 || !certificates.every(isCertificate))
    throw new Error('must name a file that contains PEM certificates');
  return text;
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

/** Returns whether the address can be reached only from this machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
