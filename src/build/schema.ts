// Writes schema/regway.graphql and schema/subgraph.graphql (`npm run schema`), or only compares them (`--check`).

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { printApi, printSubgraph } from '../server/graphql/schema/federation.ts';
import { schema } from '../server/graphql/schema/schema.ts';

const schemaDirectory = join(import.meta.dirname, '../../schema');

/** Returns the paths of the committed files and the content that they must have. */
export function schemaFiles(): readonly { readonly path: string; readonly text: string }[] {
  return [
    { path: join(schemaDirectory, 'regway.graphql'), text: printApi(schema) },
    { path: join(schemaDirectory, 'subgraph.graphql'), text: printSubgraph(schema) },
  ];
}

function main(checkOnly: boolean): void {
  for (const { path, text } of schemaFiles()) {
    if (!checkOnly) {
      writeFileSync(path, text);
    } else if (readFileSync(path, 'utf8') !== text) {
      console.error(`${path} does not match the code. Run npm run schema.`);
      process.exitCode = 1;
    }
  }
}

if (import.meta.main) main(process.argv.includes('--check'));
