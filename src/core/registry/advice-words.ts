// Words the advice that every interface says alike, because it names settings of the server and systems outside of Regway.

import {
  type Advice,
  type AdviceFields,
  adviceFromFields,
  type AdviceKind,
  type ByAdvice,
  type CommonAdviceKind,
  type InterfaceAdviceKind,
} from './advice.ts';

/** The sentences of one interface: all advice that names its own terms, and any other that it words differently. */
export type AdviceWords = ByAdvice<InterfaceAdviceKind, string> & Partial<ByAdvice<CommonAdviceKind, string>>;

/** Returns the sentences for one advice, in the terms of an interface. */
export function wordAdvice(words: AdviceWords, advice: Advice): string {
  const word = (words[advice.kind] ?? commonWords[advice.kind as CommonAdviceKind]) as (advice: Advice) => string;
  return word(advice);
}

/** Returns the sentences for all advice; null without advice. */
export function wordAdvices(words: AdviceWords, advice: readonly Advice[]): string | null {
  return advice.length === 0 ? null : advice.map((one) => wordAdvice(words, one)).join(' ');
}

/** The advice of a report, as the server sends it. */
interface SentAdvice {
  /** Empty if there is nothing to do, and in reports from before advice was data. */
  readonly advice: readonly (AdviceFields & { readonly message: string })[];
  readonly hint: string | null;
}

/** Returns the hint of a report: in the terms of an interface where it is data, else as the server worded it; null if there is nothing to do. */
export function wordSentAdvice(words: AdviceWords, { advice, hint }: SentAdvice): string | null {
  if (advice.length === 0) return hint;
  const texts = advice.map((fields) => {
    const known = adviceFromFields(fields);
    return known === undefined ? fields.message : wordAdvice(words, known);
  });
  return texts.join(' ');
}

/** Returns the form of an advice kind that all words accept: placeholders in the place of details. For descriptions. */
export function placeholderAdvice(kind: AdviceKind): Advice {
  return {
    kind,
    host: '`host`',
    repository: '`repository`',
    type: '`type`',
    setting: '`setting`',
    until: null,
    names: '`names`',
    action: '`action`',
    provider: '`provider`',
  } as unknown as Advice;
}

/** Returns the time in UTC and whole seconds. */
function timeOf(untilMs: number): string {
  return `${new Date(untilMs).toISOString().slice(0, 'YYYY-MM-DDThh:mm:ss'.length)}Z`;
}

const commonWords: ByAdvice<CommonAdviceKind, string> = {
  RETRY_LATER: ({ host }) => `Try again later. If the error persists, read the log of ${host}.`,
  WAIT: ({ until }) =>
    until === null ? 'Wait until the limit resets, then try again.' : `Wait until ${timeOf(until)}, then try again.`,
  CORRECT_CREDENTIAL_AND_WAIT: ({ until }) =>
    `Correct the username or password, and wait ${until === null ? 'for the block to expire' : `until ${timeOf(until)}`} before you try again.`,
  GRANT_CATALOG: () =>
    'Many registries reserve the catalog for administrators. Grant the user or token that right, or use another credential.',
  ALLOW_SERVER: () =>
    'Look for a firewall, IP allowlist, or bot protection in front of the registry, and allow this server.',
  CHECK_DNS: () => 'Try again later. If the error persists, check the DNS settings of the machine that runs Regway.',
  CHECK_HOST_NAME: () => 'Check the spelling, and that this server uses a DNS resolver that knows the name.',
  CHECK_PORT: () => 'Check the port, that the registry is running, and that this server can reach it.',
  CHECK_FIREWALL: () => 'Check that the registry is running and that no firewall drops the packets.',
  CHECK_V2_ADDRESS: () => 'Check the host and port. The API must answer at /v2/ of that host.',
  CHECK_CONNECTION: () =>
    'Check whether the registry requires a client certificate, which Regway does not support, or a proxy in between closes the connection.',
  ADD_CA: () => 'Add the issuing CA to the file of REGWAY_CA_FILE, and restart Regway.',
  USE_CERTIFICATE_NAME: ({ names }) => `Use a name that the certificate contains (${names}).`,
  REPLACE_CERTIFICATE: ({ host }) => `Replace the certificate of ${host}.`,
  CORRECT_CLOCK: () => 'Check the clock of this server.',
  ENABLE_TLS_1_2: () =>
    'Enable TLS 1.2 or 1.3 with a current cipher on the registry. No setting of Regway accepts older versions.',
  USE_TLS: ({ host }) => `Put TLS in front of ${host}.`,
  PERMIT_PLAIN_HTTP: ({ host }) =>
    `Plain HTTP also requires the operator's permission: add ${host} to REGWAY_PLAIN_HTTP_HOSTS, and restart Regway.`,
  PERMIT_ADDRESS: () =>
    'Use the address of a registry. Loopback is reachable only if Regway itself listens only on loopback; REGWAY_EGRESS_ALLOW and REGWAY_EGRESS_DENY restrict all other addresses.',
  PERMIT_REDIRECT: ({ host }) =>
    `If the registry keeps its content there, add ${host} to REGWAY_REDIRECT_HOSTS, and restart Regway.`,
  NAME_OTHER_HOST: () => 'Name the host of the registry behind it.',
  USE_REGISTRY: ({ host }) => `Use ${host} as the registry instead, if that is the one you mean.`,
  CORRECT_REDIRECT: () =>
    'Correct the redirect in the configuration of the registry or the proxy in front of it: /v2/ must answer over HTTPS without leading to another host.',
  ENABLE_BASIC_OR_BEARER: () => 'Enable Basic or Bearer authentication on the registry.',
  CORRECT_REALM: () =>
    'Correct the realm in the configuration of the registry: it must be an https URL of a host name, without a username, password, or fragment.',
  USE_TLS_FOR_REALM: () =>
    'Use an https address for the token server. Plain HTTP is allowed only if the registry itself is contacted over plain HTTP and the token server is a loopback host or listed in REGWAY_PLAIN_HTTP_HOSTS.',
  INSPECT_CHALLENGE: () =>
    'Inspect the WWW-Authenticate header of the registry. If the password has leaked, replace it.',
  CHECK_TOKEN_SERVER: () => 'Check the realm and service in the configuration of the registry.',
  ENABLE_HTTP_1_1: () => 'Enable HTTP/1.1 on the registry, or on the proxy in front of it.',
  CORRECT_LENGTH: () =>
    'Correct the registry or the proxy in front of it, so that a response has one Content-Length or Transfer-Encoding.',
  CORRECT_HEADERS: () =>
    'Correct the headers that the registry or the proxy in front of it adds: each must be one line.',

  USE_CLOUD_HOST: ({ names }) => `Hosts of this type look like ${names}.`,
  ALLOW_AMBIENT: ({ setting }) =>
    `To allow it, set ${setting}=true and restart Regway. Then everyone who can create registries can use that identity.`,
  CHECK_CLOUD_PROXY: () =>
    'Try again later. If the failure persists, check whether a proxy responds instead of the cloud.',
  CHECK_CLOUD_NETWORK: ({ host }) =>
    `Check that the network lets this server reach ${host ?? 'the cloud'}, and that the region in the name of the registry exists. Then try again.`,
  CHECK_CLOUD_ACCOUNT: () => 'Check the AWS account of the stored identity: AWS has not enabled it, or has blocked it.',
  WAIT_FOR_CLOUD: () => 'Try again later: the cloud is overloaded or rate limiting requests.',
  CHECK_CLOUD_REGISTRY: () =>
    'Check the account and region in the name of the registry, and that no proxy intercepts the connection to AWS.',
  CHECK_SESSION: () => 'Renew the session behind the stored identity: it has expired or is about to.',
  CHECK_ACCESS_KEY: () =>
    'Check the access key: AWS does not know it. It may be deleted or inactive, or belong to another partition than the region in the name of the registry (China and GovCloud have their own keys).',
  CHECK_SECRET_KEY: () => 'Check the secret access key: AWS rejected its signature.',
  ALLOW_ACTION: ({ action }) => `Allow ${action} for the stored identity.`,
  CHECK_REGION: () => 'Check the region in the name of the registry, and that it is enabled for the account.',
  CHECK_WEB_IDENTITY: () => 'Check the web identity token of this server and the trust policy of its role.',
  PROVIDE_AWS_IDENTITY: () =>
    'Give this server an AWS identity, or store an access key. It has no AWS identity in its environment, profile, web identity, container, or instance.',
  USE_ROLE: () => 'Enter ROLE_ARN or ROLE_ARN;EXTERNAL_ID, such as arn:aws:iam::123456789012:role/pull;example.',
  USE_EXTERNAL_ID: () => 'Enter exactly ROLE_ARN;EXTERNAL_ID, with the external ID from the trust policy of the role.',
  USE_ACCESS_KEY: () =>
    'Use an access key ID with its secret key, awsauto, or _iam_role. A static login of ECR expires within 12 hours.',
  USE_LONG_TERM_KEY: () => 'Use the key of an IAM user (AKIA…), or _iam_role.',
  USE_SECRET_VALUE: () => 'Store the value of the client secret, not its ID: the stored secret is wrong.',
  RENEW_CLIENT_SECRET: () => 'Create a new client secret for the app and store it: the stored one has expired.',
  CHECK_CLIENT_SECRET: () => 'Check the secret of the service principal, and whether it has expired.',
  CHECK_APP: () => 'Check the app ID and tenant, or the client ID of the managed identity.',
  CHECK_TENANT: () => 'Check the tenant, and the ending of the host (io, cn, or us): this cloud has no such tenant.',
  ENABLE_APP: () => 'Enable the app, or use another one: it is disabled.',
  ALLOW_CONDITIONAL_ACCESS: () => 'Allow this server in the conditional access policy that denied the login.',
  ASSIGN_MANAGED_IDENTITY: () =>
    'Assign a managed identity to this machine, or check the client ID: it has no such identity.',
  ASSIGN_PULL_ROLE: () =>
    'Assign the role AcrPull on the registry to the identity, check that both belong to the same tenant, and allow this server in the firewall of the registry.',
  USE_SERVICE_PRINCIPAL: () =>
    'Use <tenant>/<app id> or only <app id>, with the secret of the service principal, or azureauto.',
  USE_MANAGED_IDENTITY: () =>
    'Enter azureauto for the system-assigned identity, or the client ID of a user-assigned one.',
  CREATE_SERVICE_ACCOUNT_KEY: () =>
    'Create a new key for the service account and store it: the stored one is unknown, was deleted, has expired, or belongs to a deleted service account.',
  USE_KEY_FILE: () => 'Use _json_key with the content of the key file as the password.',
  USE_WHOLE_KEY_FILE: () =>
    'Store the complete JSON file from the Google Cloud console; with _json_key_base64, its Base64 encoding. If it is damaged, create a new key with at least 2048 bits.',
  USE_SERVICE_ACCOUNT_KEY: () =>
    'Store the key of a service account: other files name addresses and programs that this server would have to trust.',
  USE_GOOGLE_CLOUD_KEY: () => 'Store a key of Google Cloud itself.',
  CHECK_ORGANIZATION_POLICY: () =>
    'Use another identity, or ask the administrators of the organization: its policy does not allow the service account to authenticate this way.',
  CHECK_SERVICE_ACCOUNT: () =>
    'Try again later. If the failure persists, check the service account in the Google Cloud console.',
  LOOK_UP_CODE: ({ provider }) =>
    `Look up the code in the ${provider} documentation, or try again later. If the failure persists, check the audit log of the cloud.`,
};
