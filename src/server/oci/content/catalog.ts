// Bounds the catalog of a registry: it has no digest to end it by, and a registry without pages sends all of its names at once.

import type { Readable } from 'node:stream';
import { OciError } from '../errors.ts';
import type { DigestCheck } from './digest.ts';

/** Bytes of one page: some 50,000 names. */
const maxCatalogBytes = 4 * 1024 * 1024;

/**
 * Rejects a response that is no page of a catalog by what its head says.
 * @param headers Of the upstream, in lower case.
 * @throws OciError 502 for a page that is too large, and for a web page, such as the console of a registry.
 */
export function rejectNoCatalog(headers: Readonly<Record<string, string>>, host: string, status: number): void {
  if (Number(headers['content-length'] ?? 0) > maxCatalogBytes)
    throw new OciError(
      502,
      'UNAVAILABLE',
      `The catalog of ${host} has a page of more than 4 MiB. Request less with n.`,
      {},
      status,
    );
  if ((headers['content-type'] ?? '').toLowerCase().includes('html'))
    throw new OciError(502, 'UNAVAILABLE', `${host} sent a web page in place of its catalog.`, {}, status);
}

/** Creates the verification of a page whose length is not known: it ends the stream when the page becomes too large. */
export function createSizeCheck(stream: Readable): DigestCheck {
  let bytes = 0;
  return {
    update(piece, onChecked) {
      bytes += piece.length;
      if (bytes > maxCatalogBytes) stream.destroy(new Error('The page of a catalog is larger than 4 MiB.'));
      onChecked();
    },
    finish: async () => undefined,
    abandon: () => undefined,
  };
}
