// Two servers over one domain, one that compiles and one that does not: the same responses to any request.

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Problem } from '../../../../../src/core/shared/problem.ts';
import { schema } from '../../../../../src/server/graphql/schema/schema.ts';
import { propertyRuns } from '../../../../support/property-runs.ts';
import { jsonHeaders, openEndpoint, type TestEndpoint } from '../../harness.ts';
import { generateQuery } from '../query-generator.ts';

/** Each runs four times over HTTP. */
const generated = propertyRuns(250);

let compiling: TestEndpoint;
let interpreting: TestEndpoint;

beforeAll(async () => {
  compiling = await openEndpoint({ compiledExecution: true });
  interpreting = await openEndpoint({ compiledExecution: false }, compiling.domain);
  for (const registry of ['docker.io', 'docker.io/library/*', 'ghcr.io/anchore/grype']) {
    await compiling.send(
      'mutation ($r: String!) { createRegistry(input: { registry: $r, username: "u", password: "p" }, validate: false) { errors { code } } }',
      { r: registry },
    );
  }
});

afterAll(async () => {
  await interpreting.close();
  await compiling.close();
});

async function ask(endpoint: TestEndpoint, query: string, variables: object) {
  const observed = endpoint.observed.length;
  const { status, headers, text } = await endpoint.request('/graphql', {
    method: 'POST',
    headers: jsonHeaders('ADMIN'),
    body: JSON.stringify({ query, variables }),
  });
  return { status, type: headers.get('content-type'), text, observed: endpoint.observed.slice(observed) };
}

/** Sends a query that fails until the compiler is loaded and has compiled it, and counts the calls of its use case by the last one. */
async function callsOfFailingQuery(endpoint: TestEndpoint): Promise<number> {
  endpoint.overrides.get = () => Promise.reject(new Problem('FORBIDDEN', 'Not allowed.'));
  for (let sighting = 1; sighting <= 50; sighting += 1) {
    endpoint.calls.length = 0;
    await ask(endpoint, 'query ($r: String) { registry(registry: $r) { id } }', { r: 'docker.io' });
    if (endpoint.calls.length > 1) break;
  }
  delete endpoint.overrides.get;
  return endpoint.calls.length;
}

describe('with the setting REGWAY_COMPILED_EXECUTION', () => {
  test('on, a query that fails in its compiled form is run again; off, nothing is compiled', async () => {
    expect(await callsOfFailingQuery(compiling)).toBe(2);
    expect(await callsOfFailingQuery(interpreting)).toBe(1);
  });

  test('generated queries get the same responses either way', { timeout: 120_000 }, async () => {
    let answered = 0;
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const { text, variables } = generateQuery(schema, seed);
        const expected = await ask(interpreting, text, variables);
        // The third run is the first compiled one.
        for (let sighting = 1; sighting <= 3; sighting += 1)
          expect({ query: text, variables, response: await ask(compiling, text, variables) }).toEqual({
            query: text,
            variables,
            response: expected,
          });
        if (!expected.text.startsWith('{"errors"')) answered += 1;
      }),
      { numRuns: generated, endOnFailure: true },
    );
    expect(answered).toBeGreaterThan((generated * 2) / 25);
  });
});
