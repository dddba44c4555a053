// The document is valid OpenAPI 3.1, its examples conform to its schemas, and it accepts and rejects the same bodies as the server.

import { Validator } from '@seriousme/openapi-schema-validator';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openApiDocument } from '../../../src/server/rest/openapi.ts';
import { createBody, parseBody, updateBody } from '../../../src/server/rest/schemas.ts';
import { schemaFaults } from './document.ts';
import { openApi, type TestApi } from './harness.ts';
import { propertyRuns } from '../../support/property-runs.ts';

interface Media {
  readonly schema: { readonly $ref: string };
  readonly examples?: Readonly<Record<string, { readonly value: unknown }>>;
}

interface Content {
  readonly content?: { readonly 'application/json': Media };
}

interface Operation {
  readonly operationId: string;
  readonly tags: readonly string[];
  readonly requestBody?: Content;
  readonly responses: Readonly<Record<string, Content & { readonly description: string }>>;
}

let api: TestApi;

beforeAll(async () => {
  api = await openApi();
});

afterAll(() => api.close());

const operations = Object.values(openApiDocument.paths).flatMap((item) =>
  Object.values(item as unknown as Record<string, Operation>).filter(({ operationId }) => operationId !== undefined),
);

test('the served document is the one that was made, without a login, and valid to a validator that is not ours', async () => {
  const answer = await api.raw('GET', '/api/v2/openapi.json', { who: null });
  expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/json']);
  expect(answer.body).toEqual(JSON.parse(JSON.stringify(openApiDocument)));
  const validator = new Validator();
  expect(await validator.validate(answer.body as Record<string, unknown>)).toEqual({ valid: true });
  expect(validator.version).toBe('3.1');
});

test('that validator sees a mistake', async () => {
  const broken = { ...openApiDocument, paths: { '/registries': { get: { responses: { '200': {} } } } } };
  expect((await new Validator().validate(structuredClone(broken))).valid).toBe(false);
});

test('every reference leads somewhere', () => {
  const references = [...JSON.stringify(openApiDocument).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(
    ([, path = '']) => path,
  );
  expect(references.length).toBeGreaterThan(20);
  for (const path of references) {
    expect(
      path
        .split('/')
        .reduce<unknown>(
          (value, key) => (value as Record<string, unknown> | undefined)?.[key.replaceAll('~1', '/')],
          openApiDocument,
        ),
    ).toBeTypeOf('object');
  }
});

describe.each(operations.map((operation) => [operation.operationId, operation] as const))(
  '%s',
  (_, { responses, requestBody }) => {
    test('has an example for every status that has a body, and each fits its schema', () => {
      for (const [status, { content, description }] of [
        ...Object.entries(responses),
        ...(requestBody === undefined ? [] : [['request', { ...requestBody, description: 'x' }] as const]),
      ]) {
        expect(description).not.toBe('');
        if (content === undefined) {
          expect(status).toBe('204');
          continue;
        }
        const { schema, examples = {} } = content['application/json'];
        if (schema.$ref === undefined) continue;
        expect(Object.keys(examples).length).toBeGreaterThan(0);
        for (const { value } of Object.values(examples))
          expect(schemaFaults(schema.$ref.split('/').at(-1) ?? '', value)).toBe('');
      }
    });

    test('an example of an error is listed under its own status', () => {
      for (const [status, { content }] of Object.entries(responses).filter(([code]) => Number(code) >= 400)) {
        for (const { value } of Object.values(content?.['application/json'].examples ?? {}))
          expect((value as { httpcode: number }).httpcode).toBe(Number(status));
      }
    });
  },
);

test('both authentication schemes are listed, and only the base path requires none', () => {
  expect(openApiDocument.security).toEqual([{ bearer: [] }, { basic: [] }]);
  expect(Object.keys(openApiDocument.components.securitySchemes)).toEqual(['bearer', 'basic']);
  expect(operations.filter((operation) => 'security' in operation).map(({ operationId }) => operationId)).toEqual([
    'get_api_version',
  ]);
});

/** Bodies near the right one: each key right, wrong, absent, or one too many. */
const anyValue = fc.oneof(
  fc.constantFrom<unknown>(undefined, null, true, 7, [], {}, 'x', '', 'docker_v2', 'DOCKER_V2'),
  fc.string({ maxLength: 5 }),
);
const nearBody = fc.record(
  {
    registry: anyValue,
    registry_user: anyValue,
    registry_pass: anyValue,
    registry_type: anyValue,
    registry_name: anyValue,
    registry_verify: anyValue,
    other: fc.constantFrom(undefined, 1),
  },
  { requiredKeys: [] },
);

test.each([
  ['CreateRegistry', createBody],
  ['UpdateRegistry', updateBody],
] as const)('the document allows every %s that the server accepts', (name, schema) => {
  fc.assert(
    fc.property(nearBody, (near) => {
      const body: unknown = JSON.parse(JSON.stringify(near));
      const taken = isTaken(() => parseBody<unknown>(schema, body));
      // In the other direction, only the server rejects control characters and colons.
      if (taken) expect(schemaFaults(name, body)).toBe('');
    }),
    { numRuns: propertyRuns(2_000) },
  );
});

test.each([
  [{ registry: 'a.example', registry_user: 'u' }],
  [{ registry: 'a.example', registry_user: 'u', registry_pass: 1 }],
  [{ registry: 'a.example', registry_user: '', registry_pass: 'p' }],
  [{ registry: 'a.example', registry_user: 'u', registry_pass: 'p', registry_type: 'x' }],
  [{ registry: 'a.example', registry_user: 'u', registry_pass: 'p', userId: 'x' }],
  [[]],
])('the document refuses %j as the server does', (body) => {
  expect(schemaFaults('CreateRegistry', body)).not.toBe('');
  expect(isTaken(() => parseBody<unknown>(createBody, body))).toBe(false);
});

function isTaken(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch {
    return false;
  }
}
