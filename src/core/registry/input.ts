// Parses the input about a registry: create, check, and update.

import { z } from 'zod';
import { accountName, singleLine, maxNameLength } from '../shared/input.ts';
import { Secret } from '../shared/secret.ts';
import { canonicalHost } from './host.ts';
import { rejectWith } from './reference.ts';
import { registryTypes } from './registry.ts';

/** How a new password is stored: it replaces the current one, or is pending until the registry accepts it. */
export const passwordRotations = ['REPLACE', 'PENDING'] as const;
export type PasswordRotation = (typeof passwordRotations)[number];

/** Maximum length of a username, in characters. The longest known, of cloud tokens, have several hundred. */
const maxUsernameLength = 1024;
/** Maximum length of a password, in bytes. A service-account key file has 2–4 KiB; a sealed value has two bytes for the length. */
const maxPasswordBytes = 65_535;

const displayName = singleLine(maxNameLength)
  .transform((text) => text.trim())
  .refine((text) => text !== '', 'must not be blank; omit it to use the registry pattern');

// RFC 7617 §2: a user ID with a colon cannot be distinguished from its password.
const username = singleLine(maxUsernameLength)
  .min(1, 'must not be empty')
  .refine((text) => !text.includes(':'), 'must not contain ":" (HTTP Basic cannot carry it)');

const password = z
  .custom<Secret>((value) => value instanceof Secret, 'must be passed as a Secret')
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

/** The schema of a registry's type. */
export const registryType = z.enum(registryTypes, `must be one of ${registryTypes.join(', ')}`);

/** The input of a new registry. The same fields check a credential without storing it. */
export const createInput = z.strictObject({
  registry: z.string(),
  type: registryType.default('DOCKER_V2'),
  username,
  password,
  name: displayName.nullish(),
  trustedRealm: trustedRealm.nullish(),
  probeRepository: z.string().nullish(),
  account: accountName.nullish(),
});
export type CreateInput = z.infer<typeof createInput>;

/** The changes of an update. Omitted fields keep their values; null clears the trusted realm, the probe repository, or the display name. */
export const updateInput = z.strictObject({
  rotation: z.enum(passwordRotations, `must be one of ${passwordRotations.join(', ')}`).default('REPLACE'),
  username: username.optional(),
  password: password.optional(),
  type: registryType.optional(),
  name: displayName.nullish(),
  trustedRealm: trustedRealm.nullish(),
  probeRepository: z.string().nullish(),
});
export type UpdateInput = z.infer<typeof updateInput>;
