// Pull configurations: each parses in its format, points only at this server, and contains no secret except the passed token.

import { parse as parseToml } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { Problem } from '../../../src/core/shared/problem.ts';
import {
  createClientConfigs,
  credentialPlaceholder,
  pullConfigFormats,
  type PullConfig,
  type PullConfigFormat,
} from '../../../src/core/pulls/client-config.ts';
import { Secret } from '../../../src/core/shared/secret.ts';
import { callerOf, stranger } from '../../support/domain.ts';

const token = `rgw_0123456789ab_${'A'.repeat(49)}`;
const login = Buffer.from(`regway:${token}`).toString('base64');
const secure = 'https://regway.example';
const plain = 'http://regway.example:4000';
const local = 'http://127.0.0.1:4000';

function config(
  endpoint: string,
  format: PullConfigFormat,
  hosts?: readonly string[] | null,
  given: string | null = token,
): PullConfig {
  const args = { format, hosts, token: given === null ? null : new Secret(given) };
  return createClientConfigs({ endpoint: () => new URL(endpoint) }).create(callerOf('PULL'), args);
}

const text = (...args: Parameters<typeof config>) => config(...args).content.reveal();

describe.each(['DOCKER_CONFIG', 'AUTH_JSON'] as const)('%s', (format) => {
  it.each([
    [secure, 'regway.example'],
    [plain, 'regway.example:4000'],
    ['https://[2001:db8::1]:8443', '[2001:db8::1]:8443'],
  ])('of %s logs in to that host and to no other', (endpoint, key) => {
    expect(JSON.parse(text(endpoint, format, ['quay.io', 'docker.io']))).toEqual({ auths: { [key]: { auth: login } } });
  });
});

it('a Kubernetes Secret holds the same file as kubectl writes it', () => {
  const secret: unknown = JSON.parse(text(secure, 'KUBERNETES_SECRET'));
  expect(secret).toEqual({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'regway-pull' },
    type: 'kubernetes.io/dockerconfigjson',
    data: { '.dockerconfigjson': expect.any(String) },
  });
  const { data } = secret as { data: { '.dockerconfigjson': string } };
  expect(Buffer.from(data['.dockerconfigjson'], 'base64').toString()).toBe(text(secure, 'DOCKER_CONFIG'));
});

describe('CONTAINERD_HOSTS_TOML', () => {
  it.each([
    ['docker.io', 'docker.io/hosts.toml', `${plain}/v2/docker.io`],
    ['index.docker.io', 'docker.io/hosts.toml', `${plain}/v2/docker.io`],
    ['R.example:5000', 'r.example_5000_/hosts.toml', `${plain}/v2/r.example_5000`],
    ['[::1]:5000', '[::1]_5000_/hosts.toml', `${plain}/v2/0--1.ipv6_5000`],
    ['[2001:db8::1]', '[2001:db8::1]/hosts.toml', `${plain}/v2/2001-db8--1.ipv6`],
  ])('of %s makes this server the only one, with its path and its login', (host, fileName, server) => {
    const made = config(plain, 'CONTAINERD_HOSTS_TOML', [host]);
    expect(made.fileName).toBe(fileName);
    expect(parseToml(made.content.reveal())).toEqual({
      server,
      capabilities: ['pull', 'resolve'],
      override_path: true,
      header: { Authorization: [`Basic ${login}`] },
      host: {},
    });
  });

  it('of no host is the file for all of them, which containerd distinguishes by ns', () => {
    const made = config(secure, 'CONTAINERD_HOSTS_TOML');
    expect(made.fileName).toBe('_default/hosts.toml');
    expect(parseToml(made.content.reveal())).toEqual({
      server: secure,
      capabilities: ['pull', 'resolve'],
      header: { Authorization: [`Basic ${login}`] },
      host: {},
    });
  });
});

describe('PODMAN_REGISTRIES_CONF', () => {
  it('sends each host to this server, without another way around it, and holds no login', () => {
    const made = config(secure, 'PODMAN_REGISTRIES_CONF', ['docker.io', 'r.example:5000']);
    expect(parseToml(made.content.reveal())).toEqual({
      registry: [
        { prefix: 'docker.io', location: 'regway.example/docker.io' },
        { prefix: 'r.example:5000', location: 'regway.example/r.example_5000' },
      ],
    });
    expect(made.warnings).toEqual([expect.stringContaining('AUTH_JSON')]);
  });

  it('writes an IPv6 host as the path component that the pull endpoint reads', () => {
    expect(parseToml(text(secure, 'PODMAN_REGISTRIES_CONF', ['[::1]:5000']))).toEqual({
      registry: [{ prefix: '[::1]:5000', location: 'regway.example/0--1.ipv6_5000' }],
    });
  });

  it('is insecure for this server over plain HTTP, and only for it', () => {
    expect(parseToml(text(plain, 'PODMAN_REGISTRIES_CONF', ['quay.io']))).toEqual({
      registry: [
        { location: 'regway.example:4000', insecure: true },
        { prefix: 'quay.io', location: 'regway.example:4000/quay.io', insecure: true },
      ],
    });
  });

  it('of no host is for Docker Hub, and says so', () => {
    const made = config(secure, 'PODMAN_REGISTRIES_CONF', null);
    expect(parseToml(made.content.reveal())).toEqual({
      registry: [{ prefix: 'docker.io', location: 'regway.example/docker.io' }],
    });
    expect(made.warnings).toContainEqual(expect.stringContaining('docker.io'));
  });
});

describe('every format', () => {
  it.each(pullConfigFormats)(
    '%s without a token has a placeholder that says what belongs there, and makes no token',
    (format) => {
      const { content, warnings } = config(secure, format, null, null);
      expect(content.reveal()).not.toContain('rgw_');
      const holdsLogin = format !== 'PODMAN_REGISTRIES_CONF';
      expect([
        content.reveal().includes(credentialPlaceholder),
        warnings.some((warning) => warning.includes('REGWAY_TOKEN')),
      ]).toEqual([holdsLogin, holdsLogin]);
    },
  );

  it.each(pullConfigFormats)('%s shows its content to no log', (format) => {
    expect(JSON.stringify(config(secure, format))).not.toMatch(new RegExp(`${token}|${login}`));
  });

  it.each(pullConfigFormats)(
    '%s warns of plain HTTP across a network, of an address that others cannot reach, and of nothing else',
    (format) => {
      const warnings = (endpoint: string) => config(endpoint, format, ['docker.io']).warnings.join('\n');
      expect(warnings(secure)).not.toMatch(/plain HTTP|unencrypted|REGWAY_PUBLIC_URL/);
      expect(warnings(plain)).toMatch(/unencrypted/);
      expect(warnings(local)).toMatch(/reachable only from this machine/);
      expect(warnings(local)).not.toMatch(/unencrypted/);
    },
  );
});

describe('refused, before anything is written', () => {
  it.each([
    ['a stranger', stranger, 'UNAUTHENTICATED'],
    ['READ_ONLY', callerOf('READ_ONLY'), 'FORBIDDEN'],
  ])('%s', (_, caller, code) => {
    const call = () => createClientConfigs({ endpoint: () => new URL(secure) }).create(caller, { format: 'bogus' });
    expect(call).toThrow(expect.objectContaining({ code }));
  });

  it.each<[string, Record<string, unknown>, readonly string[]]>([
    ['an unknown format', { format: 'HELM' }, ['format']],
    ['an invalid host', { format: 'AUTH_JSON', hosts: ['docker.io', 'a b'] }, ['hosts', '1']],
    ['a path as a host', { format: 'AUTH_JSON', hosts: ['docker.io/anchore'] }, ['hosts', '0']],
    [
      'a host that ends its TOML string',
      { format: 'PODMAN_REGISTRIES_CONF', hosts: ['a.example"\ninsecure = true'] },
      ['hosts', '0'],
    ],
    ['two hosts for one hosts.toml', { format: 'CONTAINERD_HOSTS_TOML', hosts: ['docker.io', 'quay.io'] }, ['hosts']],
    ['too many hosts', { format: 'AUTH_JSON', hosts: Array.from({ length: 51 }, () => 'docker.io') }, ['hosts']],
    ['a password of somewhere else', { format: 'AUTH_JSON', token: new Secret('dckr_pat_abc') }, ['token']],
    [
      'a token that ends its string',
      { format: 'CONTAINERD_HOSTS_TOML', token: new Secret('rgw_a"\nserver = "x') },
      ['token'],
    ],
    ['a token as plain text', { format: 'AUTH_JSON', token }, ['token']],
    ['an unknown argument', { format: 'AUTH_JSON', password: 'x' }, ['password']],
  ])('%s', (_, args, field) => {
    const call = () => createClientConfigs({ endpoint: () => new URL(secure) }).create(callerOf('PULL'), args);
    expect(call).toThrow(Problem);
    expect(call).toThrow(expect.objectContaining({ code: 'INVALID_INPUT', field }));
    expect(call).not.toThrow(/dckr_pat|rgw_a/);
  });
});
