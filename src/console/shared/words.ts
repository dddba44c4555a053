// Maps the enum values of the schema to the labels of the console.

import type {
  RegistryType,
  RegwayAuditAction,
  RegwayRole,
  ValidationOutcome,
  ValidationStepKind,
  ValidationStepStatus,
} from '../api/operations.ts';

/** The severity of a result. Each has its own color and icon. */
export type Tone = 'good' | 'warning' | 'bad' | 'neutral';

/** The labels of the registry types. */
export const typeLabels: Readonly<Record<RegistryType, string>> = {
  DOCKER_V2: 'Docker V2',
  AWSECR: 'Amazon ECR',
  GCR: 'Google',
  ACR: 'Azure',
};

/** The labels of the validation outcomes. */
export const outcomeLabels: Readonly<Record<ValidationOutcome, string>> = {
  VALID: 'Works',
  VALID_UNPROVEN: 'Accepted, not verified',
  NO_AUTH_REQUIRED: 'No login required',
  SKIPPED: 'Not validated',
  INVALID_CREDENTIALS: 'Wrong username or password',
  INSUFFICIENT_SCOPE: 'No pull access',
  UPSTREAM_FORBIDDEN: 'Access forbidden',
  RATE_LIMITED: 'Rate limited',
  LOCKED_OUT: 'Account locked',
  DNS_FAILURE: 'Host not found',
  UNREACHABLE: 'Not reachable',
  TIMEOUT: 'Timed out',
  TLS_UNTRUSTED: 'Certificate not trusted',
  TLS_HOSTNAME: 'Certificate for another host',
  TLS_EXPIRED: 'Certificate expired',
  TLS_PROTOCOL: 'No common TLS version',
  PLAIN_HTTP: 'Plain HTTP only',
  CONNECTION_CLOSED: 'Connection closed',
  NOT_A_V2_REGISTRY: 'Not a registry',
  REDIRECTED: 'Redirects elsewhere',
  UNSUPPORTED_CHALLENGE: 'Unsupported authentication',
  FORBIDDEN_REALM: 'Token server not trusted',
  FORBIDDEN_ADDRESS: 'Address not allowed',
  TOKEN_ENDPOINT_ERROR: 'Token server error',
  UPSTREAM_ERROR: 'Registry error',
  RESPONSE_TOO_LARGE: 'Response too large',
  NATIVE_CREDENTIAL_ERROR: 'Cloud login failed',
};

/** The labels of the validation steps. */
export const stepLabels: Readonly<Record<ValidationStepKind, string>> = {
  RESOLVE: 'Resolve host',
  CONNECT: 'Connect',
  TLS: 'TLS',
  PING: 'Contact registry',
  CHALLENGE: 'Authentication',
  REALM: 'Token server',
  TOKEN: 'Get token',
  AUTHORIZE: 'Log in',
  REPOSITORY: 'Repository',
};

/** The labels of the step statuses. */
export const statusLabels: Readonly<Record<ValidationStepStatus, string>> = {
  PASSED: 'passed',
  WARNED: 'warning',
  FAILED: 'failed',
  SKIPPED: 'skipped',
};
/** The severity of the step statuses. */
export const statusTones: Readonly<Record<ValidationStepStatus, Tone>> = {
  PASSED: 'good',
  WARNED: 'warning',
  FAILED: 'bad',
  SKIPPED: 'neutral',
};

/** Returns the severity of an outcome. Undefined counts as not validated. */
export function outcomeTone(outcome: ValidationOutcome | undefined): Tone {
  if (outcome === undefined || outcome === 'SKIPPED') return 'neutral';
  if (outcome === 'VALID') return 'good';
  return outcome === 'VALID_UNPROVEN' || outcome === 'NO_AUTH_REQUIRED' || outcome === 'RATE_LIMITED'
    ? 'warning'
    : 'bad';
}

/** The labels of the roles. */
export const roleLabels: Readonly<Record<RegwayRole, string>> = {
  PULL: 'Pull: pull images with stored credentials',
  READ_WRITE: 'Read and write: manage registries',
  READ_ONLY: 'Read only: see own identity',
  ADMIN: 'Admin: full access to all accounts',
};

/** The labels of the audited actions. */
export const actionLabels: Readonly<Record<RegwayAuditAction, string>> = {
  REGISTRY_CREATE: 'Registry added',
  REGISTRY_UPDATE: 'Registry changed',
  REGISTRY_DELETE: 'Registry deleted',
  REGISTRY_VALIDATE: 'Registry validated',
  REGISTRY_PASSWORD_ROTATED: 'Password rotated',
  REGISTRY_SECRET_UNREADABLE: 'Password unreadable',
  TOKEN_CREATE: 'Token created',
  TOKEN_REVOKE: 'Token revoked',
  ACCOUNT_CREATE: 'Account created',
  ACCOUNT_DISABLE: 'Account disabled',
  ACCOUNT_ENABLE: 'Account enabled',
  AUDIT_ADOPT: 'Older events chained',
  AUDIT_ARCHIVE: 'Older events archived',
  KEYS_ROTATE_DATA: 'Data keys rotated',
  KEYS_ROTATE_ROOT: 'Root key rotated',
};

/** Returns the label of an audit outcome, or the outcome itself if it has no label. */
export function resultLabel(outcome: string): string {
  if (outcome === 'DONE') return 'Done';
  return Object.hasOwn(outcomeLabels, outcome) ? outcomeLabels[outcome as ValidationOutcome] : outcome;
}
