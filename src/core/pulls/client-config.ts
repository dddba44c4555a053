// Writes configuration files for pull clients of Regway, with an API token as the credential, never an upstream password.
// Formats: https://github.com/containerd/containerd/blob/main/docs/hosts.md, containers-auth.json(5), containers-registries.conf(5)

import { z } from 'zod';
import { authorize } from '../authz/permissions.ts';
import type { Caller } from '../authz/principal.ts';
import { registryHost } from '../registry/host.ts';
import { rejectWith } from '../registry/reference.ts';
import { parseInput } from '../shared/input.ts';
import { Problem } from '../shared/problem.ts';
import { Secret } from '../shared/secret.ts';
import { hostAsPathComponent, type PublicEndpoint } from './pull-name.ts';

export const pullConfigFormats = [
  'DOCKER_CONFIG',
  'AUTH_JSON',
  'KUBERNETES_SECRET',
  'CONTAINERD_HOSTS_TOML',
  'PODMAN_REGISTRIES_CONF',
] as const;
export type PullConfigFormat = (typeof pullConfigFormats)[number];

/** One configuration file of a client. */
export interface PullConfig {
  /** The usual file name, relative to the client's own directory. */
  readonly fileName: string;
  readonly mediaType: string;
  /** The whole file. Secret, because it contains the token that was passed. */
  readonly content: Secret;
  /** Sentences: remaining setup steps and security caveats. */
  readonly warnings: readonly string[];
}

/** The use case of client configurations. */
export interface ClientConfigs {
  /**
   * Returns the file. Creates and looks up nothing: without a token, the file contains a placeholder.
   * @param args `{ format, hosts?, token? }`.
   * @throws Problem `UNAUTHENTICATED`, `FORBIDDEN`, `INVALID_INPUT`.
   */
  create(caller: Caller, args: unknown): PullConfig;
}

/** The placeholder for the credential if no token was passed. */
export const credentialPlaceholder = '<BASE64 OF regway:REGWAY_TOKEN>';

/** Maximum number of hosts per request. Bounds the size of the response. */
const maxHosts = 50;
/** The form of a Regway API token; any other text could be a password for another system. No character needs escaping. */
const tokenPattern = /^rgw_[0-9A-Za-z_]{1,200}$/;
/** The host if none is named. */
const defaultHost = 'docker.io';

const pullConfigArguments = z.strictObject({
  format: z.enum(pullConfigFormats),
  hosts: z.array(z.string()).max(maxHosts, `must be at most ${maxHosts}`).nullish(),
  token: z
    .custom<Secret>((value) => value instanceof Secret, 'must be passed as a Secret')
    .refine((token) => tokenPattern.test(token.reveal()), 'must be a Regway API token (rgw_…)')
    .nullish(),
});

/** Creates the use case of client configurations. */
export function createClientConfigs({ endpoint }: { readonly endpoint: PublicEndpoint }): ClientConfigs {
  return {
    create(caller, args) {
      authorize(caller, 'pull.config');
      const { format, hosts, token } = parseInput(pullConfigArguments, args);
      const request = {
        endpoint: endpoint(),
        hosts: (hosts ?? []).map(upstreamHost),
        credential: encodedCredential(token ?? undefined),
      };
      const { content, warnings = [], ...file } = writers[format](request);
      const missing = content.includes(credentialPlaceholder) ? [missingTokenWarning] : [];
      return {
        ...file,
        content: new Secret(content),
        warnings: [...missing, ...warnings, ...endpointWarnings(request.endpoint)],
      };
    },
  };
}

interface Upstream {
  readonly host: string;
  /** The host as a component of a path. */
  readonly path: string;
}

interface ConfigRequest {
  readonly endpoint: URL;
  readonly hosts: readonly Upstream[];
  /** Base64 of `user:token`, or the placeholder. */
  readonly credential: string;
}

interface WrittenFile {
  readonly fileName: string;
  readonly mediaType: string;
  readonly content: string;
  readonly warnings?: readonly string[];
}

const json = 'application/json';
const toml = 'application/toml';

const writers: Readonly<Record<PullConfigFormat, (request: ConfigRequest) => WrittenFile>> = {
  DOCKER_CONFIG: (request) => ({
    fileName: 'config.json',
    mediaType: json,
    content: authsJson(request),
    warnings: dockerWarnings(request),
  }),
  AUTH_JSON: (request) => ({
    fileName: 'auth.json',
    mediaType: json,
    content: authsJson(request),
    warnings: podmanWarnings(request),
  }),
  KUBERNETES_SECRET: (request) => ({
    fileName: 'regway-pull-secret.json',
    mediaType: json,
    content: kubernetesSecret(request),
    warnings: kubernetesWarnings(request),
  }),
  CONTAINERD_HOSTS_TOML: containerdHosts,
  PODMAN_REGISTRIES_CONF: podmanRegistries,
};

/** Returns the content that all three JSON formats share: one credential for one host, Regway, whatever is pulled. */
function authsJson({ endpoint, credential }: ConfigRequest): string {
  return `${JSON.stringify({ auths: { [endpoint.host]: { auth: credential } } }, undefined, 2)}\n`;
}

function kubernetesSecret(request: ConfigRequest): string {
  const key = '.dockerconfigjson';
  const config = authsJson(request);
  // Base64 as kubectl writes it. A placeholder stays readable in `stringData`, which the API server also accepts.
  const content = config.includes(credentialPlaceholder)
    ? { stringData: { [key]: config } }
    : { data: { [key]: base64(config) } };
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'regway-pull' },
    type: 'kubernetes.io/dockerconfigjson',
    ...content,
  };
  return `${JSON.stringify(secret, undefined, 2)}\n`;
}

/** Configures Regway as the `server`, not as a mirror, because containerd bypasses a mirror that denies a pull. */
function containerdHosts({ endpoint, hosts, credential }: ConfigRequest): WrittenFile {
  const [upstream, ...others] = hosts;
  if (others.length > 0)
    throw new Problem(
      'INVALID_INPUT',
      'containerd has one hosts.toml for each host. Name one host, or none for the file that covers all hosts.',
      { field: ['hosts'] },
    );
  const server = upstream === undefined ? endpoint.origin : `${endpoint.origin}/v2/${upstream.path}`;
  const lines = [
    `server = ${quoted(server)}`,
    'capabilities = ["pull", "resolve"]',
    ...(upstream === undefined ? [] : ['override_path = true']),
    '',
    '[header]',
    `Authorization = [${quoted(`Basic ${credential}`)}]`,
    '',
    // Without this table containerd 1.6 ignores the whole file and contacts the upstream registry directly.
    '[host]',
  ];
  return { fileName: `${containerdDirectory(upstream)}/hosts.toml`, mediaType: toml, content: `${lines.join('\n')}\n` };
}

/** Returns the directory that containerd reads first. A host with a port is `host_port_`, which every file system supports. */
function containerdDirectory(upstream: Upstream | undefined): string {
  if (upstream === undefined) return '_default';
  return upstream.host.replace(/:([0-9]+)$/, '_$1_');
}

/** Rewrites the location, so that there is no other way to the image: Podman bypasses a mirror that denies a pull. */
function podmanRegistries({ endpoint, hosts }: ConfigRequest): WrittenFile {
  const insecure = endpoint.protocol === 'http:' ? ['insecure = true'] : [];
  const named = hosts.length > 0 ? hosts : [upstreamHost(defaultHost, 0)];
  const tables = [
    ...(insecure.length > 0 ? [[`location = ${quoted(endpoint.host)}`]] : []),
    ...named.map(({ host, path }) => [`prefix = ${quoted(host)}`, `location = ${quoted(`${endpoint.host}/${path}`)}`]),
  ];
  const content = tables.map((lines) => ['[[registry]]', ...lines, ...insecure, ''].join('\n')).join('\n');
  const warnings = [
    'This file contains no credential. Use it together with the format AUTH_JSON.',
    ...(hosts.length > 0 ? [] : [`No hosts were named, so only images of ${defaultHost} are pulled through Regway.`]),
  ];
  return { fileName: 'registries.conf', mediaType: toml, content, warnings };
}

/** Returns a TOML basic string. Hosts, addresses, and Base64 contain nothing that JSON escapes differently. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

function encodedCredential(token: Secret | undefined): string {
  return token === undefined ? credentialPlaceholder : base64(`regway:${token.reveal()}`);
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function upstreamHost(text: string, index: number): Upstream {
  const reject = rejectWith('INVALID_INPUT', ['hosts', String(index)]);
  const host = registryHost(text.trim(), reject);
  return { host, path: hostAsPathComponent(host) };
}

const missingTokenWarning = `No token was passed. Run  printf 'regway:%s' "$REGWAY_TOKEN" | base64 -w0  and replace ${credentialPlaceholder} with its output. A token with the role PULL is enough.`;

const loopbackName = /^(localhost|127\.[0-9.]+|\[::1\])$/;

function endpointWarnings({ protocol, hostname, host }: URL): string[] {
  if (loopbackName.test(hostname))
    return [`${host} is reachable only from this machine. For other clients, set REGWAY_PUBLIC_URL.`];
  return protocol === 'http:'
    ? [
        `The token is sent to ${host} unencrypted. Put TLS in front of this server, and set REGWAY_PUBLIC_URL to its https address.`,
      ]
    : [];
}

function dockerWarnings({ endpoint: { protocol, hostname, host } }: ConfigRequest): string[] {
  if (protocol !== 'http:' || loopbackName.test(hostname)) return [];
  return [`${host} uses plain HTTP. Add it to "insecure-registries" in the daemon.json of the Docker engine.`];
}

function podmanWarnings({ endpoint: { protocol, host } }: ConfigRequest): string[] {
  if (protocol !== 'http:') return [];
  return [
    `${host} uses plain HTTP. Set insecure = true for it in registries.conf, as the format PODMAN_REGISTRIES_CONF does, or pass --tls-verify=false.`,
  ];
}

function kubernetesWarnings({ endpoint: { protocol, host } }: ConfigRequest): string[] {
  if (protocol !== 'http:') return [];
  return [
    `${host} uses plain HTTP. Configure the container runtime of each node for it; for containerd, with the format CONTAINERD_HOSTS_TOML for the host ${host}.`,
  ];
}
