// Reads the settings once from the environment and reports all mistakes together. The only reader of process.env.

import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { createSecureContext } from 'node:tls';
import type { CommandLineSettings } from '../cli/context.ts';
import { Secret } from '../core/shared/secret.ts';
import { type DatabaseSettings, readDatabase } from './database-settings.ts';
import {
  isLoopback,
  type LogLevel,
  parseBoolean,
  parseCertificates,
  parseCidr,
  parseDays,
  parseHours,
  parseListen,
  parseLogLevel,
  parseOrigin,
  parsePerMinute,
  parseHostAndPort,
  parsePublicUrl,
  parseRedirects,
  parseRegistryHost,
  parseSeconds,
  parseThreads,
  parseWindowHours,
} from './setting-parsers.ts';
import { SettingReader } from './setting-reader.ts';

/** The validated settings of the server and of the commands that work on the data directory. */
export interface Config extends DatabaseSettings {
  readonly listenHost: string;
  /** 0 lets the system pick a free port. */
  readonly listenPort: number;
  /** Whether only this machine can reach the server. Only then may it connect to registries on loopback. */
  readonly loopbackOnly: boolean;
  readonly dataDir: string;
  readonly keyringFile: string;
  /** The origin at which users reach the server, without a trailing slash; undefined if it is the listening address. */
  readonly publicUrl: string | undefined;
  readonly corsOrigins: readonly string[];
  readonly introspection: boolean;
  /** CIDR ranges; empty means every range that is not denied. */
  readonly egressAllow: readonly string[];
  readonly egressDeny: readonly string[];
  readonly plainHttpHosts: readonly string[];
  /** `host` or `host:port` that registries may redirect to although they are in a private network. */
  readonly redirectHosts: readonly string[];
  /** PEM; if undefined, the server uses plain HTTP. */
  readonly tls: { readonly certificate: string; readonly key: string } | undefined;
  /** PEM of additional trust anchors for connections to registries, clouds, and issuers. */
  readonly extraCa: string | undefined;
  /** Whether registries may use the server's own cloud identity. If so, everyone who can create registries can use it. */
  readonly ambient: { readonly aws: boolean; readonly gcp: boolean; readonly azure: boolean };
  /** The canonical registry host of image names without one, for Docker's `registry-mirrors`. */
  readonly pullDefaultUpstream: string | undefined;
  /** Whether images that no registry covers are pulled without a credential. */
  readonly pullAnonymous: boolean;
  /** Whether the server follows redirects of blobs itself, or passes them to the client. */
  readonly pullRedirects: 'follow' | 'pass';
  /** Milliseconds for which a pending or a previous password may be used. */
  readonly rotationWindowMs: number;
  /** The OpenID Connect issuers, as JSON; parsed where it is used. */
  readonly oidcIssuers: string | undefined;
  /** Days for which a count of usage is kept after its last use; 0 for ever. */
  readonly usageRetentionDays: number;
  /** Hours between two validations of a stored credential; 0 if never. */
  readonly revalidateEveryHours: number;
  /** The manifest of trusted documents, as JSON; parsed where it is used. */
  readonly trustedDocuments: string | undefined;
  readonly onlyTrustedDocuments: boolean;
  /** Whether frequent GraphQL operations are compiled to JavaScript. */
  readonly compiledExecution: boolean;
  /** Per subject; 0 for no limit. */
  readonly validationsPerMinute: number;
  /** Per account; 0 for no limit. */
  readonly accountValidationsPerMinute: number;
  /** Per client address and per token; 0 for no limit. */
  readonly failedLoginsPerMinute: number;
  /** CIDR ranges of the proxies that are believed about where a client is, and at which address it reached them. */
  readonly trustedProxies: readonly string[];
  /** Milliseconds for which the server goes on serving after SIGTERM, so that balancers take it out first. */
  readonly shutdownDelayMs: number;
  /** Milliseconds that requests in flight have after that. */
  readonly shutdownTimeoutMs: number;
  /** UV_THREADPOOL_SIZE, which libuv reads itself: the threads that resolve names, read files, compress, and hash; undefined for libuv's default. */
  readonly poolThreads: number | undefined;
  /** Whether the hosts of registries are labels of metrics, which need no login. */
  readonly metricsHosts: boolean;
  readonly logLevel: LogLevel;
  /** Names that start with `REGWAY_` but are no settings; the server warns about each. */
  readonly unknownSettings: readonly string[];
}

/** All mistakes in the settings together. The process exits with status 78 (EX_CONFIG of sysexits.h). */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';

  constructor(mistakes: readonly string[]) {
    super(
      mistakes.length === 1
        ? `A setting is invalid: ${mistakes.join('')}`
        : `${mistakes.length} settings are invalid:\n${mistakes.map((mistake) => `  ${mistake}`).join('\n')}`,
    );
  }
}

/**
 * Reads the settings of the server and of the commands that work on the data directory.
 * @throws ConfigError with every mistake.
 */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const reader = new SettingReader(environment);
  const { host, port } = reader.parse('REGWAY_LISTEN', parseListen) ?? { host: '127.0.0.1', port: 4000 };
  const dataDir = resolve(reader.text('REGWAY_DATA_DIR') ?? 'data');
  const extraCa = reader.file('REGWAY_CA_FILE', parseCertificates);
  const validationsPerMinute = reader.parse('REGWAY_VALIDATIONS_PER_MINUTE', parsePerMinute) ?? 10;
  const config: Config = {
    listenHost: host,
    listenPort: port,
    loopbackOnly: isLoopback(host),
    dataDir,
    ...readDatabase(reader, {
      dataDir,
      environment,
      caFile: extraCa === undefined ? undefined : reader.text('REGWAY_CA_FILE'),
    }),
    keyringFile: resolve(reader.text('REGWAY_KEYRING_FILE') ?? join(dataDir, 'keyring')),
    publicUrl: reader.parse('REGWAY_PUBLIC_URL', parsePublicUrl),
    corsOrigins: reader.list('REGWAY_CORS_ORIGINS', parseOrigin),
    introspection: reader.parse('REGWAY_INTROSPECTION', parseBoolean) ?? false,
    egressAllow: reader.list('REGWAY_EGRESS_ALLOW', parseCidr),
    egressDeny: reader.list('REGWAY_EGRESS_DENY', parseCidr),
    plainHttpHosts: reader.list('REGWAY_PLAIN_HTTP_HOSTS', parseHostAndPort),
    redirectHosts: reader.list('REGWAY_REDIRECT_HOSTS', parseHostAndPort),
    tls: readTls(reader),
    extraCa,
    ambient: {
      aws: reader.parse('REGWAY_AWS_AMBIENT', parseBoolean) ?? false,
      gcp: reader.parse('REGWAY_GCP_AMBIENT', parseBoolean) ?? false,
      azure: reader.parse('REGWAY_AZURE_AMBIENT', parseBoolean) ?? false,
    },
    pullDefaultUpstream: reader.parse('REGWAY_PULL_DEFAULT_UPSTREAM', parseRegistryHost),
    pullAnonymous: reader.parse('REGWAY_PULL_ANONYMOUS', parseBoolean) ?? true,
    pullRedirects: reader.parse('REGWAY_PULL_REDIRECTS', parseRedirects) ?? 'follow',
    oidcIssuers: reader.secret('REGWAY_OIDC_ISSUERS', (text) => text),
    usageRetentionDays: reader.parse('REGWAY_USAGE_RETENTION', parseDays) ?? 400,
    revalidateEveryHours: reader.parse('REGWAY_REVALIDATE_EVERY', parseHours) ?? 24,
    trustedDocuments: reader.file('REGWAY_TRUSTED_DOCUMENTS'),
    onlyTrustedDocuments: reader.parse('REGWAY_TRUSTED_DOCUMENTS_ONLY', parseBoolean) ?? false,
    compiledExecution: reader.parse('REGWAY_COMPILED_EXECUTION', parseBoolean) ?? true,
    rotationWindowMs: (reader.parse('REGWAY_ROTATION_WINDOW_HOURS', parseWindowHours) ?? 24) * 60 * 60 * 1000,
    validationsPerMinute,
    accountValidationsPerMinute:
      reader.parse('REGWAY_ACCOUNT_VALIDATIONS_PER_MINUTE', parsePerMinute) ?? accountLimit(validationsPerMinute),
    failedLoginsPerMinute: reader.parse('REGWAY_FAILED_LOGINS_PER_MINUTE', parsePerMinute) ?? 10,
    trustedProxies: reader.list('REGWAY_TRUSTED_PROXIES', parseCidr),
    // Nothing balances between servers on loopback.
    shutdownDelayMs: reader.parse('REGWAY_SHUTDOWN_DELAY', parseSeconds) ?? (isLoopback(host) ? 0 : 5_000),
    shutdownTimeoutMs: reader.parse('REGWAY_SHUTDOWN_TIMEOUT', parseSeconds) ?? 60_000,
    metricsHosts: reader.parse('REGWAY_METRICS_HOSTS', parseBoolean) ?? false,
    poolThreads: reader.parse('UV_THREADPOOL_SIZE', parseThreads),
    logLevel: reader.parse('REGWAY_LOG_LEVEL', parseLogLevel) ?? 'info',
    unknownSettings: reader.unknown(),
  };
  if (reader.mistakes().length > 0) throw new ConfigError(reader.mistakes());
  return config;
}

/** Reads the settings of the commands that use a server. Each command validates the values that it uses. */
export function readCommandLineSettings(
  environment: NodeJS.ProcessEnv = process.env,
  home: () => string = homedir,
): CommandLineSettings {
  // A password is not trimmed, because a space at its end may be part of it.
  const secret = (value: string | undefined): Secret | undefined =>
    value === undefined || value === '' ? undefined : new Secret(value);
  return {
    url: environment['REGWAY_URL']?.trim() || undefined,
    token: secret(environment['REGWAY_TOKEN']?.trim()),
    registryPassword: secret(environment['REGWAY_REGISTRY_PASSWORD']),
    configDir: environment['XDG_CONFIG_HOME'] || configDirIn(home),
  };
}

/** Returns undefined for a user without a home, such as one that a container runs with by number and that /etc/passwd does not know. */
function configDirIn(home: () => string): string | undefined {
  try {
    return join(home(), '.config');
  } catch {
    return undefined;
  }
}

/** Whoever lifts or raises the limit of one login did not mean another to stop it. */
function accountLimit(perLogin: number): number {
  return perLogin === 0 ? 0 : Math.max(60, perLogin);
}

function readTls(reader: SettingReader): Config['tls'] {
  const certificate = reader.file('REGWAY_TLS_CERT_FILE');
  const key = reader.file('REGWAY_TLS_KEY_FILE');
  if ((certificate === undefined) !== (key === undefined))
    reader.mistake('REGWAY_TLS_CERT_FILE and REGWAY_TLS_KEY_FILE must be set together. Set both, or neither.');
  if (certificate === undefined || key === undefined) return undefined;
  try {
    createSecureContext({ cert: certificate, key });
  } catch {
    reader.mistake(
      'REGWAY_TLS_CERT_FILE and REGWAY_TLS_KEY_FILE must contain a PEM certificate and its private key without a passphrase.',
    );
  }
  return { certificate, key };
}
