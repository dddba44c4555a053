// What callers send, checked: each use case parses with these after the permission check. Messages name the field, never the value.

import { z } from 'zod';
import { roles } from './authz/permissions.ts';
import { auditActions } from './audit/event.ts';
import { parseDurationMs } from './shared/time.ts';
import { canonicalHost } from './registry/host.ts';
import { registryOrderFields } from './ports.ts';
import { passwordRotations } from './passwords/passwords.ts';
import { Problem } from './shared/problem.ts';
import { refuseWith } from './registry/reference.ts';
import { registryTypes } from './registry/registry.ts';
import { Secret } from './shared/secret.ts';
import { validationOutcomes } from './registry/report.ts';

/** A label that fits a table column. */
const maxNameLength = 200;
/** Robot accounts and mail addresses are far below; token user names of clouds reach some hundred. */
const maxUsernameLength = 1024;
/** A service-account key file is 2–4 KiB; this leaves room, and its length still fits the two bytes that a sealed value has for it. */
const maxPasswordBytes = 65_535;
/** Longest canonical registry text; anything above cannot match. */
const maxSearchLength = 512;
/** Relay pages: a page is one read and one screen. */
export const maxPageSize = 100;
export const defaultPageSize = 50;

const line = (maxLength: number) =>
  z
    .string()
    .max(maxLength, `must have at most ${maxLength} characters`)
    .refine((text) => !/\p{Cc}|\p{Zl}|\p{Zp}/u.test(text) && text.isWellFormed(), 'must be one line without control characters');

const label = line(maxNameLength)
  .transform((text) => text.trim())
  .refine((text) => text !== '', 'must not be blank; leave it out to use the registry text');

// RFC 7617 §2: a user id with a colon cannot be told from its password.
const username = line(maxUsernameLength)
  .min(1, 'must not be empty')
  .refine((text) => !text.includes(':'), 'must not contain ":" (HTTP Basic cannot carry it)');

const password = z
  .custom<Secret>((value) => value instanceof Secret, 'must be given as a Secret')
  .refine((secret) => secret.reveal() !== '', 'must not be empty')
  .refine((secret) => Buffer.byteLength(secret.reveal()) <= maxPasswordBytes, `must have at most ${maxPasswordBytes} bytes`)
  .refine((secret) => secret.reveal().isWellFormed() && !secret.reveal().includes('\0'), 'must be valid text without NUL');

const trustedRealm = z
  .string()
  .max(300, 'must be host or host:port')
  .transform((text) => canonicalHost(text.trim(), refuseWith('INVALID_INPUT', ['trustedRealm'])));

const type = z.enum(registryTypes, `must be one of ${registryTypes.join(', ')}`);
const accountName = line(100).min(1, 'must not be empty');

export const createInput = z.strictObject({
  registry: z.string(),
  type: type.default('DOCKER_V2'),
  username,
  password,
  name: label.nullish(),
  trustedRealm: trustedRealm.nullish(),
  probeRepository: z.string().nullish(),
  account: accountName.nullish(),
});
export type CreateInput = z.infer<typeof createInput>;

/** Absent keeps the value. Null clears what may be empty: the trusted realm, the probe repository, a name of its own. */
export const updateInput = z.strictObject({
  rotation: z.enum(passwordRotations, `must be one of ${passwordRotations.join(', ')}`).default('REPLACE'),
  username: username.optional(),
  password: password.optional(),
  type: type.optional(),
  name: label.nullish(),
  trustedRealm: trustedRealm.nullish(),
  probeRepository: z.string().nullish(),
});
export type UpdateInput = z.infer<typeof updateInput>;

const pageSize = z
  .int('must be a whole number')
  .min(0, 'must not be negative')
  .max(maxPageSize, `must be at most ${maxPageSize}; follow pageInfo for more`);

export const listArguments = z
  .strictObject({
    first: pageSize.nullish(),
    after: z.string().max(2048).nullish(),
    last: pageSize.nullish(),
    before: z.string().max(2048).nullish(),
    account: accountName.nullish(),
    filter: z
      .strictObject({
        search: line(maxSearchLength).nullish(),
        host: z.string().max(300).nullish(),
        type: type.nullish(),
        outcome: z.enum(validationOutcomes).nullish(),
      })
      .nullish(),
    orderBy: z
      .strictObject({
        field: z.enum(registryOrderFields).default('REGISTRY'),
        direction: z.enum(['ASC', 'DESC']).default('ASC'),
      })
      .nullish(),
  })
  .refine((args) => (args.first ?? null) === null || (args.last ?? null) === null, { path: ['last'], message: 'cannot be combined with first' });
export type ListArguments = z.infer<typeof listArguments>;

export const getArguments = z
  .strictObject({ id: z.string().nullish(), registry: z.string().nullish(), account: accountName.nullish() })
  .refine((args) => ((args.id ?? null) === null) !== ((args.registry ?? null) === null), { path: ['id'], message: 'or registry is needed: exactly one of the two' });

export const watchArguments = z.strictObject({ account: accountName.nullish() });

export const imageArguments = z.strictObject({ reference: z.string(), account: accountName.nullish() });

export const pullTokenArguments = z.strictObject({ image: z.string(), account: accountName.nullish() });

/** A name that fits a header, a path and a claim as it is. */
const newAccountName = z.string().regex(/^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/, 'must be 1 to 63 of a-z, 0-9, ".", "_" and "-", with a letter or digit at both ends');
export const accountArguments = z.strictObject({ name: newAccountName });

export const tokenListArguments = z.strictObject({ account: accountName.nullish() });

/** What a token may be called and limited to is judged where it is made. */
export const tokenInput = z
  .strictObject({
    role: z.enum(roles, `must be one of ${roles.join(', ')}`),
    account: accountName.nullish(),
    name: z.string().nullish(),
    images: z.array(z.string()).nullish(),
    expiresAt: z.date().nullish(),
    /** Milliseconds, once parsed. */
    expiresIn: z.string().transform(parseDurationMs).refine((durationMs) => durationMs !== undefined, 'must be hours or days, such as 12h or 90d').nullish(),
  })
  .refine(({ expiresAt, expiresIn }) => (expiresAt ?? null) === null || (expiresIn ?? null) === null, { path: ['expiresIn'], message: 'cannot be combined with expiresAt' });
export type TokenInput = z.infer<typeof tokenInput>;

export const revokeTokenArguments = z.strictObject({ id: z.string() });

/** Longer than any subject of an issuer that logs in here. */
const maxActorLength = 2_048;
export const auditListArguments = z
  .strictObject({
    first: pageSize.nullish(),
    after: z.string().max(2048).nullish(),
    last: pageSize.nullish(),
    before: z.string().max(2048).nullish(),
    filter: z
      .strictObject({
        actor: line(maxActorLength).nullish(),
        action: z.enum(auditActions).nullish(),
        target: line(maxSearchLength).nullish(),
        account: accountName.nullish(),
        since: z.date().nullish(),
        until: z.date().nullish(),
      })
      .nullish(),
  })
  .refine((args) => (args.first ?? null) === null || (args.last ?? null) === null, { path: ['last'], message: 'cannot be combined with first' });

/** Uses of one registry that are told at once. */
const defaultUses = 20;
export const usesArguments = z.strictObject({ first: pageSize.nullish().transform((first) => first ?? defaultUses) });

/**
 * Checks one input against its schema.
 * @throws Problem `INVALID_INPUT` for the first fault, with the path of its field.
 */
export function parseInput<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const unknownKeys = issue?.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [];
  const field = [...(issue?.path ?? []), ...unknownKeys].map((part) => String(part).slice(0, maxNameLength));
  const reason = unknownKeys.length > 0 ? 'is not a field of this input' : (issue?.message ?? 'is not valid');
  throw new Problem('INVALID_INPUT', `${field.join('.') || 'The input'} ${lowerFirst(reason)}.`, { field });
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
