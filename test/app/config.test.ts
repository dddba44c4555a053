// Reads settings: defaults, all mistakes together, and no secret repeated.

import { writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { requireLoginFile } from '../../src/cli/api/login-file.ts';
import { ConfigError, readCommandLineSettings, readConfig } from '../../src/app/config.ts';
import { makeTemporaryDirectory } from '../support/temporary/directory.ts';

/** The message of a refusal. */
function refusal(environment: NodeJS.ProcessEnv): string {
  try {
    readConfig(environment);
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).message;
  }
  throw new Error('the settings were accepted');
}

describe('the settings', () => {
  it('have defaults that serve only this machine', () => {
    expect(readConfig({})).toEqual({
      listenHost: '127.0.0.1',
      listenPort: 4000,
      loopbackOnly: true,
      dataDir: resolve('data'),
      databaseUrl: resolve('data/regway.db'),
      databaseListenUrl: undefined,
      databaseWaitMs: 0,
      addressDefaults: { environment: {}, caFile: undefined },
      unreadVariables: [],
      keyringFile: resolve('data/keyring'),
      publicUrl: undefined,
      corsOrigins: [],
      introspection: false,
      egressAllow: [],
      egressDeny: [],
      plainHttpHosts: [],
      redirectHosts: [],
      pullAnonymous: true,
      pullDefaultUpstream: undefined,
      pullRedirects: 'follow',
      rotationWindowMs: 24 * 60 * 60 * 1000,
      tls: undefined,
      extraCa: undefined,
      ambient: { aws: false, gcp: false, azure: false },
      oidcIssuers: undefined,
      usageRetentionDays: 400,
      revalidateEveryHours: 24,
      trustedDocuments: undefined,
      onlyTrustedDocuments: false,
      compiledExecution: true,
      validationsPerMinute: 10,
      accountValidationsPerMinute: 60,
      failedLoginsPerMinute: 10,
      trustedProxies: [],
      shutdownDelayMs: 0,
      shutdownTimeoutMs: 60_000,
      metricsHosts: false,
      logLevel: 'info',
      unknownSettings: [],
    });
  });

  it.each([
    ['127.0.0.1:0', true],
    ['127.8.9.1:4000', true],
    ['localhost:4000', true],
    ['[::1]:4000', true],
    ['0.0.0.0:4000', false],
    ['[::]:4000', false],
    ['10.0.0.1:4000', false],
    ['127.example.com:4000', false],
  ])('report for %s that it is reachable only from this machine: %s', (listen, loopbackOnly) => {
    expect(readConfig({ REGWAY_LISTEN: listen }).loopbackOnly).toBe(loopbackOnly);
  });

  it.each(['aws', 'gcp', 'azure'] as const)(
    'let registries use the cloud identity of the server at %s only if the setting is true',
    (cloud) => {
      const name = `REGWAY_${cloud.toUpperCase()}_AMBIENT`;
      const off = { aws: false, gcp: false, azure: false };
      expect(readConfig({ [name]: 'true' }).ambient).toEqual({ ...off, [cloud]: true });
      expect(readConfig({ [name]: 'false' }).ambient).toEqual(off);
      expect(refusal({ [name]: 'yes' })).toContain(name);
    },
  );

  it.each([
    [{}, 0],
    [{ REGWAY_LISTEN: '0.0.0.0:4000' }, 5_000],
    [{ REGWAY_LISTEN: '0.0.0.0:4000', REGWAY_SHUTDOWN_DELAY: '0' }, 0],
    [{ REGWAY_SHUTDOWN_DELAY: '7' }, 7_000],
    [{ REGWAY_SHUTDOWN_DELAY: '7s' }, 7_000],
  ])('delay the shutdown with %j by %i ms, and drain for a minute', (environment, shutdownDelayMs) => {
    expect(readConfig(environment)).toMatchObject({ shutdownDelayMs, shutdownTimeoutMs: 60_000 });
  });

  it.each([
    [{}, 10, 60],
    [{ REGWAY_VALIDATIONS_PER_MINUTE: '0' }, 0, 0],
    [{ REGWAY_VALIDATIONS_PER_MINUTE: '500' }, 500, 500],
    [{ REGWAY_VALIDATIONS_PER_MINUTE: '0', REGWAY_ACCOUNT_VALIDATIONS_PER_MINUTE: '7' }, 0, 7],
  ])('limit with %j validations to %i a login and %i an account', (environment, login, account) => {
    const { validationsPerMinute, accountValidationsPerMinute } = readConfig(environment);
    expect([validationsPerMinute, accountValidationsPerMinute]).toEqual([login, account]);
  });

  it('report all mistakes together', () => {
    const message = refusal({
      REGWAY_LISTEN: 'nonsense',
      REGWAY_INTROSPECTION: 'perhaps',
      REGWAY_CA_FILE: '/does/not/exist',
      REGWAY_EGRESS_DENY: '10.0.0.0/8, 300.1.1.1/8',
    });
    for (const name of ['REGWAY_LISTEN', 'REGWAY_INTROSPECTION', 'REGWAY_CA_FILE', 'REGWAY_EGRESS_DENY'])
      expect(message).toContain(name);
    expect(message).toMatch(/^4 settings are invalid/);
  });

  it.each([
    ['REGWAY_LISTEN', '127.0.0.1'],
    ['REGWAY_LISTEN', '127.0.0.1:70000'],
    ['REGWAY_DATABASE_URL', 'mysql://localhost/x'],
    ['REGWAY_PUBLIC_URL', 'https://example.com/path'],
    ['REGWAY_PUBLIC_URL', 'example.com'],
    ['REGWAY_CORS_ORIGINS', '*'],
    ['REGWAY_CORS_ORIGINS', 'https://a.example.com/'],
    ['REGWAY_INTROSPECTION', '1'],
    ['REGWAY_EGRESS_ALLOW', '10.0.0.0/33'],
    ['REGWAY_EGRESS_DENY', '10.0.0.0/99'],
    ['REGWAY_EGRESS_DENY', 'fd00::/129'],
    ['REGWAY_CA_FILE', import.meta.filename],
    ['REGWAY_EGRESS_ALLOW', 'example.com'],
    ['REGWAY_PLAIN_HTTP_HOSTS', 'http://example.com'],
    ['REGWAY_PLAIN_HTTP_HOSTS', 'user@example.com'],
    ['REGWAY_LOG_LEVEL', 'loud'],
    ['REGWAY_METRICS_HOSTS', 'some'],
    ['REGWAY_REVALIDATE_EVERY', '1.5'],
    ['REGWAY_USAGE_RETENTION', '-1'],
    ['REGWAY_USAGE_RETENTION', '36501'],
    ['REGWAY_USAGE_RETENTION', '12h'],
    ['REGWAY_REVALIDATE_EVERY', '8761'],
    ['REGWAY_VALIDATIONS_PER_MINUTE', '-1'],
    ['REGWAY_ACCOUNT_VALIDATIONS_PER_MINUTE', '1.5'],
    ['REGWAY_FAILED_LOGINS_PER_MINUTE', 'ten'],
    ['REGWAY_SHUTDOWN_DELAY', '1m'],
    ['REGWAY_SHUTDOWN_TIMEOUT', '3601'],
    ['REGWAY_TRUSTED_PROXIES', 'proxy.example.com'],
    ['REGWAY_TLS_CERT_FILE', import.meta.filename],
  ])('reject %s=%s', (name, value) => {
    expect(refusal({ [name]: value })).toContain(name);
  });

  it('reject a file that is not a certificate or key', () => {
    const message = refusal({ REGWAY_TLS_CERT_FILE: import.meta.filename, REGWAY_TLS_KEY_FILE: import.meta.filename });
    expect(message).toContain('REGWAY_TLS_CERT_FILE and REGWAY_TLS_KEY_FILE must contain');
  });

  it('read the database address from a file, and never repeat a password in a mistake', () => {
    const file = join(makeTemporaryDirectory('config'), 'url');
    writeFileSync(file, 'postgres://u:hunter2@db/regway\n');
    expect(readConfig({ REGWAY_DATABASE_URL_FILE: file }).databaseUrl).toBe('postgres://u:hunter2@db/regway');
    expect(refusal({ REGWAY_DATABASE_URL: 'mongodb://u:hunter2@db' })).not.toContain('hunter2');
    expect(refusal({ REGWAY_DATABASE_URL: 'x', REGWAY_DATABASE_URL_FILE: file })).toContain('must not both be set');
  });

  it('name unknown variables, but not those of the command line or of Kubernetes', () => {
    const environment = {
      REGWAY_LISTN: 'x',
      REGWAY_URL: 'x',
      REGWAY_TOKEN: 'x',
      REGWAY_SERVICE_HOST: 'x',
      REGWAY_PORT: 'x',
      REGWAY_PORT_4000_TCP: 'x',
    };
    expect(readConfig(environment).unknownSettings).toEqual(['REGWAY_LISTN']);
  });
});

describe('the settings of the command line', () => {
  it('are empty without an environment, and store logins under the home directory', () => {
    expect(readCommandLineSettings({})).toEqual({
      url: undefined,
      token: undefined,
      registryPassword: undefined,
      configDir: join(homedir(), '.config'),
    });
  });

  it('do without a home directory, which a user that a container has by number alone does not have', () => {
    const withoutHome = (): string => {
      throw new Error('uv_os_homedir returned ENOENT');
    };
    expect(readCommandLineSettings({}, withoutHome).configDir).toBeUndefined();
    expect(readCommandLineSettings({ XDG_CONFIG_HOME: '/config' }, withoutHome).configDir).toBe('/config');
    expect(() => requireLoginFile({ configDir: undefined })).toThrow('Set XDG_CONFIG_HOME');
  });

  it('count as absent when empty, and are trimmed except for the password', () => {
    const settings = readCommandLineSettings({
      REGWAY_URL: ' http://127.0.0.1:1 ',
      REGWAY_TOKEN: ' rgw_t\n',
      REGWAY_REGISTRY_PASSWORD: ' p ',
      XDG_CONFIG_HOME: '/config',
    });
    expect({
      ...settings,
      token: settings.token?.reveal(),
      registryPassword: settings.registryPassword?.reveal(),
    }).toEqual({ url: 'http://127.0.0.1:1', token: 'rgw_t', registryPassword: ' p ', configDir: '/config' });
    expect(
      readCommandLineSettings({ REGWAY_URL: '', REGWAY_TOKEN: ' ', REGWAY_REGISTRY_PASSWORD: '', XDG_CONFIG_HOME: '' }),
    ).toEqual(readCommandLineSettings({}));
  });

  it('do not show a secret if they are printed', () => {
    expect(
      JSON.stringify(readCommandLineSettings({ REGWAY_TOKEN: 'rgw_t', REGWAY_REGISTRY_PASSWORD: 'hunter2' })),
    ).not.toMatch(/rgw_t|hunter2/);
  });
});
