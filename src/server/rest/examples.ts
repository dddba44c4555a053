// Lists the examples of the OpenAPI document: bodies, and the meaning and an example of each error.

import type { ErrorType } from './errors.ts';
import type { ErrorBody, RegistryItem } from './schemas.ts';

interface ErrorExample {
  readonly meaning: string;
  readonly message: string;
  readonly detail?: Omit<ErrorBody['detail'], 'error_codes'>;
}

/** The meaning and an example of every error. */
export const errorExamples: Readonly<Record<ErrorType, ErrorExample>> = {
  INVALID_REGISTRY: {
    meaning: 'The registry pattern is not valid.',
    message: 'The wildcard must be a whole segment at the end: only a final /* is a wildcard.',
    detail: { reason: 'WILDCARD_NOT_AT_SEGMENT_END', field: 'registry' },
  },
  INVALID_REFERENCE: {
    meaning: 'The image reference is not valid.',
    message: 'A digest must be sha256:, sha384:, or sha512: and exactly its number of lowercase hex digits.',
    detail: { reason: 'DIGEST_INVALID' },
  },
  INVALID_INPUT: {
    meaning: 'The body, a parameter, or a header is not valid.',
    message: 'registry_user is missing.',
    detail: { field: 'registry_user' },
  },
  PASSWORD_REQUIRED: {
    meaning: 'The change requires the password in the same call.',
    message:
      'Pass the password in the same call: changing the username could send the stored password to an unintended destination.',
    detail: { field: 'registry_pass' },
  },
  UNAUTHENTICATED: {
    meaning: 'The request is not authenticated.',
    message: 'Authentication required. Send an API token: "Authorization: Bearer rgw_…".',
  },
  FORBIDDEN: {
    meaning: 'The role of the token does not allow the operation.',
    message: 'The role READ_ONLY does not allow registry.list. Allowed roles: ADMIN, READ_WRITE.',
  },
  LIMIT_EXCEEDED: {
    meaning: 'The account has as many of these resources as it may have.',
    message:
      'The account admin has 1000 active tokens, the maximum. Revoke one that is no longer used, then try again.',
  },
  NOT_FOUND: {
    meaning: 'The resource does not exist, or you do not have access to it.',
    message: 'The registry does not exist in this account.',
    detail: { field: 'registry' },
  },
  METHOD_NOT_ALLOWED: {
    meaning: 'The path does not support the method.',
    message: 'This path supports GET, HEAD, POST.',
  },
  VALIDATION_FAILED: {
    meaning: 'The registry rejected the credential, or could not validate it. Nothing was stored.',
    message:
      'quay.io rejected the username "robot" or its password. Check both, and whether the token has expired or was revoked.',
    detail: {
      reason: 'INVALID_CREDENTIALS',
      field: 'registry_pass',
      validation: {
        outcome: 'INVALID_CREDENTIALS',
        message: 'quay.io rejected the username "robot" or its password.',
        hint: 'Check both, and whether the token has expired or was revoked.',
        retryable: false,
        retry_after: null,
      },
    },
  },
  ALREADY_EXISTS: {
    meaning: 'The account already has this registry.',
    message: 'A registry for docker.io/anchore/* already exists in this account. Update that one.',
    detail: { field: 'registry' },
  },
  CONFLICT: {
    meaning: 'Another caller changed the registry during the call, or the body names another registry than the path.',
    message: 'Another caller changed the registry in the meantime. Fetch it again, then retry.',
  },
  SECRET_UNREADABLE: {
    meaning: 'The stored password cannot be decrypted. Send it again.',
    message:
      'The stored password cannot be read, because the record or its key was changed outside Regway. Update the registry and enter the password again.',
  },
  BODY_TOO_LARGE: { meaning: 'The body is too large.', message: 'The body must be at most 262144 bytes.' },
  UNSUPPORTED_MEDIA_TYPE: {
    meaning: 'The Content-Type of the body is not JSON in UTF-8.',
    message: 'Send the body as application/json in UTF-8.',
  },
  RATE_LIMITED: {
    meaning: 'The caller has reached the limit of validations or of failed logins.',
    message:
      'Validation limit reached for this minute. Nothing was sent to the registry and nothing was changed. Try again in 42 seconds.',
  },
  INTERNAL_ERROR: {
    meaning: 'An internal error of the server.',
    message: 'Internal error. The server log has the details under this request ID.',
    detail: { request_id: '6f1c1f0e-8f0b-4a53-9f0c-0a4f1d1f3f6e' },
  },
  UPSTREAM_FAILED: {
    meaning: 'The upstream registry rejected the request or is not reachable.',
    message: 'Nothing accepts connections at quay.io.',
    detail: { reason: 'UNREACHABLE' },
  },
  STORAGE_UNAVAILABLE: {
    meaning: 'The database is unavailable or full. Retry later.',
    message: 'The storage is unavailable. Try again in a few seconds.',
  },
};

const anchore: RegistryItem = {
  registry: 'docker.io/anchore/*',
  registry_user: 'robot',
  registry_type: 'docker_v2',
  registry_name: 'Anchore images',
  registry_verify: true,
  created_at: '2026-01-02T03:04:05Z',
  last_updated: '2026-01-02T03:04:05Z',
  account_name: 'admin',
  userId: 'admin',
};

/** Examples of the responses with one registry and with a list. */
export const registryExamples: { readonly one: readonly RegistryItem[]; readonly list: readonly RegistryItem[] } = {
  one: [anchore],
  list: [
    anchore,
    { ...anchore, registry: 'registry.example:5000', registry_name: 'registry.example:5000', registry_verify: false },
  ],
};

/** An example of the body of a create. */
export const createExample = {
  registry: 'docker.io/anchore/*',
  registry_user: 'robot',
  registry_pass: 'the-password',
  registry_type: 'docker_v2',
  registry_name: 'Anchore images',
  registry_verify: true,
};

/** An example of the body of an update. */
export const updateExample = { registry_pass: 'the-new-password' };
