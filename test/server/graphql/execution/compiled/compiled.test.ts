// Compiled queries against graphql-js itself: the same bytes for any query and any failure in it.

import { setTimeout as pause } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { execute, getOperationAST, type ExecutionResult, type GraphQLSchema } from 'graphql';
import { describe, expect, test } from 'vitest';
import type { Registry } from '../../../../../src/core/registry/registry.ts';
import { Problem } from '../../../../../src/core/shared/problem.ts';
import {
  createDocuments,
  type Documents,
  type PreparedDocument,
} from '../../../../../src/server/graphql/execution/document-cache.ts';
import { createCompiledExecution } from '../../../../../src/server/graphql/execution/compiled/compiled.ts';
import {
  createInterpreter,
  type PlannedOperation,
  type RunOperation,
} from '../../../../../src/server/graphql/execution/run-operation.ts';
import { schema as ownSchema } from '../../../../../src/server/graphql/schema/schema.ts';
import { reportOf } from '../../../../support/domain.ts';
import { hostileSchema } from '../../hostile-schema.ts';
import { generateQuery, randomOf } from '../query-generator.ts';
import { propertyRuns } from '../../../../support/property-runs.ts';

function compiledExecution(schema: GraphQLSchema, sightings?: number): RunOperation {
  return createCompiledExecution(schema, createInterpreter(schema), sightings);
}

function plan(prepared: PreparedDocument): PlannedOperation {
  const operation = getOperationAST(prepared.document);
  if (!operation) throw new Error('not one operation');
  return { prepared, operation };
}

/** Runs one query in both ways. */
async function runBoth(
  schema: GraphQLSchema,
  run: RunOperation,
  planned: PlannedOperation,
  contextOf: () => unknown,
  variables: Record<string, unknown>,
): Promise<[string, string, ExecutionResult]> {
  const expected = await execute({
    schema,
    document: planned.prepared.document,
    contextValue: contextOf(),
    variableValues: variables,
  });
  const actual = await run(planned, contextOf(), variables);
  return [JSON.stringify(actual), JSON.stringify(expected), expected];
}

interface Tally {
  clean: number;
  faulty: number;
}

async function compareMany(
  schema: GraphQLSchema,
  contextOf: (seed: number) => unknown,
  scalars: Readonly<Record<string, readonly unknown[]>>,
  numRuns: number,
): Promise<Tally> {
  const documents = createDocuments(schema);
  const run = compiledExecution(schema, 1);
  await warm(schema, run);
  const tally = { clean: 0, faulty: 0 };
  await fc.assert(
    fc.asyncProperty(fc.integer(), async (seed) => {
      const { text, variables } = generateQuery(schema, seed, scalars);
      const prepared = prepareWithin(documents, text);
      fc.pre(prepared !== undefined && prepared.errors.length === 0);
      const [actual, expected, { errors }] = await runBoth(
        schema,
        run,
        plan(prepared),
        () => contextOf(seed),
        variables,
      );
      expect({ text, variables, result: actual }).toEqual({ text, variables, result: expected });
      if (errors === undefined) tally.clean += 1;
      else tally.faulty += 1;
    }),
    { numRuns, endOnFailure: true },
  );
  return tally;
}

/** Undefined when the generated query is larger than any may be. */
function prepareWithin(documents: Documents, text: string): PreparedDocument | undefined {
  try {
    return documents.prepare(text);
  } catch {
    return undefined;
  }
}

/** Until the compiler is loaded, graphql-js runs everything. */
async function warm(schema: GraphQLSchema, run: RunOperation): Promise<void> {
  const planned = plan(createDocuments(schema).prepare('{ __typename }'));
  while (!isFromCompiled(await run(planned, {}, {}))) await pause(5);
}

/** graphql-js makes objects without a prototype. */
function isFromCompiled({ data }: ExecutionResult): boolean {
  return Object.getPrototypeOf(data) === Object.prototype;
}

/** By a seed, use cases that answer, find nothing, refuse or break. */
function ownContext(seed: number): object {
  const random = randomOf(seed);
  // The same for every call, so that a query that runs again meets the same.
  const luck = random();
  const answer = <T>(value: () => T): Promise<T> => {
    if (luck < 0.05) return Promise.reject(new Problem('FORBIDDEN', 'not you'));
    return luck < 0.1 ? Promise.reject(new Error('an internal error')) : Promise.resolve(value());
  };
  const registry = (index: number): Registry => ({
    id: `reg_${index}`,
    account: 'admin',
    registry: `docker.io/a${index}`,
    host: 'docker.io',
    repository: `a${index}`,
    name: 'a',
    type: 'DOCKER_V2',
    username: 'u',
    secureConnection: true,
    trustedRealm: null,
    probeRepository: null,
    lastValidation:
      index % 2 === 0
        ? null
        : reportOf('VALID', [{ kind: 'PING', status: 'PASSED', message: 'It answered.', durationMs: 1.5 }]),
    version: 1,
    secretVersion: 1,
    pendingSince: null,
    previousUsableUntil: null,
    createdAt: new Date(index),
    updatedAt: new Date(index * 1000),
  });
  const nodes = Array.from({ length: Math.floor(random() * 4) }, (_, index) => registry(index));
  const page = {
    nodes,
    hasNextPage: true,
    hasPreviousPage: false,
    cursorOf: ({ id }: Registry) => `cursor-${id}`,
    totalCount: () => Promise.resolve(7),
  };
  const candidate = { registry: registry(1), matched: true, reason: 'Used.' };
  const image = {
    reference: 'docker.io/a1:1',
    host: 'docker.io',
    repository: 'a1',
    tag: '1',
    digest: null,
    account: 'admin',
    registry: registry(1),
    candidates: () => Promise.resolve([candidate]),
  };
  return {
    caller: {
      principal: { subject: 'token:x', account: 'admin', role: 'PULL', images: ['docker.io'], expiresAt: null },
      requestId: 'request-1',
    },
    registries: {
      get: () => answer(() => (luck > 0.8 ? null : registry(1))),
      list: () => answer(() => page),
      image: () => answer(() => image),
    },
    uses: { lastUsed: () => answer(() => new Map([['reg_1', new Date(5)]])), of: () => answer(() => []) },
  };
}

/** A long property: thousands of documents are parsed, validated, compiled and run twice. */
const longTestMs = 600_000;

/** Queries over the hostile schema and over Regway's own. */
const [generated, generatedForOwn] = [propertyRuns(10_000), propertyRuns(2_000)];

describe('a compiled query answers as graphql-js does, byte for byte', () => {
  test('over a schema of interfaces, unions, lists and every kind of failure', { timeout: longTestMs }, async () => {
    const { clean, faulty } = await compareMany(
      hostileSchema(),
      (seed) => ({ seed }),
      { Odd: ['x', '', 5, null] },
      generated,
    );
    expect(clean).toBeGreaterThan(generated / 10);
    expect(faulty).toBeGreaterThan(generated / 10);
  });

  test('over the schema of Regway', { timeout: longTestMs }, async () => {
    const { clean, faulty } = await compareMany(ownSchema, ownContext, {}, generatedForOwn);
    expect(clean).toBeGreaterThan(generatedForOwn / 10);
    expect(faulty).toBeGreaterThan(generatedForOwn / 10);
  });
});

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}

describe('what is compiled', () => {
  const schema = hostileSchema();
  const documents = createDocuments(schema);

  test.each([
    ['a query with variables', 'query ($s: Shape) { cat(shape: $s) { __typename } }', true],
    ['a query with literals', '{ dog(color: RED) { __typename } number(value: 1.5) }', true],
    ['a query that holds a text', '{ cat(id: "reg_1") { __typename } }', false],
    ['a query with a condition', 'query ($b: Boolean = true) { cat @include(if: $b) { __typename } }', false],
    ['a query with an answer named __proto__', '{ __proto__: __typename }', false],
    ['a query for the schema', '{ __schema { queryType { fields { args { name } } } } }', false],
    ['a query for a type', 'query ($n: String! ) { cat { __typename } __type(name: $n) { name } }', false],
    [
      'a query of more than 250 fields',
      `{ ${Array.from({ length: 251 }, (_, index) => `a${index}: __typename`).join(' ')} }`,
      false,
    ],
    ['a query longer than what is kept', `{ __typename } #${'x'.repeat(9000)}`, false],
  ])('%s: %s', async (_what, text, expected) => {
    const run = compiledExecution(schema, 1);
    await warm(schema, run);
    expect(isFromCompiled(await run(plan(documents.prepare(text)), { seed: 3 }, { n: 'Cat' }))).toBe(expected);
  });

  test('nothing before its third sighting', async () => {
    const run = compiledExecution(schema);
    await warm(schema, run);
    const planned = plan(documents.prepare('{ third: __typename }'));
    const compiled: boolean[] = [];
    for (let sighting = 1; sighting <= 4; sighting += 1)
      compiled.push(isFromCompiled(await run(planned, { seed: 3 }, {})));
    expect(compiled).toEqual([false, false, true, true]);
  });

  test('a text that the compiler would write as code is not run', async () => {
    const marker = '__MAGIC_DATE__33a9e76d_02e0_4128_8e92_3530ad3da74dglobalThis.wasRun=true';
    const run = compiledExecution(schema, 1);
    await warm(schema, run);
    const prepared = { ...documents.prepare(`{ cat(id: "${marker}") { __typename } }`), isCacheable: true };
    await run(plan(prepared), { seed: 3 }, {});
    expect('wasRun' in globalThis).toBe(false);
  });

  test('thousands of distinct queries leave no more than the cached ones', { timeout: longTestMs }, async () => {
    const run = compiledExecution(ownSchema, 1);
    await warm(ownSchema, run);
    const kept = createDocuments(ownSchema);
    const heapAfter = async (from: number, to: number): Promise<number> => {
      for (let index = from; index < to; index += 1)
        await run(
          plan(kept.prepare(`{ a${index}: registries { nodes { id registry lastValidation { outcome } } } }`)),
          ownContext(0),
          {},
        );
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    // Enough to fill the caches of 500 documents and 200 compiled queries.
    const first = 1_000;
    const afterFirst = await heapAfter(0, first);
    expect((await heapAfter(first, first + propertyRuns(10_000))) - afterFirst).toBeLessThan(
      propertyRuns(64 * 1024 * 1024),
    );
  });
});
