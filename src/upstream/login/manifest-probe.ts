// Finds out whether a login may pull from a repository whose tags it may not list. Most registries grant both together; ECR, Azure, and others do not.

import type { Secret } from '../../core/shared/secret.ts';
import { UpstreamFailure } from '../errors/failure.ts';
import type { Endpoint } from './endpoint.ts';
import type { RegistrySession } from './session.ts';

const manifestTypes = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

/**
 * Returns whether the registry serves the head of the manifest `latest`, which needs the right to pull alone and counts against no limit of
 * Docker Hub. False says nothing: the tag need not exist.
 */
export async function servesManifest(
  { client, limits, signal }: Pick<RegistrySession, 'client' | 'limits' | 'signal'>,
  endpoint: Endpoint,
  repository: string,
  authorization: Secret | undefined,
): Promise<boolean> {
  try {
    const { status, body } = await client.open({
      url: new URL(`/v2/${repository}/manifests/latest`, endpoint.origin),
      method: 'HEAD',
      // A HEAD has no content that would take a share of the memory.
      owner: '',
      headers: { accept: manifestTypes },
      authorization,
      signal,
      headersTimeoutMs: limits.headersTimeoutMs,
      bodyTimeoutMs: limits.bodyTimeoutMs,
    });
    body.resume();
    return status === 200;
  } catch (error) {
    if (error instanceof UpstreamFailure) return false;
    throw error;
  }
}
