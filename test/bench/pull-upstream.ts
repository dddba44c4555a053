// The registry of the pull benchmark: nginx with files, so fast that those in front of it are what is measured.
// It supports only the necessary part of the protocol: a challenge, a token endpoint on the same origin, one blob, one manifest.

import { createHash, randomFillSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../e2e/support/free-port.ts';
import type { CertificateAuthority } from '../e2e/support/certificates.ts';
import { startNginx, type Nginx } from './nginx.ts';

/** How the registry is spoken to. */
export const channels = ['TLS', 'plain HTTP'] as const;
export type Channel = (typeof channels)[number];

export interface PullUpstream extends Nginx {
  /** `127.0.0.1:port` for each channel. */
  readonly hosts: Readonly<Record<Channel, string>>;
  /** Path below `/v2/<repository>/`. */
  readonly blobPath: string;
  readonly blobBytes: number;
  /** SHA-256 in hexadecimal digits. */
  readonly blobHash: string;
  readonly manifestPath: string;
}

/** The repository that everything is in. */
export const repository = 'bench/app';
/** The only token that the registry accepts. */
export const upstreamToken = 'benchmark-token';
export const credential = { username: 'bench', password: 'benchmark-password' } as const;

const manifestType = 'application/vnd.oci.image.manifest.v1+json';
/** Bytes that most manifests do not exceed. */
const manifestBytes = 2_000;

/** Writes the files and starts it. */
export async function startPullUpstream(
  directory: string,
  authority: CertificateAuthority,
  blobBytes: number,
  cores: string,
): Promise<PullUpstream> {
  const blob = randomFillSync(Buffer.allocUnsafe(blobBytes));
  const manifest = Buffer.from(
    JSON.stringify({ schemaVersion: 2, mediaType: manifestType, annotations: { padding: 'x'.repeat(manifestBytes) } }),
  );
  const blobPath = `blobs/${digestOf(blob)}`;
  const manifestPath = 'manifests/latest';
  const root = join(directory, 'files', 'v2', repository);
  for (const folder of ['blobs', 'manifests']) mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, blobPath), blob);
  writeFileSync(join(root, manifestPath), manifest);
  const hosts = {
    TLS: `127.0.0.1:${await freePort('127.0.0.1')}`,
    'plain HTTP': `127.0.0.1:${await freePort('127.0.0.1')}`,
  };
  const { certificateFile, keyFile } = authority.issue('127.0.0.1');
  const nginx = await startNginx({
    directory,
    cores,
    http: `
      sendfile on;
      server {
        listen ${hosts['plain HTTP']};
        ${protectedFiles(`http://${hosts['plain HTTP']}`, join(directory, 'files'), digestOf(manifest))}
      }
      server {
        listen ${hosts.TLS} ssl;
        ssl_certificate ${certificateFile};
        ssl_certificate_key ${keyFile};
        ${protectedFiles(`https://${hosts.TLS}`, join(directory, 'files'), digestOf(manifest))}
      }`,
  });
  return { ...nginx, hosts, blobPath, blobBytes, blobHash: digestOf(blob).slice('sha256:'.length), manifestPath };
}

function protectedFiles(origin: string, root: string, manifestDigest: string): string {
  const basic = Buffer.from(`${credential.username}:${credential.password}`).toString('base64');
  return `
    root ${root};
    location = /token {
      if ($http_authorization != "Basic ${basic}") { return 401; }
      default_type application/json;
      return 200 '{"token":"${upstreamToken}","expires_in":3600}';
    }
    location /v2/ {
      add_header Docker-Distribution-Api-Version registry/2.0 always;
      add_header WWW-Authenticate 'Bearer realm="${origin}/token",service="bench"' always;
      if ($http_authorization != "Bearer ${upstreamToken}") { return 401; }
      default_type application/octet-stream;
      location = /v2/ { default_type application/json; return 200 '{}'; }
      location ~ /manifests/ { default_type ${manifestType}; add_header Docker-Content-Digest ${manifestDigest}; }
    }`;
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
