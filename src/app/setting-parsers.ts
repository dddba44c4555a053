// How settings are written: each parser gives the value, or throws the end of a sentence that begins with the setting's name.

import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { registryHost } from '../core/registry/host.ts';

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** An address to listen on; IPv6 in brackets. */
export function parseListen(text: string): { host: string; port: number } {
  const match = /^(?:\[(?<v6>[0-9a-fA-F:]+)\]|(?<name>[^:[\]]+)):(?<port>\d{1,5})$/.exec(text);
  const port = Number(match?.groups?.['port']);
  if (match === null || port > 65_535)
    throw new Error('must be host:port, such as 127.0.0.1:4000, 0.0.0.0:4000 or [::1]:4000');
  return { host: match.groups?.['v6'] ?? match.groups?.['name'] ?? '', port };
}

/** `true` or `false`, in any case. */
export function parseBoolean(text: string): boolean {
  if (!/^(true|false)$/i.test(text)) throw new Error('must be true or false');
  return text.toLowerCase() === 'true';
}

/** A month at most: a password that waits for longer was forgotten. */
export function parseWindowHours(text: string): number {
  if (!/^([1-9]|[1-9]\d|[1-6]\d\d|7[01]\d|720)$/.test(text))
    throw new Error('must be a whole number of hours from 1 to 720');
  return Number(text);
}

/** A number that is far above any use means that no limit was wanted, and 0 says so. */
export function parsePerMinute(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new Error('must be a whole number from 0 (no limit) to 999999');
  return Number(text);
}

/** Whole hours, a year at most; 0 for never. */
export function parseHours(text: string): number {
  if (!/^\d{1,4}$/.test(text) || Number(text) > 8_760) throw new Error('must be whole hours from 0 (never) to 8760');
  return Number(text);
}

/** A level of the log, in any case. */
export function parseLogLevel(text: string): LogLevel {
  const level = logLevels.find((candidate) => candidate === text.toLowerCase());
  if (level === undefined) throw new Error(`must be one of ${logLevels.join(', ')}`);
  return level;
}

/** The canonical host of a registry. */
export function parseRegistryHost(text: string): string {
  return registryHost(text, () => {
    throw new Error('must be host or host:port of a registry, such as docker.io');
  });
}

/** What becomes of redirects of blobs. */
export function parseRedirects(text: string): 'follow' | 'pass' {
  if (text !== 'follow' && text !== 'pass') throw new Error('must be follow or pass');
  return text;
}

/** The text is never repeated in a mistake: it may hold a password. */
export function parseDatabaseUrl(text: string): string {
  if (!/^[a-z][a-z0-9+.-]*:/i.test(text)) return resolve(text);
  if (/^postgres(ql)?:\/\//.test(text) && URL.canParse(text)) return text;
  throw new Error('must be a file path or postgres://user:password@host/database');
}

/** An origin that people open, without a slash at its end. */
export function parsePublicUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    throw new Error('must be http(s)://host[:port] without a path');
  }
  return url.origin;
}

/** An origin exactly as browsers send it. */
export function parseOrigin(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.origin !== text)
    throw new Error(`must list origins such as https://app.example.com, and "${text}" is none`);
  return text;
}

/** A range of addresses; a single address gets its full prefix. */
export function parseCidr(text: string): string {
  const [address = '', prefix = isIP(address) === 6 ? '128' : '32', ...more] = text.split('/');
  const family = isIP(address);
  const widest = family === 6 ? 128 : 32;
  if (family === 0 || more.length > 0 || !/^\d{1,3}$/.test(prefix) || Number(prefix) > widest)
    throw new Error(`must list addresses or CIDR ranges such as 10.0.0.0/8, and "${text}" is none`);
  return `${address}/${prefix}`;
}

/** `host` or `host:port`, in lower case. */
export function parsePlainHttpHost(text: string): string {
  const url = URL.parse(`http://${text}`);
  if (url === null || url.pathname !== '/' || url.username !== '' || url.search !== '' || url.hash !== '')
    throw new Error(`must list host or host:port, and "${text}" is none`);
  return text.toLowerCase();
}

/** Every certificate must parse: a broken trust anchor would otherwise be left out in silence. */
export function parseCertificates(text: string): string {
  const certificates = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  if (certificates.length === 0 || !certificates.every(isCertificate))
    throw new Error('must name a file of PEM certificates');
  return text;
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

/** Whether the address can be reached from this machine alone. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
