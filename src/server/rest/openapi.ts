// Builds the OpenAPI 3.1 document from the schemas that check the bodies and from the table of errors. https://spec.openapis.org/oas/v3.1.1

import { z } from 'zod';
import { errorExamples, registryExamples, updateExample, createExample } from './examples.ts';
import { errorBody, statusOf, type ErrorType } from './errors.ts';
import { basePath } from './path.ts';
import { createBody, errorSchema, registryItem, registryItems, updateBody } from './schemas.ts';

const description = `
Credentials of container registries: say once how to log in to a registry, check it, use it for every pull, and let nobody read the password back.

Log in with an API token: as \`Authorization: Bearer rgw_…\`, or as the password of HTTP Basic under any user name.

A \`{registry}\` in a path is one percent-encoded segment (\`docker.io%2Fanchore%2F%2A\`) or the raw path (\`docker.io/anchore/*\`); it is decoded once.
What GraphQL at \`/graphql\` can do beyond this: pages and filters, checks without storing, each step of a check, trusted token servers, and why an image gets which credential.

### For users of the registries API that this one succeeds

Paths, fields, defaults and statuses are kept, and clients of it work when their URL ends in \`${basePath}\`. These differ:

| Where | There | Here |
| --- | --- | --- |
| Create: the registry exists | 500 | 409 |
| Create: a name that is a URL or ends in \`/\` | 409 | 400 with the reason; \`docker.io/\` is \`docker.io\` |
| Names | any text, compared as typed | one canonical text: \`index.docker.io\` is \`docker.io\`, \`:443\` is dropped, a wildcard is a whole last segment |
| \`registry_verify\` left out on create | an error, or no verification | \`true\` |
| \`registry_user\` or \`registry_pass\` empty | stored, means anonymous | 400: images without an entry are pulled anonymously |
| Update: a key left out | the login must be repeated | it keeps its value; the password is asked for when the login could go elsewhere: another user or type, or verification turned off |
| Update of \`awsecr\` with a check | always 406 | checked like a create |
| Delete: not there | 200 | 404; a success is 204 without a body |
| Unknown keys | ignored, or written to the database | 400 naming the key |
| \`registry_type\` | any text | \`docker_v2\`, \`awsecr\`, \`gcr\`, \`acr\` |
| An account that is not there or not yours | 403 | 404: both are one answer |
| Errors of form | \`application/problem+json\` | one body for every error |
`.trim();

const json = (schema: string, examples: Readonly<Record<string, unknown>>) => ({
  'application/json': {
    schema: { $ref: `#/components/schemas/${schema}` },
    examples: Object.fromEntries(Object.entries(examples).map(([name, value]) => [name, { value }])),
  },
});

/** Errors that every operation with a login can meet. */
const commonErrors: readonly ErrorType[] = [
  'INVALID_INPUT',
  'UNAUTHENTICATED',
  'FORBIDDEN',
  'NOT_FOUND',
  'METHOD_NOT_ALLOWED',
  'RATE_LIMITED',
  'INTERNAL_ERROR',
  'STORAGE_UNAVAILABLE',
];
const bodyErrors: readonly ErrorType[] = [
  'INVALID_REGISTRY',
  'VALIDATION_FAILED',
  'BODY_TOO_LARGE',
  'UNSUPPORTED_MEDIA_TYPE',
];

/** Headers that an error always has. */
const errorHeaders: Partial<Record<ErrorType, object>> = {
  UNAUTHENTICATED: {
    'WWW-Authenticate': { description: 'How to log in.', schema: { type: 'string' }, example: 'Basic realm="regway"' },
  },
  RATE_LIMITED: {
    'Retry-After': { description: 'Seconds to wait.', schema: { type: 'integer', minimum: 1 }, example: 42 },
  },
};

const account = { $ref: '#/components/parameters/Account' };
const registry = { $ref: '#/components/parameters/Registry' };
const validate = { $ref: '#/components/parameters/Validate' };

const paths = {
  '/': {
    get: {
      operationId: 'get_api_version',
      tags: ['Service'],
      summary: 'The version of the API',
      description:
        'Answers without a login, with and without the slash; clients ask it to see whether the service is there.',
      security: [],
      responses: {
        '200': {
          description: 'The version.',
          content: { 'application/json': { schema: { type: 'string' }, example: 'v2' } },
        },
        ...errorResponses(['METHOD_NOT_ALLOWED', 'INTERNAL_ERROR']),
      },
    },
  },
  '/registries': {
    get: operation('list_registries', 'List every registry of the account', {
      parameters: [account],
      responses: {
        '200': success('All of them, by `registry`.', registryExamples.list),
        ...errorResponses(commonErrors),
      },
    }),
    post: operation('create_registry', 'Create a registry', {
      description: 'Asks the registry whether the login works and stores it if so. A failed check stores nothing.',
      parameters: [validate, account],
      requestBody: { required: true, content: json('CreateRegistry', { create: createExample }) },
      responses: {
        '200': success('The new registry.', registryExamples.one),
        ...errorResponses([...commonErrors, ...bodyErrors, 'ALREADY_EXISTS']),
      },
    }),
  },
  '/registries/{registry}': {
    parameters: [registry, account],
    get: operation('get_registry', 'Get one registry', {
      responses: {
        '200': success('The registry, in a list of one.', registryExamples.one),
        ...errorResponses([...commonErrors, 'INVALID_REGISTRY']),
      },
    }),
    put: operation('update_registry', 'Update a registry', {
      description:
        'A key that is left out keeps its value. The login is checked with the changes before they are stored; a failed check changes nothing.',
      parameters: [validate],
      requestBody: { required: true, content: json('UpdateRegistry', { password: updateExample }) },
      responses: {
        '200': success('The registry after the update.', registryExamples.one),
        ...errorResponses([...commonErrors, ...bodyErrors, 'PASSWORD_REQUIRED', 'CONFLICT', 'SECRET_UNREADABLE']),
      },
    }),
    delete: operation('delete_registry', 'Delete a registry', {
      description: 'Deletes its login and nothing else.',
      responses: {
        '204': { description: 'It is deleted. There is no body.' },
        ...errorResponses([...commonErrors, 'INVALID_REGISTRY']),
      },
    }),
  },
};

const parameters = {
  Account: {
    name: 'x-anchore-account',
    in: 'header',
    description: 'The account to act in, for admins; by default the one of the token.',
    // No example: the API browser would send it, and only admins may name another account.
    schema: { type: 'string', minLength: 1, maxLength: 100 },
  },
  Registry: {
    name: 'registry',
    in: 'path',
    required: true,
    description: 'The registry text, percent-encoded as one segment.',
    schema: { type: 'string', minLength: 1 },
    example: 'docker.io/anchore/*',
  },
  Validate: {
    name: 'validate',
    in: 'query',
    description: '`true` or `false` in any case: whether to ask the registry first.',
    schema: { type: 'string', pattern: '^(?:[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])$', default: 'true' },
    example: 'true',
  },
};

/** The document, ready to be sent as JSON. */
export const openApiDocument = {
  openapi: '3.1.1',
  info: {
    title: 'Regway registries API',
    version: '2.0.0',
    summary: 'The registries of an account, over REST.',
    description,
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  },
  servers: [{ url: basePath, description: 'This server.' }],
  tags: [
    { name: 'Registries', description: 'How to log in to container registries.' },
    { name: 'Service', description: 'The service itself.' },
  ],
  security: [{ bearer: [] }, { basic: [] }],
  paths,
  components: {
    securitySchemes: {
      bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'rgw_…', description: 'An API token.' },
      basic: { type: 'http', scheme: 'basic', description: 'An API token as the password; any user name.' },
    },
    parameters,
    schemas: {
      CreateRegistry: jsonSchema(createBody, 'input'),
      UpdateRegistry: jsonSchema(updateBody, 'input'),
      Registry: jsonSchema(registryItem, 'output'),
      Registries: { ...jsonSchema(registryItems, 'output'), items: { $ref: '#/components/schemas/Registry' } },
      Error: jsonSchema(errorSchema(Object.keys(statusOf)), 'output'),
    },
  },
};

function operation(operationId: string, summary: string, rest: object) {
  return { operationId, tags: ['Registries'], summary, ...rest };
}

function success(text: string, example: unknown) {
  return { description: text, content: json('Registries', { answer: example }) };
}

/** One response for each status, with an example for each error that has it. */
function errorResponses(types: readonly ErrorType[]): Record<string, object> {
  const statuses = Map.groupBy(types, (type) => String(statusOf[type]));
  return Object.fromEntries([...statuses].map(([status, sameStatus]) => [status, errorResponse(sameStatus)]));
}

function errorResponse(types: readonly ErrorType[]): object {
  const examples = types.map((type): [string, unknown] => [
    type,
    errorBody(type, errorExamples[type].message, errorExamples[type].detail),
  ]);
  const [headers] = types.flatMap((type) => errorHeaders[type] ?? []);
  return {
    description: types.map((type) => errorExamples[type].meaning).join(' Or: '),
    ...(headers === undefined ? {} : { headers }),
    content: json('Error', Object.fromEntries(examples)),
  };
}

/** The dialect of OpenAPI 3.1 is JSON Schema 2020-12, so a schema stands in the document as it is. */
function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, {
    target: 'draft-2020-12',
    io,
    unrepresentable: 'any',
  });
  return rest;
}
