// Parses the JSON key file of a Google service account: its email, key ID, and private key, but none of its URLs.

import { createPrivateKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { parseJson } from '../../../core/shared/json.ts';
import type { Advice } from '../../../core/registry/advice.ts';
import type { Credential } from '../../../core/validation/validator.ts';
import { CloudFailure } from '../failure.ts';

/** The parsed key of a service account. */
export interface GoogleKey {
  readonly keyId: string | undefined;
  readonly email: string;
  readonly privateKey: KeyObject;
}

/** Maximum length of a key file in characters. Real ones are 2 to 3 KiB. */
const maxKeyLength = 32 * 1024;

/** Google's own keys have 2048 bits. Shorter ones can be broken, and much longer ones only cost time. */
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
  // Other Google clouds have other token servers, which this module does not support.
  universe_domain: z.literal('googleapis.com').optional(),
});

/**
 * Parses the stored key: username `_json_key` with the content of the file, or `_json_key_base64` with its Base64 encoding.
 * @throws CloudFailure, which repeats no part of the key.
 */
export function parseGoogleKey({ username, password }: Credential): GoogleKey {
  if (username !== '_json_key' && username !== '_json_key_base64') {
    throw unreadable('the username is not _json_key, _json_key_base64, or gcpauto', [
      { kind: 'USE_KEY_FILE' },
      { kind: 'USE_TYPE', type: 'DOCKER_V2' },
    ]);
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
    // Reported below, because the message of OpenSSL does not help the reader.
  }
  throw unreadable('its private_key is not an RSA key of at least 2048 bits', [{ kind: 'USE_WHOLE_KEY_FILE' }]);
}

/** Describes a file that is not a service account key. Other types name addresses to contact and programs to run, so they are rejected by name. */
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
    return unreadable(`its type is ${String(type)}`, [{ kind: 'USE_SERVICE_ACCOUNT_KEY' }]);
  }
  if (universe !== undefined && universe !== 'googleapis.com')
    return unreadable('its universe_domain is not googleapis.com', [{ kind: 'USE_GOOGLE_CLOUD_KEY' }]);
  return unreadable('it is not a key file of a service account', [{ kind: 'USE_WHOLE_KEY_FILE' }]);
}

function unreadable(reason: string, advice: readonly Advice[]): CloudFailure {
  return new CloudFailure(`The stored key for Google cannot be used: ${reason}. Nothing was sent.`, { advice });
}
