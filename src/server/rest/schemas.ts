// Defines the bodies of the REST API: the schemas check input, shape output, and are printed into the OpenAPI document.

import { z } from 'zod';
import { createInput } from '../../core/registry/input.ts';
import { type Registry, registryTypes } from '../../core/registry/registry.ts';
import { validationOutcomes } from '../../core/registry/report.ts';
import { Problem } from '../../core/shared/problem.ts';
import { Secret } from '../../core/shared/secret.ts';

/** Long enough for every key that a person mistypes, too short to carry a text. */
const maxShownKeyLength = 40;

const domain = createInput.shape;

/** Lower case here, upper case in GraphQL. */
const typeNames = registryTypes.map((type) => type.toLowerCase() as Lowercase<typeof type>);

const registryText = domain.registry.meta({
  description:
    '`host[:port]`, `host[:port]/a/b/*` for everything below a path, or `host[:port]/a/b` for one repository.',
  examples: ['docker.io/anchore/*'],
});
const registryUser = domain.username.meta({ description: 'The user name at that registry.', examples: ['robot'] });
const registryPass = z
  .string()
  .meta({
    format: 'password',
    writeOnly: true,
    description: 'The password or token at that registry. No answer ever shows it.',
    examples: ['the-password'],
  })
  .transform((text) => new Secret(text))
  .pipe(domain.password);
const registryType = z
  .enum(typeNames, `must be one of ${typeNames.join(', ')}`)
  .meta({ description: 'How to log in there.', examples: ['docker_v2'] });
/** Clients send an empty name for none. */
const registryName = z
  .preprocess((value) => (typeof value === 'string' && value.trim() === '' ? null : value), domain.name)
  .optional()
  .meta({
    description: 'A label for people; blank or null stands for the registry text.',
    examples: ['Anchore images'],
  });
const registryVerify = z
  .boolean()
  .meta({ description: 'Verify the TLS certificate of the registry.', examples: [true] });

export const createBody = z
  .strictObject({
    registry: registryText,
    registry_user: registryUser,
    registry_pass: registryPass,
    registry_type: registryType.default('docker_v2'),
    registry_name: registryName,
    registry_verify: registryVerify.default(true),
  })
  .meta({ description: 'A registry to create.' });

export const updateBody = z
  .strictObject({
    registry: registryText.optional(),
    registry_user: registryUser.optional(),
    registry_pass: registryPass.optional(),
    registry_type: registryType.optional(),
    registry_name: registryName,
    registry_verify: registryVerify.optional(),
  })
  .meta({
    description:
      'Changes to a registry. A key that is left out keeps its value; `registry`, if given, is the one in the path.',
  });
export type UpdateBody = z.output<typeof updateBody>;

const date = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
  .meta({ format: 'date-time', description: 'RFC 3339 in UTC, whole seconds.', examples: ['2026-01-02T03:04:05Z'] });

export const registryItem = z
  .strictObject({
    registry: z.string().meta({ description: 'The canonical text.', examples: ['docker.io/anchore/*'] }),
    registry_user: z.string(),
    registry_type: z.enum(typeNames),
    registry_name: z.string(),
    registry_verify: z.boolean(),
    created_at: date,
    last_updated: date,
    account_name: z.string().meta({ description: 'The account that owns it.', examples: ['admin'] }),
    userId: z
      .string()
      .meta({ description: 'The same account, under the name that version 1 gave it.', examples: ['admin'] }),
  })
  .meta({ description: 'A stored registry. It has no password.' });
export type RegistryItem = z.output<typeof registryItem>;

export const registryItems = z
  .array(registryItem)
  .meta({ description: 'Every answer about registries is a list, of one where one was asked for.' });

const validation = z.strictObject({
  outcome: z.enum(validationOutcomes),
  message: z.string(),
  hint: z.string().nullable().meta({ description: 'What the caller can do about it.' }),
  retryable: z.boolean(),
  retry_after: date.nullable(),
});

/** @param errorTypes every value of `error_type`. */
export function errorSchema(errorTypes: readonly string[]) {
  const status = z.int().min(400).max(599);
  return z
    .strictObject({
      message: z.string().meta({ description: 'A sentence for people.' }),
      httpcode: status.meta({ description: 'The HTTP status.' }),
      code: status.meta({ description: 'The same, under the name that the version 2 documents declare.' }),
      error_type: z.enum(errorTypes).meta({ description: 'One word for programs.' }),
      detail: z.strictObject({
        error_codes: z.array(z.string()).max(0).meta({ description: 'Always empty; older clients expect the key.' }),
        reason: z.string().optional().meta({ description: 'The finer cause, such as `HUB_SINGLE_SEGMENT`.' }),
        field: z.string().optional().meta({ description: 'The key, parameter or header at fault.' }),
        validation: validation
          .optional()
          .meta({ description: 'What the registry itself answered, for `VALIDATION_FAILED`.' }),
        request_id: z.string().optional().meta({ description: 'Finds a fault of the server in its log.' }),
      }),
    })
    .meta({ description: 'What went wrong. It never holds a password.' });
}
export type ErrorBody = z.output<ReturnType<typeof errorSchema>>;

/** A registry as this API shows it. */
export function shownRegistry({
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
    created_at: shownDate(createdAt),
    last_updated: shownDate(updatedAt),
    account_name: account,
    userId: account,
  };
}

/** RFC 3339 in whole seconds: strict clients refuse fractions. */
export function shownDate(time: Date): string {
  return `${time.toISOString().slice(0, 'YYYY-MM-DDThh:mm:ss'.length)}Z`;
}

/**
 * Checks a body against its schema.
 * @throws Problem `INVALID_INPUT` for the first fault, naming its field and never a value.
 */
export function parseBody<Body>(schema: z.ZodType<Body>, value: unknown): Body {
  const result = schema.safeParse(value, { error: typeFault });
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  if (issue?.code === 'unrecognized_keys') throw unknownKey(issue.keys[0] ?? '');
  const field = issue?.path[0] === undefined ? undefined : String(issue.path[0]);
  const advice = isEmptyLogin(value, field)
    ? ': a registry that needs no login needs no entry, its images are pulled anonymously'
    : '';
  throw new Problem('INVALID_INPUT', `${field ?? 'The body'} ${issue?.message ?? 'is not valid'}${advice}.`, {
    field: field === undefined ? undefined : [field],
  });
}

/** A key is named when it is a word; anything else could be a value that slipped into its place. */
function unknownKey(key: string): Problem {
  const isWord = /^\w+$/.test(key) && key.length <= maxShownKeyLength;
  return new Problem('INVALID_INPUT', `${isWord ? key : 'A key'} is not a key of this body.`, {
    field: isWord ? [key] : undefined,
  });
}

/** The words for faults of form; faults of content have theirs in the schemas. */
function typeFault(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code !== 'invalid_type') return undefined;
  if (issue.expected === 'object') return 'must be a JSON object';
  return issue.input === undefined ? 'is missing' : `must be a ${issue.expected}`;
}

function isEmptyLogin(value: unknown, field: string | undefined): boolean {
  return (field === 'registry_user' || field === 'registry_pass') && (value as Record<string, unknown>)[field] === '';
}
