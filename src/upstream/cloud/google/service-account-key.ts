// Parses the JSON key file of a Google service account: its email, key ID and private key, and none of the URLs in it.

import { createPrivateKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { parseJson } from '../../../core/shared/json.ts';
import type { Credential } from '../../../core/validation/validator.ts';
import { CloudFailure } from '../failure.ts';

export interface GoogleKey {
  readonly keyId: string | undefined;
  readonly email: string;
  readonly privateKey: KeyObject;
}

/** Key files are 2 to 3 KiB. */
const maxKeyLength = 32 * 1024;

/** Google's own keys have 2048 bits; shorter ones can be broken, far longer ones only cost time. */
const minKeyBits = 2048;
const maxKeyBits = 8192;

const keyFile = z.object({
  type: z.literal('service_account'),
  client_email: z
    .string()
    .max(320)
    .regex(/^[^\s@]+@[a-z0-9.-]+$/),
  private_key: z.string(),
  private_key_id: z
    .string()
    .regex(/^[\w-]{1,128}$/)
    .optional(),
  // Other clouds of Google have other token servers, which this module does not know.
  universe_domain: z.literal('googleapis.com').optional(),
});

/**
 * Reads the stored key: user name `_json_key` with the text of the file, or `_json_key_base64` with its base64.
 * @throws CloudFailure that repeats nothing of it.
 */
export function parseGoogleKey({ username, password }: Credential): GoogleKey {
  if (username !== '_json_key' && username !== '_json_key_base64') {
    throw refused(
      'the user name is none of _json_key, _json_key_base64 and gcpauto',
      'Use _json_key with the text of the key file as the password. Other logins belong to the type DOCKER_V2.',
    );
  }
  const text = username === '_json_key' ? password.reveal() : Buffer.from(password.reveal(), 'base64').toString('utf8');
  const content = text.length > maxKeyLength ? undefined : parseJson(text);
  const parsed = keyFile.safeParse(content);
  if (!parsed.success) throw explain(content);
  const { client_email: email, private_key: pem, private_key_id: keyId } = parsed.data;
  return { keyId, email, privateKey: readPrivateKey(pem) };
}

function readPrivateKey(pem: string): KeyObject {
  try {
    const key = createPrivateKey(pem);
    const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
    if (key.asymmetricKeyType === 'rsa' && bits >= minKeyBits && bits <= maxKeyBits) return key;
  } catch {
    // Said below: what OpenSSL says helps nobody.
  }
  throw refused(
    'its private_key is no RSA key of 2048 bits or more',
    'Create a new key for the service account and store the whole file.',
  );
}

/** Files of other kinds name addresses to ask and programs to run, so they are told apart and refused. */
function explain(content: unknown): CloudFailure {
  const { type, universe_domain: universe } =
    typeof content === 'object' && content !== null ? (content as Record<string, unknown>) : {};
  if (
    [
      'external_account',
      'impersonated_service_account',
      'authorized_user',
      'external_account_authorized_user',
    ].includes(String(type))
  ) {
    return refused(
      `its type is ${String(type)}`,
      'Only the key of a service account is taken: other files name addresses and programs that this server would have to trust.',
    );
  }
  if (universe !== undefined && universe !== 'googleapis.com')
    return refused('its universe_domain is not googleapis.com', 'Only keys of Google Cloud itself are taken.');
  return refused(
    'it is no key file of a service account',
    'Store the whole JSON file that the Google Cloud console gave; _json_key_base64 takes its base64.',
  );
}

function refused(reason: string, hint: string): CloudFailure {
  return new CloudFailure(`The stored key for Google cannot be used: ${reason}. Nothing was sent.`, { hint });
}
