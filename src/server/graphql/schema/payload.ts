// The payload of mutations: the resource, the validation report if one was made, and expected failures as data.

import type { Account, StoredToken } from '../../../core/accounts/store.ts';
import type { IssuedToken } from '../../../core/accounts/tokens.ts';
import type { IssuedPullToken } from '../../../core/pulls/upstream-token.ts';
import type { Registry } from '../../../core/registry/registry.ts';
import { advisedMessage, ValidationFailed, type ValidationReport } from '../../../core/registry/report.ts';
import { Problem } from '../../../core/shared/problem.ts';
import { graphqlWords } from '../advice.ts';
import { type PayloadCode, problemPlaces } from '../errors.ts';
import { builder, entriesAtMost } from './builder.ts';
import { enumValues } from './validation.ts';

const codeDescriptions: Readonly<Record<PayloadCode, string>> = {
  INVALID_REGISTRY: 'The registry pattern is invalid; see `reason`.',
  INVALID_REFERENCE: 'The image reference is invalid; see `reason`.',
  INVALID_INPUT: 'Another input is invalid; see `field`.',
  ALREADY_EXISTS: 'The account already has a registry with this pattern, or an account with this name already exists.',
  NOT_FOUND: 'The resource does not exist, or you do not have access to it.',
  FORBIDDEN: 'Your role does not allow this operation.',
  PASSWORD_REQUIRED:
    'The change could send the stored password to another destination or over another channel. Pass the password in the same call.',
  VALIDATION_FAILED: 'The registry did not accept the credential. Nothing was stored; `validation` has the report.',
  CONFLICT: 'Another caller changed or deleted the resource in the meantime. Fetch it again, then retry.',
  RATE_LIMITED: 'The rate limit is reached. Nothing was done; retry after `retryAfter`.',
  LIMIT_EXCEEDED:
    'The account has as many of these resources as it may have. Nothing was created; delete or revoke one first.',
  SECRET_UNREADABLE: 'The stored password cannot be decrypted for this record. Set it again.',
  UPSTREAM_FAILED:
    'The upstream registry rejected the request or is not reachable; `reason` is the validation outcome.',
  STORAGE_UNAVAILABLE:
    'The database is unavailable or full. Retry later. If the connection broke during the call, check whether the change was made before repeating it.',
};

const RegistryErrorCodeEnum = builder.enumType('RegistryErrorCode', {
  description: 'The code of an expected failure, for programs.',
  values: enumValues(Object.keys(codeDescriptions) as PayloadCode[], codeDescriptions),
});

interface RegistryError {
  readonly code: PayloadCode;
  readonly reason: string | undefined;
  readonly message: string;
  readonly field: readonly string[] | undefined;
  readonly retryAfter: number | undefined;
}

/** The GraphQL type of one expected failure. */
export const RegistryErrorType = builder.objectRef<RegistryError>('RegistryError').implement({
  description: 'An expected failure that the caller can act on.',
  fields: (t) => ({
    code: t.expose('code', { type: RegistryErrorCodeEnum, description: 'The code of the failure.' }),
    reason: t.exposeString('reason', {
      nullable: true,
      description:
        'A more specific reason, such as HUB_SINGLE_SEGMENT; null if there is none. New reasons may be added.',
    }),
    message: t.exposeString('message', { description: 'A human-readable sentence. It never contains a password.' }),
    field: t.field({
      type: ['String'],
      // The deepest input has a path of four names.
      extensions: entriesAtMost(5),
      nullable: true,
      description:
        'The path of the invalid argument, such as `["input", "registry"]`; null if the failure is not about one argument.',
      resolve: ({ field }) => field,
    }),
    retryAfter: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'The earliest time to retry, if the code is RATE_LIMITED; otherwise null.',
      resolve: ({ retryAfter }) => (retryAfter === undefined ? null : new Date(retryAfter)),
    }),
  }),
});

/** The values that payloads are made of. */
export interface Payload {
  readonly registry?: Registry | null;
  readonly deletedId?: string | null;
  readonly validation?: ValidationReport | null;
  readonly pullToken?: IssuedPullToken | null;
  readonly issuedToken?: IssuedToken | null;
  readonly token?: StoredToken | null;
  readonly account?: Account | null;
  readonly errors: readonly RegistryError[];
}

/** The mutation arguments next to `input`. Every other path of a problem is inside `input`. */
const ownArguments: ReadonlySet<string> = new Set(['id', 'secureConnection', 'validate']);

/**
 * Runs a use case and returns its payload. A problem that belongs in the payload becomes an entry of `errors`.
 * @param pathOf maps the field path of a problem to the path of the GraphQL argument. Defaults to `argumentPath`.
 * @throws Problem `UNAUTHENTICATED`, and any internal error, for the top level of the response.
 */
export async function payloadOf(
  run: () => Promise<Omit<Payload, 'errors'>>,
  pathOf: typeof argumentPath = argumentPath,
): Promise<Payload> {
  try {
    return { ...(await run()), errors: [] };
  } catch (error) {
    if (!(error instanceof Problem) || !isPayloadCode(error.code)) throw error;
    const { code, reason, field, retryAfter } = error;
    const message = advisedMessage(graphqlWords, error);
    const validation = error instanceof ValidationFailed ? error.report : null;
    return {
      registry: null,
      deletedId: null,
      pullToken: null,
      validation,
      errors: [{ code, reason, message, field: pathOf(field), retryAfter }],
    };
  }
}

function isPayloadCode(code: Problem['code']): code is PayloadCode {
  return problemPlaces[code] === 'payload';
}

/** Maps the field path of a problem to the path of the GraphQL argument: a use case's own paths start inside `input`. */
export function argumentPath(field: readonly string[] | undefined): readonly string[] | undefined {
  return field === undefined || ownArguments.has(field[0] ?? '') ? field : ['input', ...field];
}
