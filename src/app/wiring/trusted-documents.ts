// The wiring of trusted documents: those of the file that the settings name, and those of our own clients.

import * as cliAccessOperations from '../../cli/api/access-operations.ts';
import * as cliOperations from '../../cli/api/operations.ts';
import { ConfigRefused, type Config } from '../config.ts';
import * as consoleOperations from '../../console/api/operations.ts';
import { schema } from '../../server/graphql/schema/schema.ts';
import { createTrustedDocuments, documentIdOf, ManifestRefused, parseManifest, type TrustedDocuments } from '../../server/graphql/execution/trusted-documents.ts';

/** @throws ConfigRefused when the file is not a list of documents that can run. */
export function trustedDocuments({ trustedDocuments: manifest, onlyTrustedDocuments }: Config): TrustedDocuments {
  const own = [...Object.values(consoleOperations).map(String), ...Object.values({ ...cliOperations, ...cliAccessOperations }).flatMap(documentOf)];
  const listed = manifest === undefined ? [] : readManifest(manifest);
  return createTrustedDocuments(new Map([...own.map((text): [string, string] => [documentIdOf(text), text]), ...listed]), onlyTrustedDocuments);
}

/** A module of operations may have functions beside them. */
function documentOf(exported: { readonly document: string } | ((...values: never[]) => unknown)): string[] {
  return 'document' in exported ? [exported.document] : [];
}

function readManifest(manifest: string): ReadonlyMap<string, string> {
  try {
    return parseManifest(manifest, schema);
  } catch (error) {
    if (error instanceof ManifestRefused) throw new ConfigRefused([`REGWAY_TRUSTED_DOCUMENTS names a file that ${error.message}.`]);
    throw error;
  }
}
