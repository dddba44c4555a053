// Starts the contenders of the pull benchmark between client and registry: Regway, and nginx as a proxy that has the token.

import { join } from 'node:path';
import type { CertificateAuthority } from '../e2e/support/certificates.ts';
import { freePort } from '../e2e/support/free-port.ts';
import { regway, startContender } from './contenders.ts';
import { startNginx } from './nginx.ts';
import type { ProcessUse } from './process-use.ts';
import { channels, credential, repository, upstreamToken, type Channel, type PullUpstream } from './pull-upstream.ts';
import { seed } from './seed.ts';

export interface PullContender extends ProcessUse {
  readonly name: string;
  /** Where the files of the repository are, by the channel to the upstream; a path is appended. */
  readonly bases: Readonly<Record<Channel, string>>;
  /** The headers of a request. */
  readonly headers: Readonly<Record<string, string>>;
  /** Whether the client verifies the digests of blobs, because the server passes bytes unverified. */
  readonly clientVerifies: boolean;
  stop(): Promise<void>;
}

export interface PullContenderOptions {
  readonly directory: string;
  readonly authority: CertificateAuthority;
  readonly upstream: PullUpstream;
  /** The cores that each may use, as taskset lists them. */
  readonly cores: string;
}

/** Starts the product with a registry for each channel. */
export async function startRegway({
  directory,
  authority,
  upstream,
  cores,
}: PullContenderOptions): Promise<PullContender> {
  const dataDir = join(directory, 'data');
  const token = await seed(dataDir, []);
  const server = await startContender(regway, dataDir, cores, { REGWAY_CA_FILE: authority.certificateFile });
  for (const channel of channels) await createRegistry(server.url, token, upstream.hosts[channel], channel === 'TLS');
  const base = (channel: Channel) => `${server.url}/v2/${upstream.hosts[channel].replace(':', '_')}/${repository}/`;
  return {
    ...server,
    name: regway.name,
    bases: { TLS: base('TLS'), 'plain HTTP': base('plain HTTP') },
    headers: { authorization: `Basic ${Buffer.from(`bench:${token}`).toString('base64')}` },
    clientVerifies: false,
  };
}

export const nginxName = 'nginx proxy_pass';

/** Starts the proxy that people would write: it verifies certificates, keeps connections, and keeps nothing on disk. */
export async function startNginxProxy({
  directory,
  authority,
  upstream,
  cores,
}: PullContenderOptions): Promise<PullContender> {
  const ports = { TLS: await freePort('127.0.0.1'), 'plain HTTP': await freePort('127.0.0.1') };
  const nginx = await startNginx({
    directory: join(directory, 'proxy'),
    cores,
    http: `
      upstream tls { server ${upstream.hosts.TLS}; keepalive 32; }
      upstream plain { server ${upstream.hosts['plain HTTP']}; keepalive 32; }
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Authorization "Bearer ${upstreamToken}";
      proxy_buffer_size 64k;
      proxy_buffers 8 64k;
      proxy_busy_buffers_size 128k;
      proxy_max_temp_file_size 0;
      proxy_ssl_verify on;
      proxy_ssl_name 127.0.0.1;
      proxy_ssl_trusted_certificate ${authority.certificateFile};
      proxy_ssl_protocols TLSv1.2 TLSv1.3;
      server { listen 127.0.0.1:${ports.TLS}; location / { proxy_pass https://tls; } }
      server { listen 127.0.0.1:${ports['plain HTTP']}; location / { proxy_pass http://plain; } }`,
  });
  const base = (channel: Channel) => `http://127.0.0.1:${ports[channel]}/v2/${repository}/`;
  return {
    ...nginx,
    name: nginxName,
    bases: { TLS: base('TLS'), 'plain HTTP': base('plain HTTP') },
    headers: {},
    clientVerifies: false,
  };
}

/** The same proxy, whose client does what Regway does for its own. It is stopped with the proxy. */
export function withVerifyingClient(nginx: PullContender): PullContender {
  return { ...nginx, name: `${nginx.name}, verified by its client`, clientVerifies: true, stop: async () => undefined };
}

async function createRegistry(url: string, token: string, registry: string, secureConnection: boolean): Promise<void> {
  const query = `mutation ($input: CreateRegistryInput!, $secureConnection: Boolean!) {
    createRegistry(input: $input, secureConnection: $secureConnection) { registry { id } validation { outcome message } errors { message } }
  }`;
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query, variables: { input: { registry, ...credential }, secureConnection } }),
  });
  const text = await response.text();
  if (!text.includes('"registry":{')) throw new Error(`The registry ${registry} was not created: ${text}`);
}
