// Lists the examples of the OpenAPI document: bodies, and for each error its meaning and an example.

import type { ErrorType } from './errors.ts';
import type { ErrorBody, RegistryItem } from './schemas.ts';

interface ErrorExample {
  readonly meaning: string;
  readonly message: string;
  readonly detail?: Omit<ErrorBody['detail'], 'error_codes'>;
}

export const errorExamples: Readonly<Record<ErrorType, ErrorExample>> = {
  INVALID_REGISTRY: {
    meaning: 'The registry text cannot be used.',
    message: 'The wildcard must be a whole segment at the end: only a final /* is a wildcard.',
    detail: { reason: 'WILDCARD_NOT_AT_SEGMENT_END', field: 'registry' },
  },
  INVALID_REFERENCE: {
    meaning: 'The image reference cannot be used.',
    message: 'A digest is sha256: and 64 hex digits.',
    detail: { reason: 'DIGEST_INVALID' },
  },
  INVALID_INPUT: {
    meaning: 'The body, a parameter or a header is wrong.',
    message: 'registry_user is missing.',
    detail: { field: 'registry_user' },
  },
  PASSWORD_REQUIRED: {
    meaning: 'The change needs the password in the same call.',
    message:
      'Pass the password in the same call: changing the username could send the stored password to an unintended destination.',
    detail: { field: 'registry_pass' },
  },
  UNAUTHENTICATED: {
    meaning: 'Nobody is logged in.',
    message: 'Authentication required. Send an API token: "Authorization: Bearer rgw_…".',
  },
  FORBIDDEN: {
    meaning: 'The role of the token does not permit it.',
    message: 'The role READ_ONLY does not allow registry.list. Allowed roles: ADMIN, READ_WRITE.',
  },
  NOT_FOUND: {
    meaning: 'It is not there, or not yours.',
    message: 'There is no such registry in this account.',
    detail: { field: 'registry' },
  },
  METHOD_NOT_ALLOWED: { meaning: 'The address has other methods.', message: 'This address serves GET, HEAD, POST.' },
  VALIDATION_FAILED: {
    meaning: 'The registry was asked and the login does not work; nothing was stored.',
    message: 'quay.io refused the user name or password. Check both, then try again.',
    detail: {
      reason: 'INVALID_CREDENTIALS',
      field: 'registry_pass',
      validation: {
        outcome: 'INVALID_CREDENTIALS',
        message: 'quay.io refused the user name or password.',
        hint: 'Check both, then try again.',
        retryable: false,
        retry_after: null,
      },
    },
  },
  ALREADY_EXISTS: {
    meaning: 'The account has that registry.',
    message: 'A registry for docker.io/anchore/* already exists in this account. Update that one.',
    detail: { field: 'registry' },
  },
  CONFLICT: {
    meaning: 'Somebody changed it meanwhile, or the body names another registry than the path.',
    message: 'Another caller changed the registry in the meantime. Fetch it again, then retry.',
  },
  SECRET_UNREADABLE: {
    meaning: 'The stored password cannot be opened; send it again.',
    message: 'The stored password cannot be read. Update the registry with its password to store it anew.',
  },
  BODY_TOO_LARGE: { meaning: 'The body is too large.', message: 'The body is larger than 262144 bytes.' },
  UNSUPPORTED_MEDIA_TYPE: {
    meaning: 'The body is no JSON by its header.',
    message: 'Send the body as application/json in UTF-8.',
  },
  RATE_LIMITED: {
    meaning: 'Too many validations, or too many failed logins.',
    message:
      'Validation limit reached for this minute. Nothing was sent to the registry and nothing was changed. Try again in 42 seconds.',
  },
  INTERNAL_ERROR: {
    meaning: 'A fault of the server.',
    message: 'Something went wrong on our side. The request id finds the details in the log.',
    detail: { request_id: '6f1c1f0e-8f0b-4a53-9f0c-0a4f1d1f3f6e' },
  },
  UPSTREAM_FAILED: {
    meaning: 'The registry itself refused or does not answer.',
    message: 'quay.io does not answer.',
    detail: { reason: 'UNREACHABLE' },
  },
  STORAGE_UNAVAILABLE: {
    meaning: 'The database does not answer; try again.',
    message: 'The database does not answer. Try again in a moment.',
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

export const registryExamples: { readonly one: readonly RegistryItem[]; readonly list: readonly RegistryItem[] } = {
  one: [anchore],
  list: [
    anchore,
    { ...anchore, registry: 'registry.example:5000', registry_name: 'registry.example:5000', registry_verify: false },
  ],
};

export const createExample = {
  registry: 'docker.io/anchore/*',
  registry_user: 'robot',
  registry_pass: 'the-password',
  registry_type: 'docker_v2',
  registry_name: 'Anchore images',
  registry_verify: true,
};

export const updateExample = { registry_pass: 'the-new-password' };
