// Maps each outcome of a check or a pull to a message, advice, and whether a retry can help. No message names a term of an interface: advice does, as data.

import type { Advice } from '../../core/registry/advice.ts';
import type { CheckedOutcome, OutcomeFacts, ProtocolFault, UpstreamErrorCode } from './failure.ts';

export interface OutcomeMessage {
  /** The event, with its host. */
  readonly message: string;
  /** What to do about it, each on its own or where its condition applies; empty if there is nothing to do. */
  readonly advice: readonly Advice[];
  /** Whether the same call can succeed later. */
  readonly retryable: boolean;
}

/** The `reason` of a refusal to a request for the catalog. */
export const readsCatalog = 'CATALOG';

type Describe = (facts: OutcomeFacts) => OutcomeMessage;

const outcomes: Readonly<Record<CheckedOutcome, Describe>> = {
  VALID: ({ host, proof }) => final(`${host} accepts the credential (${proof}).`),
  VALID_UNPROVEN: ({ host, reason, probePattern }) =>
    final(
      reason === ''
        ? `${host} accepted the credential but serves anonymous clients as well, so the password is not verified.`
        : `${host} accepted the credential, but it is not known whether it rejects wrong ones, so the password is not verified.`,
      ...probe(probePattern),
    ),
  NO_AUTH_REQUIRED: ({ host, repository, probePattern }) =>
    final(
      `${host} requires no authentication ${repository === null ? 'on /v2/' : `for ${repository}`}, so the password was neither sent nor verified.`,
      ...probe(probePattern),
    ),
  INVALID_CREDENTIALS: ({ host, username, detail, spaces }) =>
    final(
      `${host} rejected the username "${username}" or its password.${codeOf(detail)}`,
      ...(spaces.length > 0 ? spaces : [{ kind: 'CHECK_CREDENTIAL' } as const]),
    ),
  INSUFFICIENT_SCOPE: ({ host, repository, reason, detail }) =>
    reason === readsCatalog
      ? final(`${host} accepted the login but does not allow it to read the catalog.${codeOf(detail)}`, {
          kind: 'GRANT_CATALOG',
        })
      : final(
          `${host} accepted the login but does not allow it to ${repository === null ? 'use the registry' : `pull ${repository}`}.${codeOf(detail)}`,
          { kind: 'GRANT_PULL', repository },
        ),
  UPSTREAM_FORBIDDEN: ({ host, status, detail }) =>
    passing(
      `${host} denied access to this server with HTTP ${status}. This says nothing about the credential.${codeOf(detail)}`,
      { kind: 'ALLOW_SERVER' },
    ),
  RATE_LIMITED: ({ host, detail, retryAfter }) =>
    passing(`${host} is rate limiting requests.${codeOf(detail)}`, { kind: 'WAIT', until: retryAfter }),
  LOCKED_OUT: ({ host, detail, retryAfter, spaces }) =>
    final(`${host} is temporarily blocking logins after earlier failures.${codeOf(detail)}`, ...spaces, {
      kind: 'CORRECT_CREDENTIAL_AND_WAIT',
      until: retryAfter,
    }),
  DNS_FAILURE: ({ host, retryable }) =>
    retryable
      ? passing(`DNS did not answer for ${host}.`, { kind: 'CHECK_DNS' })
      : final(`${host} does not resolve on this server.`, { kind: 'CHECK_HOST_NAME' }),
  UNREACHABLE: ({ host }) => passing(`Nothing accepts connections at ${host}.`, { kind: 'CHECK_PORT' }),
  TIMEOUT: ({ host, reason }) => passing(`${host} did not answer in time (${reason}).`, { kind: 'CHECK_FIREWALL' }),
  TLS_UNTRUSTED: (facts) =>
    final(
      facts.isCaMissing
        ? `The certificate of ${facts.host} is not signed by a CA that this server trusts (${facts.reason}).`
        : `The certificate of ${facts.host} cannot be trusted (${facts.reason}).`,
      facts.isCaMissing ? { kind: 'ADD_CA' } : { kind: 'REPLACE_CERTIFICATE', host: facts.host },
      ...withoutVerification(facts),
    ),
  TLS_HOSTNAME: (facts) =>
    final(
      `The certificate of ${facts.host} is for ${facts.certificateNames === '' ? 'other names' : facts.certificateNames}, not for this host.`,
      ...(facts.certificateNames === '' || !facts.isRegistry
        ? []
        : [{ kind: 'USE_CERTIFICATE_NAME', names: facts.certificateNames } as const]),
      { kind: 'REPLACE_CERTIFICATE', host: facts.host },
      ...withoutVerification(facts),
    ),
  TLS_EXPIRED: (facts) =>
    final(
      `The certificate of ${facts.host} ${facts.reason}.`,
      { kind: 'REPLACE_CERTIFICATE', host: facts.host },
      { kind: 'CORRECT_CLOCK' },
      ...withoutVerification(facts),
    ),
  TLS_PROTOCOL: ({ host, reason }) =>
    final(`TLS negotiation with ${host} failed (${reason}).`, { kind: 'ENABLE_TLS_1_2' }),
  PLAIN_HTTP: (facts) =>
    final(
      `${facts.host} answers over plain HTTP, not HTTPS; the password would be sent unencrypted.`,
      ...plainHttpAdvice(facts),
    ),
  CONNECTION_CLOSED: ({ host }) =>
    passing(`${host} closed the connection without a response.`, { kind: 'CHECK_CONNECTION' }),
  NOT_A_V2_REGISTRY: ({ host, reason }) =>
    final(`There is no registry V2 API at ${host} (${reason}).`, { kind: 'CHECK_V2_ADDRESS' }),
  REDIRECTED: ({ host, otherHost, usableHost }) =>
    final(
      `${host} redirects to ${otherHost ?? 'another address'}; a credential never follows a redirect.`,
      usableHost === null ? { kind: 'CORRECT_REDIRECT' } : { kind: 'USE_REGISTRY', host: usableHost },
    ),
  UNSUPPORTED_CHALLENGE: ({ host, reason }) =>
    final(`${host} requires an authentication scheme that Regway does not support (${reason}).`, {
      kind: 'ENABLE_BASIC_OR_BEARER',
    }),
  FORBIDDEN_REALM: describeForbiddenRealm,
  FORBIDDEN_ADDRESS: describeForbiddenAddress,
  TOKEN_ENDPOINT_ERROR: ({ host, reason, detail, retryable }) => ({
    message: `The token server ${host} issued no usable token (${reason}).${codeOf(detail)}`,
    advice: [retryable ? { kind: 'RETRY_LATER', host } : { kind: 'CHECK_TOKEN_SERVER' }],
    retryable,
  }),
  UPSTREAM_ERROR: ({ host, reason, detail, protocolFault, retryable }) =>
    protocolFault === null
      ? {
          message: `${host} failed (${reason}).${codeOf(detail)}`,
          advice: [{ kind: 'RETRY_LATER', host }],
          retryable,
        }
      : describeProtocolFault(host, protocolFault),
  RESPONSE_TOO_LARGE: ({ host }) =>
    final(`${host} sent a response that is larger than any valid one.`, { kind: 'CHECK_V2_ADDRESS' }),
  NATIVE_CREDENTIAL_ERROR: ({ reason }) =>
    final(`Logins of type ${reason} are issued by the cloud provider, and none was issued; nothing was sent.`, {
      kind: 'USE_TYPE',
      type: 'DOCKER_V2',
    }),
};

/** Returns the message, advice, and retryability of an outcome. @param facts What was observed; each outcome uses some of it. */
export function describeOutcome(outcome: CheckedOutcome, facts: OutcomeFacts): OutcomeMessage {
  return outcomes[outcome](facts);
}

/** An outcome that the same call has again. */
function final(message: string, ...advice: Advice[]): OutcomeMessage {
  return { message, advice, retryable: false };
}

/** An outcome that can be another one later. */
function passing(message: string, ...advice: Advice[]): OutcomeMessage {
  return { message, advice, retryable: true };
}

function probe(repository: string | null | undefined): Advice[] {
  return repository === undefined ? [] : [{ kind: 'PROBE_PRIVATE_REPOSITORY', repository }];
}

/** A record turns the verification off for its registry alone, never for a token server or a storage. */
function withoutVerification({ isRegistry, secureConnection }: OutcomeFacts): Advice[] {
  return isRegistry && secureConnection ? [{ kind: 'ALLOW_UNVERIFIED_TLS' }] : [];
}

function plainHttpAdvice({ host, isRegistry, secureConnection, plainHttpPermitted }: OutcomeFacts): Advice[] {
  if (!isRegistry) return [{ kind: 'USE_TLS', host }];
  if (!secureConnection)
    return [
      { kind: 'PERMIT_PLAIN_HTTP', host },
      { kind: 'USE_TLS', host },
    ];
  return [
    { kind: 'USE_TLS', host },
    plainHttpPermitted ? { kind: 'ALLOW_PLAIN_HTTP' } : { kind: 'PERMIT_AND_ALLOW_PLAIN_HTTP', host },
  ];
}

function describeProtocolFault(host: string, fault: ProtocolFault): OutcomeMessage {
  if (fault === 'HTTP2_ONLY')
    return final(`${host} accepts only HTTP/2, but Regway contacts registries over HTTP/1.1.`, {
      kind: 'ENABLE_HTTP_1_1',
    });
  if (fault === 'AMBIGUOUS_LENGTH')
    return final(
      `${host} sent a response whose length is ambiguous: Content-Length is repeated, invalid, or combined with Transfer-Encoding.`,
      { kind: 'CORRECT_LENGTH' },
    );
  return final(`${host} sent an invalid header, such as one that is folded over several lines.`, {
    kind: 'CORRECT_HEADERS',
  });
}

function codeOf(detail: UpstreamErrorCode | null): string {
  return detail === null ? '' : ` Its error code is ${detail}.`;
}

function describeForbiddenAddress({ host, addressRefusal }: OutcomeFacts): OutcomeMessage {
  if (addressRefusal === 'OWN') return final(`${host} is this Regway server itself.`, { kind: 'NAME_OTHER_HOST' });
  return addressRefusal === 'POLICY'
    ? final(`${host} leads to an address that this server is not allowed to contact.`, { kind: 'PERMIT_ADDRESS' })
    : final(`The registry redirects to ${host}, which is in a private network.`, { kind: 'PERMIT_REDIRECT', host });
}

function describeForbiddenRealm({ host, otherHost, usableHost, realmRefusal }: OutcomeFacts): OutcomeMessage {
  if (realmRefusal === 'UNUSABLE') {
    return final(`${host} names an unusable address as its token server; the password was not sent.`, {
      kind: 'CORRECT_REALM',
    });
  }
  if (otherHost === null) {
    return final(
      `${host} asks to send the password to an address that contains the password itself; it was not sent.`,
      { kind: 'INSPECT_CHALLENGE' },
    );
  }
  if (realmRefusal === 'PLAIN_HTTP') {
    return final(`${host} asks to send the password to ${otherHost} without TLS; it was not sent.`, {
      kind: 'USE_TLS_FOR_REALM',
    });
  }
  return final(
    `${host} asks to send the password to ${otherHost}, which is not trusted for this registry; it was not sent.`,
    usableHost === null ? { kind: 'CORRECT_REALM' } : { kind: 'TRUST_REALM', host: usableHost },
  );
}
