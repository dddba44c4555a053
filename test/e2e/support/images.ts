// Makes OCI images on disk and pushes them to a registry with skopeo.
// https://github.com/opencontainers/image-spec/blob/main/image-layout.md

import { createHash, randomFillSync } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { runProgram } from './child-process.ts';
import { tarOf } from './tar.ts';

/** An image in an OCI layout, tagged `latest`. */
export interface ImageLayout {
  /** Folder of the layout. */
  readonly layout: string;
  /** Digest of the image's configuration for each architecture: what podman shows as the id of the image. */
  readonly configDigests: Readonly<Record<string, string>>;
  /** Digests of every blob: manifests, configurations, layers. */
  readonly blobDigests: readonly string[];
}

export interface PushOptions {
  /** Folder of the OCI layout. */
  readonly layout: string;
  /** `host:port/repository:tag`. */
  readonly reference: string;
  /** `username:password`; none pushes anonymously. */
  readonly credential?: string | undefined;
  /** Folder with the authority's certificate. If omitted, plain HTTP is used. */
  readonly certificateDirectory?: string | undefined;
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly platform?: { readonly architecture: string; readonly os: 'linux' };
}

const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const indexType = 'application/vnd.oci.image.index.v1+json';
const configType = 'application/vnd.oci.image.config.v1+json';
const layerType = 'application/vnd.oci.image.layer.v1.tar';

/** Writes an image of one layer with one small file. */
export function writeImage(layout: string): ImageLayout {
  const store = openLayout(layout);
  return store.finish(storeManifest(store, 'amd64', tarOf('greeting', Buffer.from('hello')), 'gzip'));
}

/** Writes an index of one image for each architecture, each with a layer of its own. */
export function writeIndex(layout: string, architectures: readonly string[]): ImageLayout {
  const store = openLayout(layout);
  const manifests = architectures.map((architecture) => ({
    ...storeManifest(store, architecture, tarOf('architecture', Buffer.from(architecture)), 'gzip'),
    platform: { architecture, os: 'linux' as const },
  }));
  return store.finish(store.add(indexType, json({ schemaVersion: 2, mediaType: indexType, manifests })));
}

/** Writes an image whose one layer holds so many random bytes, uncompressed, as no compression would make them fewer. */
export function writeBigImage(layout: string, layerBytes: number): ImageLayout {
  const store = openLayout(layout);
  return store.finish(
    storeManifest(store, 'amd64', tarOf('random', randomFillSync(Buffer.allocUnsafe(layerBytes))), 'none'),
  );
}

/** Pushes the layout's `latest`, with every image of an index. @throws Error with skopeo's own words. */
export async function pushImage({ layout, reference, credential, certificateDirectory }: PushOptions): Promise<void> {
  const trust =
    certificateDirectory === undefined ? ['--dest-tls-verify=false'] : ['--dest-cert-dir', certificateDirectory];
  const login = credential === undefined ? [] : ['--dest-creds', credential];
  const source = `oci:${layout}:latest`;
  const { code, stderr } = await runProgram({
    command: 'skopeo',
    args: [
      '--insecure-policy',
      'copy',
      '--all',
      '--preserve-digests',
      ...login,
      ...trust,
      source,
      `docker://${reference}`,
    ],
  });
  if (code !== 0) {
    throw new Error(`skopeo could not push ${reference}: ${stderr}`);
  }
}

function storeManifest(
  store: LayoutWriter,
  architecture: string,
  tar: Buffer,
  compression: 'gzip' | 'none',
): Descriptor {
  const layer = compression === 'gzip' ? store.add(`${layerType}+gzip`, gzipSync(tar)) : store.add(layerType, tar);
  const rootfs = { type: 'layers', diff_ids: [digestOf(tar)] };
  const config = store.add(configType, json({ architecture, os: 'linux', config: {}, rootfs }));
  store.configDigests[architecture] = config.digest;
  return store.add(manifestType, json({ schemaVersion: 2, mediaType: manifestType, config, layers: [layer] }));
}

type LayoutWriter = ReturnType<typeof openLayout>;

function openLayout(layout: string) {
  const blobs = join(layout, 'blobs', 'sha256');
  mkdirSync(blobs, { recursive: true });
  const configDigests: Record<string, string> = {};
  const blobDigests: string[] = [];
  return {
    configDigests,
    add(mediaType: string, bytes: Buffer): Descriptor {
      const digest = digestOf(bytes);
      writeFileSync(join(blobs, digest.slice('sha256:'.length)), bytes);
      blobDigests.push(digest);
      return { mediaType, digest, size: bytes.length };
    },
    finish(top: Descriptor): ImageLayout {
      const annotations = { 'org.opencontainers.image.ref.name': 'latest' };
      writeFileSync(join(layout, 'index.json'), json({ schemaVersion: 2, manifests: [{ ...top, annotations }] }));
      writeFileSync(join(layout, 'oci-layout'), json({ imageLayoutVersion: '1.0.0' }));
      return { layout, configDigests, blobDigests };
    },
  };
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}
