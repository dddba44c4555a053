// A pull as bare requests, for what no client program does: many at once, and the exact answer of each.

import { createHash } from 'node:crypto';

export interface RawPull {
  /** Regway, `http://host:port`. */
  readonly server: string;
  /** The registry's `host:port`. */
  readonly upstream: string;
  readonly repository: string;
  /** Value of the Authorization header; null sends none. */
  readonly authorization: string | null;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Codes of the body's errors. */
  readonly codes: readonly string[];
}

const accept = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
].join(', ');

/** The header of a client that sends the token as its password. */
export function basicAuthorization(token: string): string {
  return `Basic ${Buffer.from(`puller:${token}`).toString('base64')}`;
}

/** Asks for the manifest of the tag `latest`. */
export async function getManifest(pull: RawPull): Promise<RawAnswer> {
  const response = await get(pull, 'manifests/latest');
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, codes: codesIn(text) };
}

/** Pulls the manifest and everything that it names. Gives the first answer that is not 200, or the manifest's. @throws Error for a wrong digest. */
export async function pullAll(pull: RawPull): Promise<RawAnswer> {
  const manifest = await getManifest(pull);
  if (manifest.status !== 200) {
    return manifest;
  }
  const { config, layers } = JSON.parse(manifest.text) as { config: { digest: string }; layers: { digest: string }[] };
  for (const { digest } of [config, ...layers]) {
    const response = await get(pull, `blobs/${digest}`);
    const bytes = Buffer.from(await response.arrayBuffer());
    if (response.status !== 200) {
      const text = bytes.toString();
      return { status: response.status, headers: response.headers, text, codes: codesIn(text) };
    }
    if (`sha256:${createHash('sha256').update(bytes).digest('hex')}` !== digest) {
      throw new Error(`the content of ${digest} is another one`);
    }
  }
  return manifest;
}

async function get({ server, upstream, repository, authorization }: RawPull, rest: string): Promise<Response> {
  return fetch(`${server}/v2/${upstream.replace(':', '_')}/${repository}/${rest}`, {
    headers: { accept, ...(authorization !== null && { authorization }) },
    redirect: 'manual',
  });
}

function codesIn(text: string): string[] {
  try {
    return (JSON.parse(text) as { errors?: { code: string }[] }).errors?.map(({ code }) => code) ?? [];
  } catch {
    return [];
  }
}
