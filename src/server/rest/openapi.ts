// Builds the OpenAPI 3.1 document from the schemas of the bodies and the table of errors. https://spec.openapis.org/oas/v3.1.1

import { z } from 'zod';
import { errorExamples, registryExamples, updateExample, createExample } from './examples.ts';
import { errorBody, statusOf, type ErrorType } from './errors.ts';
import { basePath } from './path.ts';
import { createBody, errorSchema, registryItem, registryItems, updateBody } from './schemas.ts';

const description = `
Stores credentials of container registries, validates them, and uses them for pulls. No response returns a stored password.

Authenticate with an API token: as \`Authorization: Bearer rgw_…\`, or as the password of HTTP Basic with any username.

A \`{registry}\` in a path is one percent-encoded segment (\`docker.io%2Fanchore%2F%2A\`) or the raw path (\`docker.io/anchore/*\`). It is decoded once.
GraphQL at \`/graphql\` also has pages and filters, validation without storing, each step of a validation, trusted token servers, and the explanation of which credential an image uses.

### Differences from the registries API that this one replaces

Paths, keys, defaults, and statuses are the same, and its clients work if their URL ends in \`${basePath}\`. These differ:

| Case | Before | Regway |
| --- | --- | --- |
| Create: the registry already exists | 500 | 409 |
| Create: a name that is a URL or ends in \`/\` | 409 | 400 with the reason; \`docker.io/\` is \`docker.io\` |
| Names | any text, compared as typed | one canonical pattern: \`index.docker.io\` is \`docker.io\`, \`:443\` is removed, a wildcard is the whole last segment |
| Create: \`registry_verify\` omitted | an error, or no verification | \`true\` |
| \`registry_user\` or \`registry_pass\` empty | stored, for anonymous pulls | 400: images of a registry that is not stored are pulled anonymously |
| Update: a key omitted | the login must be repeated | the key keeps its value; the password is required if the login could be sent elsewhere: another user or type, or verification turned off |
| Update of \`awsecr\` with validation | always 406 | validated like a create |
| Delete: the registry does not exist | 200 | 404; a success is 204 without a body |
| Unknown keys | ignored, or written to the database | 400 with the name of the key |
| \`registry_type\` | any text | \`docker_v2\`, \`awsecr\`, \`gcr\`, \`acr\` |
| The account does not exist, or you do not have access to it | 403 | 404 in both cases |
| Syntax errors | \`application/problem+json\` | the same body for every error |
`.trim();

const json = (schema: string, examples: Readonly<Record<string, unknown>>) => ({
  'application/json': {
    schema: { $ref: `#/components/schemas/${schema}` },
    examples: Object.fromEntries(Object.entries(examples).map(([name, value]) => [name, { value }])),
  },
});

/** Errors that every authenticated operation can return. */
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
    'WWW-Authenticate': {
      description: 'The accepted authentication schemes.',
      schema: { type: 'string' },
      example: 'Basic realm="regway"',
    },
  },
  RATE_LIMITED: {
    'Retry-After': {
      description: 'The number of seconds to wait.',
      schema: { type: 'integer', minimum: 1 },
      example: 42,
    },
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
      summary: 'Get the version of the API',
      description:
        'Requires no authentication, and answers with and without the slash. Clients request it to check whether the service exists.',
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
        '200': success('All registries, ordered by `registry`.', registryExamples.list),
        ...errorResponses(commonErrors),
      },
    }),
    post: operation('create_registry', 'Create a registry', {
      description:
        'Creates a registry after validating its credential. If the registry rejects the credential, nothing is stored.',
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
        'An omitted key keeps its value. The changed credential is validated before it is stored. If the registry rejects it, nothing is changed.',
      parameters: [validate],
      requestBody: { required: true, content: json('UpdateRegistry', { password: updateExample }) },
      responses: {
        '200': success('The registry after the update.', registryExamples.one),
        ...errorResponses([...commonErrors, ...bodyErrors, 'PASSWORD_REQUIRED', 'CONFLICT', 'SECRET_UNREADABLE']),
      },
    }),
    delete: operation('delete_registry', 'Delete a registry', {
      description: 'Deletes a registry and its password. Images in the registry are not affected.',
      responses: {
        '204': { description: 'The registry was deleted. The response has no body.' },
        ...errorResponses([...commonErrors, 'INVALID_REGISTRY']),
      },
    }),
  },
};

const parameters = {
  Account: {
    name: 'x-anchore-account',
    in: 'header',
    description: 'The account to act in. Defaults to the account of the token; only admins can name another.',
    // No example, because the API browser would send it, and only admins can name another account.
    schema: { type: 'string', minLength: 1, maxLength: 100 },
  },
  Registry: {
    name: 'registry',
    in: 'path',
    required: true,
    description: 'The registry pattern, percent-encoded as one segment.',
    schema: { type: 'string', minLength: 1 },
    example: 'docker.io/anchore/*',
  },
  Validate: {
    name: 'validate',
    in: 'query',
    description:
      'Whether to validate the credential before storing it: `true` or `false`, case-insensitive. Defaults to `true`.',
    schema: { type: 'string', pattern: '^(?:[Tt][Rr][Uu][Ee]|[Ff][Aa][Ll][Ss][Ee])$', default: 'true' },
    example: 'true',
  },
};

/** The document, as it is sent as JSON. */
export const openApiDocument = {
  openapi: '3.1.1',
  info: {
    title: 'Regway registries API',
    version: '2.0.0',
    summary: 'Manages the registry credentials of an account over REST.',
    description,
    license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
  },
  servers: [{ url: basePath, description: 'This server.' }],
  tags: [
    { name: 'Registries', description: 'Stored credentials of container registries.' },
    { name: 'Service', description: 'The service itself.' },
  ],
  security: [{ bearer: [] }, { basic: [] }],
  paths,
  components: {
    securitySchemes: {
      bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'rgw_…', description: 'An API token.' },
      basic: { type: 'http', scheme: 'basic', description: 'An API token as the password, with any username.' },
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

/** Builds one response for each status, with an example of each error that has the status. */
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

/** Returns a schema as JSON Schema 2020-12, which is the dialect of OpenAPI 3.1. */
function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Record<string, unknown> {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, {
    target: 'draft-2020-12',
    io,
    unrepresentable: 'any',
  });
  return rest;
}
