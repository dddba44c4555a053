// Every operation that the command line sends fits the schema.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSchema, parse, validate } from 'graphql';
import { expect, it } from 'vitest';
import * as accessOperations from '../../../src/cli/api/access-operations.ts';
import * as operations from '../../../src/cli/api/operations.ts';

const schema = buildSchema(readFileSync(join(import.meta.dirname, '../../../schema/regway.graphql'), 'utf8'));

const documents = Object.entries({ ...operations, ...accessOperations }).flatMap(([name, value]) =>
  typeof value === 'object' ? [[name, value] as const] : [],
);

it.each(documents)('%s fits the schema', (_, { document }) => {
  expect(validate(schema, parse(document)).map(({ message }) => message)).toEqual([]);
});
