// The types of a validation report: its outcome, its steps, and its advice.

import { type Advice, type AdviceKind, adviceKinds } from '../../../core/registry/advice.ts';
import { placeholderAdvice, wordAdvice } from '../../../core/registry/advice-words.ts';
import { type RegistryType, registryTypes } from '../../../core/registry/registry.ts';
import {
  adviceOf,
  hintOf,
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
import { graphqlWords } from '../advice.ts';
import { builder, entriesAtMost } from './builder.ts';

/** Returns the values of an enum in the given order, each with its description. */
export function enumValues<Value extends string>(
  values: readonly Value[],
  descriptions: Readonly<Record<Value, string>>,
) {
  return Object.fromEntries(values.map((value) => [value, { value, description: descriptions[value] }])) as {
    [Key in Value]: { value: Key; description: string };
  };
}

const typeDescriptions: Readonly<Record<RegistryType, string>> = {
  DOCKER_V2: 'Any registry with the Docker V2 (OCI distribution) API: a username and a password or token.',
  AWSECR: 'Amazon ECR: the username is an access key ID, the password its secret access key.',
  GCR: 'Google Artifact Registry or Container Registry: the password is a service account key in JSON.',
  ACR: 'Azure Container Registry: the username is a client ID, the password its client secret.',
};

/** The GraphQL enum of registry types. */
export const RegistryTypeEnum = builder.enumType('RegistryType', {
  description: 'The type of a registry: how to log in to it. Lowercase in REST and on the command line.',
  values: enumValues(registryTypes, typeDescriptions),
});

const outcomes: Readonly<Record<ValidationOutcome, string>> = {
  VALID: 'The registry accepted the credential.',
  VALID_UNPROVEN: 'The credential was not rejected, but could not be verified either. Success with a warning.',
  NO_AUTH_REQUIRED: 'The registry requires no login, so the credential was not used. Success with a warning.',
  SKIPPED: 'The credential was stored without validation, as requested with `validate: false`.',
  INVALID_CREDENTIALS: 'The registry rejected the username or password.',
  INSUFFICIENT_SCOPE: 'The credential is valid but is not allowed to pull from this repository.',
  UPSTREAM_FORBIDDEN:
    'The registry or its token server denied access to this server; this says nothing about the credential.',
  RATE_LIMITED: 'The registry is rate limiting requests; see `retryAfter`.',
  LOCKED_OUT:
    'The registry is blocking logins to this account after earlier failures. Further attempts can prolong the block.',
  DNS_FAILURE: 'The host name does not resolve.',
  UNREACHABLE: 'No connection to the host could be opened.',
  TIMEOUT: 'The registry did not answer in time.',
  TLS_UNTRUSTED: 'The certificate is not signed by a trusted certificate authority.',
  TLS_HOSTNAME: 'The certificate is for another host name.',
  TLS_EXPIRED: 'The certificate has expired or is not valid yet.',
  TLS_PROTOCOL: 'The host and Regway have no TLS version or cipher in common, or the host does not use TLS.',
  PLAIN_HTTP: 'The registry supports only unencrypted HTTP.',
  CONNECTION_CLOSED: 'The connection was closed before a response arrived.',
  NOT_A_V2_REGISTRY: 'The host responds, but not as a registry with the Docker V2 API.',
  REDIRECTED: 'The registry redirects to another URL. A credential never follows a redirect.',
  UNSUPPORTED_CHALLENGE: 'The registry requires an authentication scheme that Regway does not support.',
  FORBIDDEN_REALM:
    'The registry asks to send the credential to another host, named in `realmHost`. If you trust it, pass it as `trustedRealm`.',
  FORBIDDEN_ADDRESS: "The address is blocked by the server's egress policy.",
  TOKEN_ENDPOINT_ERROR: "The registry's token server returned an error.",
  UPSTREAM_ERROR: 'The registry returned an error.',
  RESPONSE_TOO_LARGE: 'The response exceeded the size limit.',
  NATIVE_CREDENTIAL_ERROR: 'The cloud provider did not issue a registry login for its native credential.',
};

/** The GraphQL enum of validation outcomes. */
export const ValidationOutcomeEnum = builder.enumType('ValidationOutcome', {
  description: 'The outcome of a validation.',
  values: enumValues(validationOutcomes, outcomes),
});

const stepKinds: Readonly<Record<ValidationStepKind, string>> = {
  RESOLVE: 'Resolve the host name.',
  CONNECT: 'Open a connection.',
  TLS: 'Negotiate TLS and verify the certificate.',
  PING: 'Request `GET /v2/` without a credential.',
  CHALLENGE: 'Read which authentication scheme the registry requires.',
  REALM: 'Decide whether the credential may be sent to the token server that the registry names.',
  TOKEN: 'Exchange the credential for a token.',
  AUTHORIZE: 'Request `GET /v2/` with the credential or token.',
  REPOSITORY: 'Request the repository.',
};

const ValidationStepKindEnum = builder.enumType('ValidationStepKind', {
  description: 'The kind of a validation step, in order.',
  values: enumValues(validationStepKinds, stepKinds),
});

const stepStatuses: Readonly<Record<ValidationStepStatus, string>> = {
  PASSED: 'The step succeeded.',
  WARNED: 'The step succeeded with a warning; see `message`.',
  FAILED: 'The step failed and ended the validation.',
  SKIPPED: 'The step was not needed.',
};

const ValidationStepStatusEnum = builder.enumType('ValidationStepStatus', {
  description: 'The status of a validation step.',
  values: enumValues(validationStepStatuses, stepStatuses),
});

/** The GraphQL type of one validation step. */
export const ValidationStepType = builder.objectRef<ValidationStep>('ValidationStep').implement({
  description: 'One step of a validation.',
  fields: (t) => ({
    kind: t.expose('kind', { type: ValidationStepKindEnum, description: 'The kind of step.' }),
    status: t.expose('status', { type: ValidationStepStatusEnum, description: 'The status.' }),
    message: t.exposeString('message', { description: 'A human-readable sentence: what was observed.' }),
    durationMs: t.int({
      description: 'The duration, in milliseconds.',
      resolve: ({ durationMs }) => Math.round(durationMs),
    }),
  }),
});

/** The GraphQL enum of advice. An entry's description is its message, with the names of other fields in the place of their values. */
const AdviceKindEnum = builder.enumType('RegwayAdviceKind', {
  description: 'What can fix the result of a validation.',
  values: enumValues(
    adviceKinds,
    Object.fromEntries(adviceKinds.map((kind) => [kind, wordAdvice(graphqlWords, placeholderAdvice(kind))])) as Record<
      AdviceKind,
      string
    >,
  ),
});

/** Returns a detail of an advice, or null if its kind has none. */
function detailOf<Name extends string>(name: Name) {
  return (advice: Advice) => (advice as { readonly [Key in Name]?: string | null })[name] ?? null;
}

const AdviceType = builder.objectRef<Advice>('RegwayAdvice').implement({
  description: 'One way to fix the result of a validation.',
  fields: (t) => ({
    kind: t.expose('kind', { type: AdviceKindEnum, description: 'What to do, for programs.' }),
    message: t.string({
      description: 'What to do, as human-readable sentences in the terms of this API.',
      resolve: (advice) => wordAdvice(graphqlWords, advice),
    }),
    host: t.string({
      nullable: true,
      description: 'The `host[:port]` to name, to change, or to reach; null if the advice is about none.',
      resolve: detailOf('host'),
    }),
    repository: t.string({
      nullable: true,
      description: 'The repository, or the pattern that covers it; null if the advice is about none.',
      resolve: detailOf('repository'),
    }),
    type: t.field({
      type: RegistryTypeEnum,
      nullable: true,
      description: 'The registry type to use; null if the advice is about none.',
      resolve: (advice) => ('type' in advice ? advice.type : null),
    }),
    setting: t.string({
      nullable: true,
      description:
        "The server's environment variable to change; null if the message names it or no variable is involved.",
      resolve: detailOf('setting'),
    }),
    until: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'Until when to wait; null if the registry named no time, or there is nothing to wait for.',
      resolve: (advice) => ('until' in advice && advice.until !== null ? new Date(advice.until) : null),
    }),
    names: t.string({
      nullable: true,
      description: 'The host names of the certificate, or examples of hosts; null if the advice is about none.',
      resolve: detailOf('names'),
    }),
    action: t.string({
      nullable: true,
      description: 'The permission to grant, in the words of the cloud; null if the advice is about none.',
      resolve: detailOf('action'),
    }),
    provider: t.string({
      nullable: true,
      description: 'The cloud whose documentation to read; null if the advice is about none.',
      resolve: detailOf('provider'),
    }),
  }),
});

/** Entries: two about white space, and the most that any other cause has. */
const maxAdvice = 5;

/** The GraphQL type of a validation report. */
export const ValidationReportType = builder.objectRef<ValidationReport>('ValidationReport').implement({
  description: 'The result of validating a credential against its registry.',
  fields: (t) => ({
    outcome: t.expose('outcome', { type: ValidationOutcomeEnum, description: 'The outcome.' }),
    valid: t.boolean({
      description:
        'Whether a registry with this outcome can be stored. True for VALID, VALID_UNPROVEN, NO_AUTH_REQUIRED, and SKIPPED.',
      resolve: ({ outcome }) => isSuccess(outcome),
    }),
    message: t.exposeString('message', { description: 'A human-readable sentence: what was observed.' }),
    hint: t.string({
      nullable: true,
      description:
        'What to do next, as human-readable sentences: the `message` of all `advice`; null if there is nothing to do.',
      resolve: (report) => hintOf(graphqlWords, report),
    }),
    advice: t.field({
      type: [AdviceType],
      extensions: entriesAtMost(maxAdvice),
      description:
        'What to do next, as data: each on its own, or where its condition applies. Empty if there is nothing to do, and in reports that were stored before this field existed.',
      resolve: (report) => adviceOf(report),
    }),
    retryable: t.exposeBoolean('retryable', {
      description: 'Whether the same call may succeed later without any change.',
    }),
    retryAfter: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'The earliest time to retry, if the registry named one; otherwise null.',
      resolve: ({ retryAfter }) => (retryAfter === null ? null : new Date(retryAfter)),
    }),
    realmHost: t.exposeString('realmHost', {
      nullable: true,
      description:
        'The token server (`host[:port]`) that the registry named; null if none. `advice` says whether it can be trusted.',
    }),
    checkedAt: t.field({
      type: 'DateTime',
      description: 'When the validation ran.',
      resolve: ({ checkedAt }) => new Date(checkedAt),
    }),
    durationMs: t.int({
      description: 'The duration, in milliseconds.',
      resolve: ({ durationMs }) => Math.round(durationMs),
    }),
    steps: t.field({
      type: [ValidationStepType],
      description: 'The steps, in order.',
      extensions: entriesAtMost(validationStepKinds.length + 1),
      resolve: ({ steps }) => steps,
    }),
  }),
});
