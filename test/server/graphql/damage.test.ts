// Valid requests with random damage: every failure is the caller's error, in a message that repeats nothing.

import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { propertyRuns } from '../../support/property-runs.ts';
import { jsonHeaders, openEndpoint, type TestEndpoint } from './harness.ts';

const marker = 'HUNTER2X';

const documents = [
  'mutation ($input: CreateRegistryInput!, $v: Boolean! = true) { a: createRegistry(input: $input, validate: $v) { registry { id lastValidation { outcome steps { kind } } } errors { code field } } }',
  `query ($id: ID, $n: Int = 5) { registry(id: $id) { id } registries(first: $n, orderBy: { field: NAME }, filter: { type: GCR, search: "${marker}" }) { totalCount nodes { id ... on Node { id } } edges { node { ...F } } } } fragment F on Registry { name @include(if: true) }`,
  `{ image(reference: "${marker}", account: null) { reference candidates { matched registry { registry } } } __type(name: "${marker}") { name } }`,
  `mutation { checkRegistry(input: { registry: "a.example", username: "u", password: "${marker}", type: ACR }, secureConnection: false) { errors { code } } }`,
];

const pieces = [
  '{',
  '}',
  '(',
  ')',
  ':',
  '$',
  '...',
  '@',
  '!',
  '[',
  ']',
  '=',
  '&',
  '-',
  '\\',
  '€',
  'null',
  'on',
  'fragment',
  'input',
  'Secret',
  `"${marker}"`,
  `"""${marker}"""`,
  marker,
  `5${marker}`,
  `$${marker}`,
  `"${marker}`,
  `#${marker}\n`,
];

const values: unknown[] = [marker, 5, null, [], {}, [marker], { [marker]: marker }, true, 1e99, `${marker}\ud800`];

/** One edit of a document: at this piece, put another one before it, in its place, or nothing. */
const edit = fc.record({
  at: fc.nat(200),
  how: fc.constantFrom('insert', 'replace', 'remove'),
  piece: fc.constantFrom(...pieces),
});

const damaged = fc.record({
  document: fc.constantFrom(...documents),
  edits: fc.array(edit, { maxLength: 4 }),
  input: fc.record({
    registry: fc.constantFrom('a.example', ...values),
    username: fc.constantFrom('u', ...values),
    password: fc.constantFrom(marker, ...values),
  }),
  others: fc.record(
    { id: fc.constantFrom(...values), n: fc.constantFrom(...values), v: fc.constantFrom(...values) },
    { requiredKeys: [] },
  ),
});

let endpoint: TestEndpoint;

beforeAll(async () => {
  endpoint = await openEndpoint();
});

afterAll(() => endpoint.close());

function applyEdits(document: string, edits: readonly { at: number; how: string; piece: string }[]): string {
  const parts = document.split(/(?<=[\s{}():$!,"])|(?=[\s{}():$!,"])/);
  for (const { at, how, piece } of edits)
    parts.splice(at % parts.length, how === 'insert' ? 0 : 1, ...(how === 'remove' ? [] : [` ${piece} `]));
  return parts.join('');
}

test('no damage causes an internal error, and no damage is echoed', async () => {
  await fc.assert(
    fc.asyncProperty(damaged, async ({ document, edits, input, others }) => {
      const body = JSON.stringify({ query: applyEdits(document, edits), variables: { input, ...others } });
      const answer = await endpoint.request('/graphql', { method: 'POST', headers: jsonHeaders('ADMIN'), body });
      expect(answer.status).toBeLessThan(500);
      expect(endpoint.log).toEqual([]);
      expect(JSON.stringify(answer.body.errors ?? [])).not.toContain(marker);
    }),
    { numRuns: propertyRuns(300) },
  );
});
