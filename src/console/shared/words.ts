// The words for what the schema says in capitals.

import type {
  RegistryType,
  RegwayAuditAction,
  RegwayRole,
  ValidationOutcome,
  ValidationStepKind,
  ValidationStepStatus,
} from '../api/operations.ts';

/** How good something is; each has a colour and a sign of its own. */
export type Tone = 'good' | 'warning' | 'bad' | 'neutral';

export const typeLabels: Readonly<Record<RegistryType, string>> = {
  DOCKER_V2: 'Docker V2',
  AWSECR: 'Amazon ECR',
  GCR: 'Google',
  ACR: 'Azure',
};

export const outcomeLabels: Readonly<Record<ValidationOutcome, string>> = {
  VALID: 'Works',
  VALID_UNPROVEN: 'Not refused, not proven',
  NO_AUTH_REQUIRED: 'Asks for no login',
  SKIPPED: 'Not checked',
  INVALID_CREDENTIALS: 'Wrong username or password',
  INSUFFICIENT_SCOPE: 'May not pull',
  UPSTREAM_FORBIDDEN: 'Access forbidden',
  RATE_LIMITED: 'Rate limited',
  LOCKED_OUT: 'Account locked',
  DNS_FAILURE: 'Host not found',
  UNREACHABLE: 'Not reachable',
  TIMEOUT: 'No answer in time',
  TLS_UNTRUSTED: 'Certificate not trusted',
  TLS_HOSTNAME: 'Certificate of another host',
  TLS_EXPIRED: 'Certificate expired',
  TLS_PROTOCOL: 'No common TLS version',
  PLAIN_HTTP: 'Plain HTTP only',
  CONNECTION_CLOSED: 'Connection closed',
  NOT_A_V2_REGISTRY: 'Not a registry',
  REDIRECTED: 'Redirects elsewhere',
  UNSUPPORTED_CHALLENGE: 'Unknown kind of login',
  FORBIDDEN_REALM: 'Token server not trusted',
  FORBIDDEN_ADDRESS: 'Address not permitted',
  TOKEN_ENDPOINT_ERROR: 'Token server failed',
  UPSTREAM_ERROR: 'Registry failed',
  RESPONSE_TOO_LARGE: 'Answer too large',
  NATIVE_CREDENTIAL_ERROR: 'Cloud login failed',
};

export const stepLabels: Readonly<Record<ValidationStepKind, string>> = {
  RESOLVE: 'Find host',
  CONNECT: 'Connect',
  TLS: 'TLS',
  PING: 'Ask for login',
  CHALLENGE: 'Kind of login',
  REALM: 'Token server',
  TOKEN: 'Get token',
  AUTHORIZE: 'Log in',
  REPOSITORY: 'Repository',
};

export const statusLabels: Readonly<Record<ValidationStepStatus, string>> = {
  PASSED: 'passed',
  WARNED: 'warning',
  FAILED: 'failed',
  SKIPPED: 'skipped',
};
export const statusTones: Readonly<Record<ValidationStepStatus, Tone>> = {
  PASSED: 'good',
  WARNED: 'warning',
  FAILED: 'bad',
  SKIPPED: 'neutral',
};

/** How good an outcome is; none at all counts as not checked. */
export function outcomeTone(outcome: ValidationOutcome | undefined): Tone {
  if (outcome === undefined || outcome === 'SKIPPED') return 'neutral';
  if (outcome === 'VALID') return 'good';
  return outcome === 'VALID_UNPROVEN' || outcome === 'NO_AUTH_REQUIRED' || outcome === 'RATE_LIMITED'
    ? 'warning'
    : 'bad';
}

const apiWords: readonly (readonly [RegExp, string])[] = [
  [/\bpass secureConnection: false( for this registry)?/gi, 'turn on Allow Self Signed'],
  [/\bsecureConnection is (false|off)/g, 'Allow Self Signed is on'],
  [/repeat the call with trustedRealm: "[^"]*"/g, 'trust it below'],
  [/\bin probeRepository\b/g, 'as the repository to try'],
];

/** A sentence of the server, with the words of this form in the place of the names that the API has for them. */
export function formWords(sentence: string): string {
  const reworded = apiWords.reduce((text, [pattern, words]) => text.replace(pattern, words), sentence);
  return reworded.replace(/^turn on/, 'Turn on');
}

export const roleLabels: Readonly<Record<RegwayRole, string>> = {
  PULL: 'Pull: uses registries, sees none',
  READ_WRITE: 'Read and write: manages registries',
  READ_ONLY: 'Read only: sees itself',
  ADMIN: 'Admin: everything, in every account',
};

export const actionLabels: Readonly<Record<RegwayAuditAction, string>> = {
  REGISTRY_CREATE: 'Registry added',
  REGISTRY_UPDATE: 'Registry changed',
  REGISTRY_DELETE: 'Registry deleted',
  REGISTRY_VALIDATE: 'Registry checked',
  REGISTRY_PASSWORD_ROTATED: 'Password rotated',
  REGISTRY_SECRET_UNREADABLE: 'Password unreadable',
  TOKEN_CREATE: 'Token made',
  TOKEN_REVOKE: 'Token revoked',
  ACCOUNT_CREATE: 'Account added',
  ACCOUNT_DISABLE: 'Account disabled',
  ACCOUNT_ENABLE: 'Account enabled',
  AUDIT_ADOPT: 'Older events chained',
  KEYS_ROTATE_DATA: 'Data keys rotated',
  KEYS_ROTATE_ROOT: 'Root key rotated',
};

/** How an audited action ended, in words where there are some. */
export function resultLabel(outcome: string): string {
  if (outcome === 'DONE') return 'Done';
  return Object.hasOwn(outcomeLabels, outcome) ? outcomeLabels[outcome as ValidationOutcome] : outcome;
}
