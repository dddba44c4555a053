// Makes a tiny OCI image on disk and pushes it to a registry with skopeo.
// https://github.com/opencontainers/image-spec/blob/main/image-layout.md

import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { runProgram } from './child-process.ts';

export interface PushOptions {
  /** Folder of the OCI layout. */
  readonly layout: string;
  /** `host:port/repository:tag`. */
  readonly reference: string;
  /** `username:password`; none pushes anonymously. */
  readonly credential?: string | undefined;
  /** Folder with the authority's certificate; none speaks plain HTTP. */
  readonly certificateDirectory?: string | undefined;
}

/** An empty tar archive is two blocks of zeros. */
const emptyTar = Buffer.alloc(1024);

/** Writes an OCI layout with one image of one empty layer, tagged `latest`. */
export function writeImage(layout: string): void {
  const blobs = join(layout, 'blobs', 'sha256');
  mkdirSync(blobs, { recursive: true });
  const store = (mediaType: string, bytes: Buffer) => {
    const hex = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(blobs, hex), bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  };
  const layer = store('application/vnd.oci.image.layer.v1.tar+gzip', gzipSync(emptyTar));
  const diffId = `sha256:${createHash('sha256').update(emptyTar).digest('hex')}`;
  const config = store('application/vnd.oci.image.config.v1+json', json({
    architecture: 'amd64', os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids: [diffId] },
  }));
  const manifest = store('application/vnd.oci.image.manifest.v1+json', json({
    schemaVersion: 2, mediaType: 'application/vnd.oci.image.manifest.v1+json', config, layers: [layer],
  }));
  const annotations = { 'org.opencontainers.image.ref.name': 'latest' };
  writeFileSync(join(layout, 'index.json'), json({ schemaVersion: 2, manifests: [{ ...manifest, annotations }] }));
  writeFileSync(join(layout, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }));
}

/** Pushes the layout's `latest`. @throws Error with skopeo's own words. */
export async function pushImage({ layout, reference, credential, certificateDirectory }: PushOptions): Promise<void> {
  const trust = certificateDirectory === undefined ? ['--dest-tls-verify=false'] : ['--dest-cert-dir', certificateDirectory];
  const login = credential === undefined ? [] : ['--dest-creds', credential];
  const source = `oci:${layout}:latest`;
  const { code, stderr } = await runProgram({
    command: 'skopeo',
    args: ['--insecure-policy', 'copy', '--preserve-digests', ...login, ...trust, source, `docker://${reference}`],
  });
  if (code !== 0) {
    throw new Error(`skopeo could not push ${reference}: ${stderr}`);
  }
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
