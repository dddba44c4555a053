// The settings: read once from the environment, all mistakes reported together. The only reader of process.env.

import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { CommandLineSettings } from './cli/settings.ts';
import { registryHost } from './core/host.ts';
import { Secret } from './core/secret.ts';

export interface Config {
  readonly listenHost: string;
  /** 0 lets the system pick one. */
  readonly listenPort: number;
  /** Whether only this machine can reach the server; then, and only then, may it reach registries on loopback. */
  readonly loopbackOnly: boolean;
  readonly dataDir: string;
  /** A SQLite file, or `postgres://…`. */
  readonly databaseUrl: string;
  readonly keyringFile: string;
  /** Where people reach the server, when that is not the listening address. No slash at the end. */
  readonly publicUrl: string | undefined;
  readonly corsOrigins: readonly string[];
  readonly introspection: boolean;
  /** CIDR ranges; empty means every range that is not denied. */
  readonly egressAllow: readonly string[];
  readonly egressDeny: readonly string[];
  readonly plainHttpHosts: readonly string[];
  /** PEM texts; undefined serves plain HTTP. */
  readonly tls: { readonly certificate: string; readonly key: string } | undefined;
  /** PEM of extra trust anchors for registries. */
  readonly extraCa: string | undefined;
  /** Whether records may use the cloud identity of this server itself: then everybody who can create one can. */
  readonly ambient: { readonly aws: boolean; readonly gcp: boolean; readonly azure: boolean };
  /** Canonical host of names that start with none, for Docker's `registry-mirrors`. */
  readonly pullDefaultUpstream: string | undefined;
  /** Whether images that match no registry are pulled without a credential. */
  readonly pullAnonymous: boolean;
  /** Whether blobs come through this server, or the client is told where they are. */
  readonly pullRedirects: 'follow' | 'pass';
  /** Who may log people in, as JSON; checked where it is used. */
  readonly oidcIssuers: string | undefined;
  /** Of each subject; 0 for no limit. */
  readonly validationsPerMinute: number;
  /** Of each client address and each token; 0 for no limit. */
  readonly failedLoginsPerMinute: number;
  /** CIDR ranges of proxies whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[];
  readonly logLevel: LogLevel;
  /** Names that start with `REGWAY_` and mean nothing, worth a warning. */
  readonly unknownSettings: readonly string[];
}

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
type LogLevel = (typeof logLevels)[number];

/** Settings that the command line reads, or that Kubernetes injects for a service of this name. */
const foreignSettings = /^REGWAY_(URL|TOKEN|REGISTRY_PASSWORD|SERVICE_.+|PORT(_.+)?)$/;

/** Every mistake in the settings at once. The program ends with exit code 78 (EX_CONFIG). */
export class ConfigRefused extends Error {
  override readonly name = 'ConfigRefused';

  constructor(mistakes: readonly string[]) {
    super(mistakes.length === 1 ? `A setting is wrong: ${mistakes.join('')}` : `${mistakes.length} settings are wrong:\n${mistakes.map((mistake) => `  ${mistake}`).join('\n')}`);
  }
}

/**
 * Reads the settings.
 * @throws ConfigRefused naming every mistake.
 */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const reader = new SettingReader(environment);
  const { host, port } = reader.parse('REGWAY_LISTEN', parseListen) ?? { host: '127.0.0.1', port: 4000 };
  const dataDir = resolve(reader.text('REGWAY_DATA_DIR') ?? 'data');
  const config: Config = {
    listenHost: host,
    listenPort: port,
    loopbackOnly: isLoopback(host),
    dataDir,
    databaseUrl: reader.secret('REGWAY_DATABASE_URL', parseDatabaseUrl) ?? join(dataDir, 'regway.db'),
    keyringFile: resolve(reader.text('REGWAY_KEYRING_FILE') ?? join(dataDir, 'keyring')),
    publicUrl: reader.parse('REGWAY_PUBLIC_URL', parsePublicUrl),
    corsOrigins: reader.list('REGWAY_CORS_ORIGINS', parseOrigin),
    introspection: reader.parse('REGWAY_INTROSPECTION', parseBoolean) ?? false,
    egressAllow: reader.list('REGWAY_EGRESS_ALLOW', parseCidr),
    egressDeny: reader.list('REGWAY_EGRESS_DENY', parseCidr),
    plainHttpHosts: reader.list('REGWAY_PLAIN_HTTP_HOSTS', parsePlainHttpHost),
    tls: readTls(reader),
    extraCa: reader.file('REGWAY_CA_FILE', parseCertificates),
    ambient: {
      aws: reader.parse('REGWAY_AWS_AMBIENT', parseBoolean) ?? false,
      gcp: reader.parse('REGWAY_GCP_AMBIENT', parseBoolean) ?? false,
      azure: reader.parse('REGWAY_AZURE_AMBIENT', parseBoolean) ?? false,
    },
    pullDefaultUpstream: reader.parse('REGWAY_PULL_DEFAULT_UPSTREAM', parseRegistryHost),
    pullAnonymous: reader.parse('REGWAY_PULL_ANONYMOUS', parseBoolean) ?? true,
    pullRedirects: reader.parse('REGWAY_PULL_REDIRECTS', parseRedirects) ?? 'follow',
    oidcIssuers: reader.secret('REGWAY_OIDC_ISSUERS', (text) => text),
    validationsPerMinute: reader.parse('REGWAY_VALIDATIONS_PER_MINUTE', parsePerMinute) ?? 10,
    failedLoginsPerMinute: reader.parse('REGWAY_FAILED_LOGINS_PER_MINUTE', parsePerMinute) ?? 10,
    trustedProxies: reader.list('REGWAY_TRUSTED_PROXIES', parseCidr),
    logLevel: reader.parse('REGWAY_LOG_LEVEL', parseLogLevel) ?? 'info',
    unknownSettings: reader.unknown(),
  };
  reader.finish();
  return config;
}

/** Reads what the commands that talk to a server need. The command line says what is wrong with a value when it uses it. */
export function readCommandLineSettings(environment: NodeJS.ProcessEnv = process.env): CommandLineSettings {
  // A password is taken as it is: a space at its end may be part of it.
  const secret = (value: string | undefined): Secret | undefined => (value === undefined || value === '' ? undefined : new Secret(value));
  return {
    url: environment['REGWAY_URL']?.trim() || undefined,
    token: secret(environment['REGWAY_TOKEN']?.trim()),
    registryPassword: secret(environment['REGWAY_REGISTRY_PASSWORD']),
    configDir: environment['XDG_CONFIG_HOME'] || join(homedir(), '.config'),
  };
}

function readTls(reader: SettingReader): Config['tls'] {
  const certificate = reader.file('REGWAY_TLS_CERT_FILE');
  const key = reader.file('REGWAY_TLS_KEY_FILE');
  if ((certificate === undefined) !== (key === undefined)) reader.mistake('REGWAY_TLS_CERT_FILE and REGWAY_TLS_KEY_FILE belong together: set both.');
  if (certificate === undefined || key === undefined) return undefined;
  try {
    createSecureContext({ cert: certificate, key });
  } catch {
    reader.mistake('REGWAY_TLS_CERT_FILE and REGWAY_TLS_KEY_FILE must hold a PEM certificate and its own private key, without a passphrase.');
  }
  return { certificate, key };
}

/** Collects mistakes instead of stopping at the first. An empty setting counts as absent. */
class SettingReader {
  readonly #environment: NodeJS.ProcessEnv;
  readonly #mistakes: string[] = [];
  readonly #known = new Set<string>();

  constructor(environment: NodeJS.ProcessEnv) {
    this.#environment = environment;
  }

  text(name: string): string | undefined {
    this.#known.add(name);
    return this.#environment[name]?.trim() || undefined;
  }

  parse<T>(name: string, parse: (text: string) => T): T | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : this.#attempt(name, () => parse(text));
  }

  list<T>(name: string, parse: (text: string) => T): T[] {
    const items = this.text(name)?.split(/[\s,]+/).filter(Boolean) ?? [];
    return items.flatMap((item) => this.#attempt(name, () => parse(item)) ?? []);
  }

  /** The content of the file that a setting names. */
  file(name: string, check: (text: string) => string = (text) => text): string | undefined {
    const path = this.text(name);
    const text = path === undefined ? undefined : this.#read(name, path);
    return text === undefined ? undefined : this.#attempt(name, () => check(text));
  }

  /** A setting that may hold a password: given directly, or in the file that `<name>_FILE` names. */
  secret(name: string, parse: (text: string) => string): string | undefined {
    const direct = this.text(name);
    const filed = this.file(`${name}_FILE`);
    if (direct !== undefined && filed !== undefined) this.mistake(`${name} and ${name}_FILE are both set: keep one.`);
    const text = direct ?? filed?.trim();
    return text === undefined ? undefined : this.#attempt(name, () => parse(text));
  }

  mistake(sentence: string): void {
    this.#mistakes.push(sentence);
  }

  unknown(): string[] {
    return Object.keys(this.#environment).filter((name) => name.startsWith('REGWAY_') && !this.#known.has(name) && !foreignSettings.test(name));
  }

  finish(): void {
    if (this.#mistakes.length > 0) throw new ConfigRefused(this.#mistakes);
  }

  #attempt<T>(name: string, run: () => T): T | undefined {
    try {
      return run();
    } catch (error) {
      this.mistake(`${name} ${error instanceof Error ? error.message : 'is not usable'}.`);
      return undefined;
    }
  }

  #read(name: string, path: string): string | undefined {
    try {
      return readFileSync(path, 'utf8');
    } catch (error) {
      this.mistake(`${name} names a file that cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown'}): ${path}.`);
      return undefined;
    }
  }
}

function parseListen(text: string): { host: string; port: number } {
  const match = /^(?:\[(?<v6>[0-9a-fA-F:]+)\]|(?<name>[^:[\]]+)):(?<port>\d{1,5})$/.exec(text);
  const port = Number(match?.groups?.['port']);
  if (match === null || port > 65_535) throw new Error('must be host:port, such as 127.0.0.1:4000, 0.0.0.0:4000 or [::1]:4000');
  return { host: match.groups?.['v6'] ?? match.groups?.['name'] ?? '', port };
}

function parseBoolean(text: string): boolean {
  if (!/^(true|false)$/i.test(text)) throw new Error('must be true or false');
  return text.toLowerCase() === 'true';
}

/** A number that is far above any use means that no limit was wanted, and 0 says so. */
function parsePerMinute(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new Error('must be a whole number from 0 (no limit) to 999999');
  return Number(text);
}

function parseLogLevel(text: string): LogLevel {
  const level = logLevels.find((candidate) => candidate === text.toLowerCase());
  if (level === undefined) throw new Error(`must be one of ${logLevels.join(', ')}`);
  return level;
}

function parseRegistryHost(text: string): string {
  return registryHost(text, () => {
    throw new Error('must be host or host:port of a registry, such as docker.io');
  });
}

function parseRedirects(text: string): 'follow' | 'pass' {
  if (text !== 'follow' && text !== 'pass') throw new Error('must be follow or pass');
  return text;
}

/** The text is never repeated in a mistake: it may hold a password. */
function parseDatabaseUrl(text: string): string {
  if (!/^[a-z][a-z0-9+.-]*:/i.test(text)) return resolve(text);
  if (/^postgres(ql)?:\/\//.test(text) && URL.canParse(text)) return text;
  throw new Error('must be a file path or postgres://user:password@host/database');
}

function parsePublicUrl(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    throw new Error('must be http(s)://host[:port] without a path');
  }
  return url.origin;
}

function parseOrigin(text: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.origin !== text) throw new Error(`must list origins such as https://app.example.com, and "${text}" is none`);
  return text;
}

function parseCidr(text: string): string {
  const [address = '', prefix = isIP(address) === 6 ? '128' : '32', ...more] = text.split('/');
  const family = isIP(address);
  const widest = family === 6 ? 128 : 32;
  if (family === 0 || more.length > 0 || !/^\d{1,3}$/.test(prefix) || Number(prefix) > widest) throw new Error(`must list addresses or CIDR ranges such as 10.0.0.0/8, and "${text}" is none`);
  return `${address}/${prefix}`;
}

function parsePlainHttpHost(text: string): string {
  const url = URL.parse(`http://${text}`);
  if (url === null || url.pathname !== '/' || url.username !== '' || url.search !== '' || url.hash !== '') throw new Error(`must list host or host:port, and "${text}" is none`);
  return text.toLowerCase();
}

/** Every certificate must parse: a broken trust anchor would otherwise be left out in silence. */
function parseCertificates(text: string): string {
  const certificates = text.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [];
  if (certificates.length === 0 || !certificates.every(isCertificate)) throw new Error('must name a file of PEM certificates');
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
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
