// What callers send about a registry, checked.

import { z } from 'zod';
import { accountName, singleLine, maxNameLength } from '../shared/input.ts';
import { Secret } from '../shared/secret.ts';
import { canonicalHost } from './host.ts';
import { rejectWith } from './reference.ts';
import { registryTypes } from './registry.ts';

/** What a new password does to the old one: it replaces it, or both can be used for a while, the new one as soon as the registry takes it. */
export const passwordRotations = ['REPLACE', 'PENDING'] as const;
export type PasswordRotation = (typeof passwordRotations)[number];

/** Robot accounts and mail addresses are far below; token user names of clouds reach some hundred. */
const maxUsernameLength = 1024;
/** A service-account key file is 2–4 KiB; this leaves room, and its length still fits the two bytes that a sealed value has for it. */
const maxPasswordBytes = 65_535;

const label = singleLine(maxNameLength)
  .transform((text) => text.trim())
  .refine((text) => text !== '', 'must not be blank; leave it out to use the registry text');

// RFC 7617 §2: a user id with a colon cannot be told from its password.
const username = singleLine(maxUsernameLength)
  .min(1, 'must not be empty')
  .refine((text) => !text.includes(':'), 'must not contain ":" (HTTP Basic cannot carry it)');

const password = z
  .custom<Secret>((value) => value instanceof Secret, 'must be given as a Secret')
  .refine((secret) => secret.reveal() !== '', 'must not be empty')
  .refine(
    (secret) => Buffer.byteLength(secret.reveal()) <= maxPasswordBytes,
    `must have at most ${maxPasswordBytes} bytes`,
  )
  .refine(
    (secret) => secret.reveal().isWellFormed() && !secret.reveal().includes('\0'),
    'must be valid text without NUL',
  );

const trustedRealm = z
  .string()
  .max(300, 'must be host or host:port')
  .transform((text) => canonicalHost(text.trim(), rejectWith('INVALID_INPUT', ['trustedRealm'])));

export const type = z.enum(registryTypes, `must be one of ${registryTypes.join(', ')}`);

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
