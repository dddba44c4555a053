// GraphQL and REST are two APIs of one domain: any sequence of operations has the same outcomes, the same state, and the same validations.

import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { registryTypes } from '../../../src/core/registry/registry.ts';
import { callerOf } from '../../support/domain.ts';
import { isThorough } from '../../support/property-runs.ts';
import { openGraphqlFace, openRestFace, type Face, type Step } from './faces.ts';

/** The compared sequences. Each has up to `maxSteps` operations. */
const sequences = isThorough ? 1_000 : 200;
const maxSteps = 5;

let rest: Face;
let graphql: Face;

beforeAll(async () => {
  [rest, graphql] = [await openRestFace(), await openGraphqlFace()];
});

afterAll(async () => {
  await rest.close();
  await graphql.close();
});

/** Few patterns, so that operations meet; some are spellings of one registry, and some are invalid. */
const registryText = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('a.example', 'a.example/team/*', 'docker.io/anchore/*') },
  { weight: 2, arbitrary: fc.constantFrom('A.example:443', 'index.docker.io/anchore/*') },
  { weight: 1, arbitrary: fc.constantFrom('a.example/*/x', 'https://a.example', 'single', 'a.example%2Fteam', '*') },
);
const role = fc.oneof(
  { weight: 15, arbitrary: fc.constant('READ_WRITE' as const) },
  { weight: 1, arbitrary: fc.constant('READ_ONLY' as const) },
);
const user = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom('robot', 'alice', '_json_key') },
  { weight: 1, arbitrary: fc.constantFrom('', 'a:b', 'a\nb', 'ä'.repeat(1025)) },
);
const password = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom('hunter2', 'pässword', '{"type": "service_account"}\n') },
  { weight: 1, arbitrary: fc.constantFrom('', 'p'.repeat(65_536), 'a\0b') },
);
const name = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom('Team', ' padded ', '🔑') },
  { weight: 1, arbitrary: fc.constantFrom('n'.repeat(201), 'two\nlines') },
);
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const checked = {
  role,
  registry: registryText,
  validate: fc.boolean(),
  outcome: fc.constantFrom(
    'VALID' as const,
    'VALID' as const,
    'NO_AUTH_REQUIRED' as const,
    'INVALID_CREDENTIALS' as const,
    'TLS_UNTRUSTED' as const,
  ),
};
const type = fc.constantFrom(...registryTypes);
const created = fc.record({ user, password, type: maybe(type), name: maybe(name), verify: maybe(fc.boolean()) });
const changed = fc.record({
  user: maybe(user),
  password: maybe(password),
  type: maybe(type),
  name: maybe(name),
  verify: maybe(fc.boolean()),
});

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('create' as const), values: created, ...checked }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('update' as const), values: changed, ...checked }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('get' as const, 'delete' as const), role, registry: registryText }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('list' as const), role }) },
);

/** Runs first, so that few sequences reach the rarest outcomes too. */
const onRegistry = { role: 'READ_WRITE', registry: 'a.example' } as const;
const cycle: Step[] = [
  { ...onRegistry, kind: 'create', values: { user: 'robot', password: 'hunter2' }, validate: false, outcome: 'VALID' },
  { ...onRegistry, kind: 'get' },
  { ...onRegistry, kind: 'update', values: { user: 'alice' }, validate: false, outcome: 'VALID' },
  { ...onRegistry, kind: 'update', values: { password: 'p' }, validate: true, outcome: 'INVALID_CREDENTIALS' },
  { ...onRegistry, kind: 'delete' },
];

test('any sequence of operations ends the same through both APIs', async () => {
  const met = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: maxSteps }), async (steps) => {
      for (const face of [rest, graphql]) {
        await face.reset();
        face.domain.asked.length = 0;
      }
      for (const [index, each] of steps.entries()) {
        for (const { domain } of [rest, graphql]) {
          domain.time = new Date(Date.UTC(2026, 0, 1, 0, 0, index, 123));
          domain.outcome = 'outcome' in each ? each.outcome : 'VALID';
        }
        const [ours, theirs] = [await rest.run(each), await graphql.run(each)];
        expect(ours).toEqual(theirs);
        met.set(`${each.kind} ${ours.code}`, (met.get(`${each.kind} ${ours.code}`) ?? 0) + 1);
      }
      expect(await stateOf(rest)).toEqual(await stateOf(graphql));
    }),
    { numRuns: sequences, examples: [[cycle]] },
  );
  // The sequences reach what matters, or equality would prove little.
  for (const verdict of [
    'create OK',
    'create ALREADY_EXISTS',
    'create INVALID_REGISTRY',
    'create INVALID_INPUT',
    'create VALIDATION_FAILED',
    'create FORBIDDEN',
    'update OK',
    'update NOT_FOUND',
    'update PASSWORD_REQUIRED',
    'update INVALID_INPUT',
    'update VALIDATION_FAILED',
    'delete OK',
    'get OK',
    'get NOT_FOUND',
    'list OK',
  ]) {
    expect(met.get(verdict) ?? 0, verdict).toBeGreaterThan(0);
  }
}, 120_000);

/** Every stored registry, ids aside, and every check so far: those of the end use the stored passwords. */
async function stateOf({ domain }: Face): Promise<object> {
  const caller = callerOf('READ_WRITE');
  const { nodes } = await domain.registries.list(caller, { first: 100 });
  domain.outcome = 'VALID';
  for (const { id } of nodes) await domain.registries.validate(caller, id);
  return { registries: nodes.map((registry) => ({ ...registry, id: '' })), asked: domain.asked };
}
