// What a mutation answers: the thing, the validation where one ran, and what went wrong as data.

import type { Account, StoredToken } from '../../../core/accounts/store.ts';
import type { IssuedToken } from '../../../core/accounts/tokens.ts';
import type { IssuedPullToken } from '../../../core/pulls/upstream-token.ts';
import type { Registry } from '../../../core/registry/registry.ts';
import { ValidationFailed, type ValidationReport } from '../../../core/registry/report.ts';
import { Problem } from '../../../core/shared/problem.ts';
import { type PayloadCode, problemPlaces } from '../errors.ts';
import { builder } from './builder.ts';
import { enumValues } from './validation.ts';

const codeDescriptions: Readonly<Record<PayloadCode, string>> = {
  INVALID_REGISTRY: 'The registry text is not one; `reason` says why.',
  INVALID_REFERENCE: 'The image is not a reference; `reason` says why.',
  INVALID_INPUT: 'Some other input is not valid; `field` says which.',
  ALREADY_EXISTS: 'The account already has a registry with this text, or there is an account of this name.',
  NOT_FOUND: 'It is not there, or not yours.',
  FORBIDDEN: 'Your role may not do this.',
  PASSWORD_REQUIRED: 'This change sends the password to another place or over another channel, so give it in the same call.',
  VALIDATION_FAILED: 'The registry did not accept the credential; nothing was stored. `validation` has the report.',
  CONFLICT: 'Somebody else changed or deleted it meanwhile. Read it again, then repeat.',
  RATE_LIMITED: 'Too many calls of this kind; nothing was done. `retryAfter` says when to try again.',
  SECRET_UNREADABLE: 'The stored password does not belong to this record any more; set it again.',
  UPSTREAM_FAILED: 'The registry refused or could not be asked; `reason` has the outcome in one word.',
  STORAGE_UNAVAILABLE: 'The storage is not available or full; nothing was changed. Try again later.',
};

const RegistryErrorCodeEnum = builder.enumType('RegistryErrorCode', {
  description: 'What went wrong, for programs.',
  values: enumValues(Object.keys(codeDescriptions) as PayloadCode[], codeDescriptions),
});

interface RegistryError {
  readonly code: PayloadCode;
  readonly reason: string | undefined;
  readonly message: string;
  readonly field: readonly string[] | undefined;
  readonly retryAfter: number | undefined;
}

export const RegistryErrorType = builder.objectRef<RegistryError>('RegistryError').implement({
  description: 'Something that went wrong and that you can act on.',
  fields: (t) => ({
    code: t.expose('code', { type: RegistryErrorCodeEnum, description: 'What went wrong.' }),
    reason: t.exposeString('reason', { nullable: true, description: 'The finer cause, such as HUB_SINGLE_SEGMENT. New ones may come.' }),
    message: t.exposeString('message', { description: 'One sentence for people. It never holds a password.' }),
    field: t.field({
      type: ['String'],
      nullable: true,
      description: 'Path of the argument at fault, such as `["input", "registry"]`.',
      resolve: ({ field }) => field,
    }),
    retryAfter: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'Not before this time, when the code is RATE_LIMITED.',
      resolve: ({ retryAfter }) => (retryAfter === undefined ? null : new Date(retryAfter)),
    }),
  }),
});

/** What every payload may hold. */
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

/** Arguments of mutations that stand beside `input`; every other path of a problem is inside it. */
const ownArguments: ReadonlySet<string> = new Set(['id', 'secureConnection', 'validate']);

/**
 * Runs a use case and gives its payload; a problem that a caller can meet becomes data.
 * @param pathOf gives the path of the argument for the path that the use case complains of.
 * @throws whatever belongs at the top level: `UNAUTHENTICATED`, and faults.
 */
export async function payloadOf(run: () => Promise<Omit<Payload, 'errors'>>, pathOf: typeof argumentPath = argumentPath): Promise<Payload> {
  try {
    return { ...(await run()), errors: [] };
  } catch (error) {
    if (!(error instanceof Problem) || !isPayloadCode(error.code)) throw error;
    const { code, reason, message, field, retryAfter } = error;
    const validation = error instanceof ValidationFailed ? error.report : null;
    return { registry: null, deletedId: null, pullToken: null, validation, errors: [{ code, reason, message, field: pathOf(field), retryAfter }] };
  }
}

function isPayloadCode(code: Problem['code']): code is PayloadCode {
  return problemPlaces[code] === 'payload';
}

/** Path of the argument that a use case complains of: its own paths begin inside `input`. */
export function argumentPath(field: readonly string[] | undefined): readonly string[] | undefined {
  return field === undefined || ownArguments.has(field[0] ?? '') ? field : ['input', ...field];
}
