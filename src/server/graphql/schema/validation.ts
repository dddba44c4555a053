// The report of a validation: its outcome and its steps.

import {
  isSuccess,
  validationOutcomes,
  validationStepKinds,
  validationStepStatuses,
  type ValidationOutcome,
  type ValidationReport,
  type ValidationStep,
  type ValidationStepKind,
  type ValidationStepStatus,
} from '../../../core/registry/report.ts';
import { builder } from './builder.ts';

/** Gives an enum its values in the order of the domain, each with its description. */
export function enumValues<Value extends string>(values: readonly Value[], descriptions: Readonly<Record<Value, string>>) {
  return Object.fromEntries(values.map((value) => [value, { value, description: descriptions[value] }])) as {
    [Key in Value]: { value: Key; description: string };
  };
}

const outcomes: Readonly<Record<ValidationOutcome, string>> = {
  VALID: 'The registry accepted the credential.',
  VALID_UNPROVEN: 'Nothing refused the credential, but nothing proved it either. Success with a warning.',
  NO_AUTH_REQUIRED: 'The registry asks for no login, so the credential was not used. Success with a warning.',
  SKIPPED: 'Stored without a check, as asked with `validate: false`.',
  INVALID_CREDENTIALS: 'The registry refused the user name or the password.',
  INSUFFICIENT_SCOPE: 'The credential is right but may not pull from this repository.',
  UPSTREAM_FORBIDDEN: 'The registry forbids access to this caller.',
  RATE_LIMITED: 'The registry asks to slow down; see `retryAfter`.',
  LOCKED_OUT: 'The account is locked at the registry; trying again makes it worse.',
  DNS_FAILURE: 'The host name could not be resolved.',
  UNREACHABLE: 'No connection to the host could be opened.',
  TIMEOUT: 'The registry did not answer in time.',
  TLS_UNTRUSTED: 'The certificate is not signed by a trusted authority.',
  TLS_HOSTNAME: 'The certificate belongs to another host name.',
  TLS_EXPIRED: 'The certificate has expired or is not valid yet.',
  TLS_PROTOCOL: 'No common TLS version or cipher, or no TLS at all.',
  PLAIN_HTTP: 'The registry speaks unencrypted HTTP only.',
  CONNECTION_CLOSED: 'The connection was closed before an answer came.',
  NOT_A_V2_REGISTRY: 'The host answers, but not as a registry of the Docker V2 API.',
  REDIRECTED: 'The registry redirects elsewhere; credentials do not follow redirects.',
  UNSUPPORTED_CHALLENGE: 'The registry asks for a kind of login that is not supported.',
  FORBIDDEN_REALM: 'The registry sends the credential to another host, named in `realmHost`; confirm it with `trustedRealm`.',
  FORBIDDEN_ADDRESS: 'The address is one that this server never connects to.',
  TOKEN_ENDPOINT_ERROR: "The registry's token server failed.",
  UPSTREAM_ERROR: 'The registry failed.',
  RESPONSE_TOO_LARGE: 'The answer was larger than any proper one.',
  NATIVE_CREDENTIAL_ERROR: 'The cloud did not exchange its native credential for a registry login.',
};

export const ValidationOutcomeEnum = builder.enumType('ValidationOutcome', {
  description: 'What a validation found, in one word.',
  values: enumValues(validationOutcomes, outcomes),
});

const stepKinds: Readonly<Record<ValidationStepKind, string>> = {
  RESOLVE: 'Find the addresses of the host.',
  CONNECT: 'Open a connection.',
  TLS: 'Agree on encryption and check the certificate.',
  PING: 'Ask `GET /v2/` without a login.',
  CHALLENGE: 'Read what kind of login the registry wants.',
  REALM: 'Decide whether the credential may go to the token server that it names.',
  TOKEN: 'Exchange the credential for a token.',
  AUTHORIZE: 'Ask `GET /v2/` with the login.',
  REPOSITORY: 'Ask for the repository.',
};

const ValidationStepKindEnum = builder.enumType('ValidationStepKind', {
  description: 'The steps of a validation, in their order.',
  values: enumValues(validationStepKinds, stepKinds),
});

const stepStatuses: Readonly<Record<ValidationStepStatus, string>> = {
  PASSED: 'Went well.',
  WARNED: 'Went on, with a remark worth reading.',
  FAILED: 'Ended the validation.',
  SKIPPED: 'Not needed here.',
};

const ValidationStepStatusEnum = builder.enumType('ValidationStepStatus', {
  description: 'How a step ended.',
  values: enumValues(validationStepStatuses, stepStatuses),
});

export const ValidationStepType = builder.objectRef<ValidationStep>('ValidationStep').implement({
  description: 'One step of a validation.',
  fields: (t) => ({
    kind: t.expose('kind', { type: ValidationStepKindEnum, description: 'What was done.' }),
    status: t.expose('status', { type: ValidationStepStatusEnum, description: 'How it ended.' }),
    message: t.exposeString('message', { description: 'One sentence: what was seen.' }),
    durationMs: t.int({ description: 'How long it took, in milliseconds.', resolve: ({ durationMs }) => Math.round(durationMs) }),
  }),
});

export const ValidationReportType = builder.objectRef<ValidationReport>('ValidationReport').implement({
  description: 'What the registry itself said about a credential.',
  fields: (t) => ({
    outcome: t.expose('outcome', { type: ValidationOutcomeEnum, description: 'The verdict in one word.' }),
    valid: t.boolean({
      description: 'Whether a registry with this outcome may be stored: VALID, VALID_UNPROVEN, NO_AUTH_REQUIRED and SKIPPED are true.',
      resolve: ({ outcome }) => isSuccess(outcome),
    }),
    message: t.exposeString('message', { description: 'One sentence: what was seen.' }),
    hint: t.exposeString('hint', { nullable: true, description: 'One sentence: what you can do about it.' }),
    retryable: t.exposeBoolean('retryable', { description: 'Whether the same call may succeed later without any change.' }),
    retryAfter: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'Not before this time, when the registry named one.',
      resolve: ({ retryAfter }) => (retryAfter === null ? null : new Date(retryAfter)),
    }),
    realmHost: t.exposeString('realmHost', {
      nullable: true,
      description: 'The token server (`host[:port]`) that the registry named. When the outcome is FORBIDDEN_REALM and you know this host, repeat the call with `trustedRealm` set to it.',
    }),
    checkedAt: t.field({ type: 'DateTime', description: 'When it ran.', resolve: ({ checkedAt }) => new Date(checkedAt) }),
    durationMs: t.int({ description: 'How long it took, in milliseconds.', resolve: ({ durationMs }) => Math.round(durationMs) }),
    steps: t.field({ type: [ValidationStepType], description: 'What was done, in order.', resolve: ({ steps }) => steps }),
  }),
});
