// Holds answers against the OpenAPI document: the status must be declared for the operation, and the body must fit its schema.

import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { openApiDocument } from '../../../src/server/rest/openapi.ts';
import type { Answer } from './harness.ts';

interface Response {
  readonly content?: { readonly 'application/json': { readonly schema: { readonly $ref?: string } } };
}

interface Operation {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, Response>>;
}

const ajv = new Ajv2020({ strict: false, allErrors: true });
formats.default(ajv);
ajv.addSchema({ ...openApiDocument, $id: 'openapi' });

/** Returns the violations of the document in a response to a path below `/api/v2`; empty if it conforms. */
export function answerFaults(method: string, path: string, answer: Answer): string[] {
  const operation = operationOf(method === 'HEAD' ? 'GET' : method, path);
  if (operation === undefined)
    return answer.status === 404 || answer.status === 405
      ? bodyFaults('#/components/schemas/Error', answer)
      : [`there is no ${method} ${path}`];
  const response = operation.responses[String(answer.status)];
  if (response === undefined) return [`${operation.operationId} has no ${answer.status}`];
  if (response.content === undefined || method === 'HEAD') return answer.text === '' ? [] : ['there is a body'];
  const reference = response.content['application/json'].schema.$ref;
  return reference === undefined ? [] : bodyFaults(reference, answer);
}

function bodyFaults(reference: string, { headers, body, status }: Answer): string[] {
  if (headers['content-type'] !== 'application/json') return [`the content type is ${headers['content-type']}`];
  const validate = ajv.getSchema(`openapi${reference}`);
  if (validate === undefined) throw new Error(`There is no ${reference}.`);
  const isBodyRight = validate(body);
  const isCodeRight = status < 400 || (body as { httpcode?: unknown }).httpcode === status;
  return [
    ...(isBodyRight ? [] : [ajv.errorsText(validate.errors)]),
    ...(isCodeRight ? [] : ['httpcode is not the status']),
  ];
}

/** Whether a value fits a schema of the document, and why not. */
export function schemaFaults(name: string, value: unknown): string {
  const validate = ajv.getSchema(`openapi#/components/schemas/${name}`);
  if (validate === undefined) throw new Error(`There is no ${name}.`);
  return validate(value) ? '' : ajv.errorsText(validate.errors);
}

function operationOf(method: string, path: string): Operation | undefined {
  const [pathname = ''] = path.split('?');
  const template =
    pathname === '' || pathname === '/'
      ? '/'
      : /^\/registries\/?$/.test(pathname)
        ? '/registries'
        : pathname.startsWith('/registries/')
          ? '/registries/{registry}'
          : '';
  const item = (openApiDocument.paths as unknown as Record<string, Record<string, Operation>>)[template];
  return item?.[method.toLowerCase()];
}
