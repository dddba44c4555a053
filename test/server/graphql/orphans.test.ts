// Storage that fails below the first level of a response, on both paths through the endpoint: no promise is left without an await.
// Such a rejection ends a process that does not handle it, and with it the requests of all callers.

import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ImageExplanation } from '../../../src/core/registries/explain.ts';
import { Problem } from '../../../src/core/shared/problem.ts';
import { Secret } from '../../../src/core/shared/secret.ts';
import { callerOf } from '../../support/domain.ts';
import { jsonHeaders, openEndpoint, type TestEndpoint } from './harness.ts';

let endpoint: TestEndpoint;
let orphans: unknown[];
const note = (reason: unknown): void => void orphans.push(reason);
const hosts = ['a.example', 'b.example', 'c.example'];

beforeAll(async () => {
  process.on('unhandledRejection', note);
  endpoint = await openEndpoint();
  for (const registry of hosts) {
    await endpoint.domain.registries.create(
      callerOf('ADMIN'),
      { registry, username: 'u', password: new Secret('p') },
      { secureConnection: true, validate: false },
    );
  }
  const { registries, rows } = endpoint.domain;
  endpoint.overrides.image = async (caller, args) => withFailingCandidates(await registries.image(caller, args));
  endpoint.overrides.entities = async (caller, keys) =>
    (await registries.entities(caller, keys)).map((entity) =>
      entity !== null && 'candidates' in entity ? withFailingCandidates(entity) : entity,
    );
  for (const table of ['registry_use', 'audit_event']) await rows(`DROP TABLE ${table}`);
});

beforeEach(() => (orphans = []));

let calls = 0;

/** At once or later, as drivers do. */
function withFailingCandidates(image: ImageExplanation): ImageExplanation {
  const problem = new Problem('STORAGE_UNAVAILABLE', 'The database does not answer.');
  const candidates = (): Promise<never> => {
    calls += 1;
    if (calls % 2 === 0) throw problem;
    return new Promise((_resolve, reject) => void setTimeout(() => reject(problem), calls % 5));
  };
  return { ...image, candidates };
}

afterAll(async () => {
  await endpoint.close();
  process.off('unhandledRejection', note);
});

const nested = 'id lastUsedAt uses { count } auditEvents { action } again: uses(first: 1) { actor }';
const images = hosts.map((host) => `{ __typename: "ContainerImage", reference: "${host}/x:1" }`).join(', ');
const bad = '{ __typename: "Other" }, { __typename: "ContainerImage", reference: "not a reference" }, 5';

test.each([
  ['a page', `{ registries { totalCount nodes { ${nested} } edges { node { ${nested} } } } }`],
  ['the same page twice', `{ a: registries { nodes { ${nested} } totalCount } b: registries { totalCount } }`],
  // The candidates fail, so that nothing below them is asked for; all of `nested` there would be over the limit.
  [
    'entities among unfit ones',
    `{ _entities(representations: [${bad}, ${images}, ${bad}]) { ... on ContainerImage { candidates { reason registry { id lastUsedAt } } registry { ${nested} } } } }`,
  ],
  [
    'images',
    `{ ${hosts.map((host, index) => `i${index}: image(reference: "${host}/x") { candidates { registry { ${nested} } } registry { ${nested} } }`).join(' ')} bad: image(reference: "not a reference") { reference } }`,
  ],
  [
    'the trail',
    '{ auditEvents { nodes { action } edges { node { actor } } } tokens { nodes { id } } accounts { edges { node { name } } } }',
  ],
])('%s leaves none', async (_what, query) => {
  // Often enough to be compiled as well.
  for (let time = 0; time < 6; time += 1) {
    const short = await endpoint.send(query);
    expect(short.text).toMatch(/STORAGE_UNAVAILABLE|INTERNAL_SERVER_ERROR|INVALID_REFERENCE/);
    const long = await endpoint.request(`/graphql?query=${encodeURIComponent(query)}`, {
      headers: jsonHeaders('ADMIN'),
    });
    expect(long.text).toMatch(/STORAGE_UNAVAILABLE|INTERNAL_SERVER_ERROR|INVALID_REFERENCE/);
  }
  await new Promise((resolve) => void setTimeout(resolve, 30));
  expect(orphans).toEqual([]);
});
