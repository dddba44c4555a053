// Defines the bodies of the REST API. The schemas validate input, shape output, and are printed into the OpenAPI document.

import { z } from 'zod';
import { createInput } from '../../core/registry/input.ts';
import { type Registry, registryTypes } from '../../core/registry/registry.ts';
import { validationOutcomes } from '../../core/registry/report.ts';
import { Problem } from '../../core/shared/problem.ts';
import { Secret } from '../../core/shared/secret.ts';

/** In characters. Long enough for a mistyped key, too short to repeat a value that was sent as a key. */
const maxShownKeyLength = 40;

const domain = createInput.shape;

/** The registry types, in lower case; GraphQL has upper case. */
const typeNames = registryTypes.map((type) => type.toLowerCase() as Lowercase<typeof type>);

const registryPattern = domain.registry.meta({
  description:
    '`host[:port]`, `host[:port]/a/b/*` for everything below a path, or `host[:port]/a/b` for one repository.',
  examples: ['docker.io/anchore/*'],
});
const registryUser = domain.username.meta({ description: 'The username for the registry.', examples: ['robot'] });
const registryPass = z
  .string()
  .meta({
    format: 'password',
    writeOnly: true,
    description: 'The password or token for the registry. No response returns it.',
    examples: ['the-password'],
  })
  .transform((text) => new Secret(text))
  .pipe(domain.password);
const registryType = z
  .enum(typeNames, `must be one of ${typeNames.join(', ')}`)
  .meta({ description: 'The kind of registry, which decides how Regway logs in to it.', examples: ['docker_v2'] });
/** Clients send an empty name to omit it. */
const registryName = z
  .preprocess((value) => (typeof value === 'string' && value.trim() === '' ? null : value), domain.name)
  .optional()
  .meta({
    description: 'The display name. If blank or null, the registry pattern is used.',
    examples: ['Anchore images'],
  });
const registryVerify = z
  .boolean()
  .meta({ description: 'Whether to verify the TLS certificate of the registry.', examples: [true] });

/** The body of a create. */
export const createBody = z
  .strictObject({
    registry: registryPattern,
    registry_user: registryUser,
    registry_pass: registryPass,
    registry_type: registryType.default('docker_v2'),
    registry_name: registryName,
    registry_verify: registryVerify.default(true),
  })
  .meta({ description: 'A registry to create.' });

/** The body of an update. An omitted key keeps its value. */
export const updateBody = z
  .strictObject({
    registry: registryPattern.optional(),
    registry_user: registryUser.optional(),
    registry_pass: registryPass.optional(),
    registry_type: registryType.optional(),
    registry_name: registryName,
    registry_verify: registryVerify.optional(),
  })
  .meta({
    description:
      'The changes to a registry. An omitted key keeps its value. `registry`, if sent, must be the one in the path.',
  });
export type UpdateBody = z.output<typeof updateBody>;

const date = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  .meta({ format: 'date-time', description: 'RFC 3339 in UTC, whole seconds.', examples: ['2026-01-02T03:04:05Z'] });

/** A registry as responses contain it. */
export const registryItem = z
  .strictObject({
    registry: z.string().meta({ description: 'The canonical registry pattern.', examples: ['docker.io/anchore/*'] }),
    registry_user: z.string(),
    registry_type: z.enum(typeNames),
    registry_name: z.string(),
    registry_verify: z.boolean(),
    created_at: date,
    last_updated: date,
    account_name: z.string().meta({ description: 'The account that owns it.', examples: ['admin'] }),
    userId: z.string().meta({ description: 'The same account, under its key of version 1.', examples: ['admin'] }),
  })
  .meta({ description: 'A stored registry credential, without its password.' });
export type RegistryItem = z.output<typeof registryItem>;

/** The body of every successful response about registries. */
export const registryItems = z
  .array(registryItem)
  .meta({ description: 'A list of registries. The response about one registry is a list of one.' });

const validation = z.strictObject({
  outcome: z.enum(validationOutcomes),
  message: z.string(),
  hint: z.string().nullable().meta({ description: 'What to do about it; null if there is nothing to do.' }),
  retryable: z.boolean(),
  retry_after: date.nullable(),
});

/** Builds the schema of an error body. @param errorTypes Every value of `error_type`. */
export function errorSchema(errorTypes: readonly string[]) {
  const status = z.int().min(400).max(599);
  return z
    .strictObject({
      message: z.string().meta({ description: 'The error as a human-readable sentence.' }),
      httpcode: status.meta({ description: 'The HTTP status.' }),
      code: status.meta({ description: 'The HTTP status, under the key that the documents of version 2 declare.' }),
      error_type: z.enum(errorTypes).meta({ description: 'The error as a code for programs.' }),
      detail: z.strictObject({
        error_codes: z.array(z.string()).max(0).meta({ description: 'Always empty; older clients expect the key.' }),
        reason: z.string().optional().meta({ description: 'A more specific reason, such as `HUB_SINGLE_SEGMENT`.' }),
        field: z.string().optional().meta({ description: 'The key, parameter, or header that is not valid.' }),
        validation: validation
          .optional()
          .meta({ description: 'The result of the validation, for `VALIDATION_FAILED`.' }),
        request_id: z
          .string()
          .optional()
          .meta({ description: 'The request ID under which the server log has an internal error.' }),
      }),
    })
    .meta({ description: 'An error. It never contains a password.' });
}
export type ErrorBody = z.output<ReturnType<typeof errorSchema>>;

/** Returns a registry in the form of the REST API. */
export function toRegistryItem({
  registry,
  username,
  type,
  name,
  secureConnection,
  createdAt,
  updatedAt,
  account,
}: Registry): RegistryItem {
  return {
    registry,
    registry_user: username,
    registry_type: type.toLowerCase() as RegistryItem['registry_type'],
    registry_name: name,
    registry_verify: secureConnection,
    created_at: formatDate(createdAt),
    last_updated: formatDate(updatedAt),
    account_name: account,
    userId: account,
  };
}

/** Formats a time as RFC 3339 in UTC and whole seconds, because strict clients reject fractions. */
export function formatDate(time: Date): string {
  return `${time.toISOString().slice(0, 'YYYY-MM-DDThh:mm:ss'.length)}Z`;
}

/**
 * Parses a body by its schema.
 * @throws Problem `INVALID_INPUT` for the first violation, with its field and never a value.
 */
export function parseBody<Body>(schema: z.ZodType<Body>, value: unknown): Body {
  const result = schema.safeParse(value, { error: typeViolation });
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  if (issue?.code === 'unrecognized_keys') throw unknownKey(issue.keys[0] ?? '');
  const field = issue?.path[0] === undefined ? undefined : String(issue.path[0]);
  const advice = isEmptyLogin(value, field)
    ? ': images of a registry that is not stored are pulled anonymously, so a registry without login needs no entry'
    : '';
  throw new Problem('INVALID_INPUT', `${field ?? 'The body'} ${issue?.message ?? 'is not valid'}${advice}.`, {
    field: field === undefined ? undefined : [field],
  });
}

/** Repeats an unknown key only if it is a short word; any other could be a value in the wrong place. */
function unknownKey(key: string): Problem {
  const isWord = /^\w+$/.test(key) && key.length <= maxShownKeyLength;
  return new Problem('INVALID_INPUT', `${isWord ? key : 'A key'} is not a key of this body.`, {
    field: isWord ? [key] : undefined,
  });
}

/** Returns the message for a value of the wrong type. The schemas have the other messages. */
function typeViolation(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code !== 'invalid_type') return undefined;
  if (issue.expected === 'object') return 'must be a JSON object';
  return issue.input === undefined ? 'is missing' : `must be a ${issue.expected}`;
}

function isEmptyLogin(value: unknown, field: string | undefined): boolean {
  return (field === 'registry_user' || field === 'registry_pass') && (value as Record<string, unknown>)[field] === '';
}
