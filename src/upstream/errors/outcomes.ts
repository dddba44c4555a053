// Maps each outcome of a check or a pull to a message, a hint, and whether a retry can help. Other interfaces reword pieces of the hints.

import type { CheckedOutcome, OutcomeFacts, ProtocolFault, UpstreamErrorCode } from './failure.ts';

export interface OutcomeMessage {
  /** The event, with its host. */
  readonly message: string;
  /** The suggested fix; null if there is nothing to do. */
  readonly hint: string | null;
  /** Whether the same call can succeed later. */
  readonly retryable: boolean;
}

/** The `reason` of a refusal to a request for the catalog. */
export const readsCatalog = 'CATALOG';

type Describe = (facts: OutcomeFacts) => OutcomeMessage;

const outcomes: Readonly<Record<CheckedOutcome, Describe>> = {
  VALID: ({ host, proof }) => success(`${host} accepts the credential (${proof}).`, null),
  VALID_UNPROVEN: ({ host, reason }) =>
    success(
      reason === ''
        ? `${host} accepted the credential but serves anonymous clients as well, so the password is not verified.`
        : `${host} accepted the credential, but it is not known whether it rejects wrong ones, so the password is not verified.`,
      'Name a private repository in probeRepository to verify it.',
    ),
  NO_AUTH_REQUIRED: ({ host, repository }) =>
    success(
      `${host} requires no authentication ${repository === null ? 'on /v2/' : `for ${repository}`}, so the password was neither sent nor verified.`,
      repository === null
        ? 'Name a private repository in probeRepository to verify the password.'
        : 'Name a private repository to verify the password.',
    ),
  INVALID_CREDENTIALS: ({ host, username, detail, passwordHasOuterSpace }) =>
    failure(
      `${host} rejected the username "${username}" or its password.${codeOf(detail)}`,
      passwordHasOuterSpace
        ? 'The password begins or ends with white space, such as the line end of a file. Remove it if it is not part of the password.'
        : 'Check both, and whether the token has expired or was revoked.',
    ),
  INSUFFICIENT_SCOPE: ({ host, repository, reason, detail }) =>
    reason === readsCatalog
      ? failure(
          `${host} accepted the login but does not allow it to read the catalog.${codeOf(detail)}`,
          'Many registries reserve the catalog for administrators. Grant the user or token that right, or use another credential.',
        )
      : failure(
          `${host} accepted the login but does not allow it to ${repository === null ? 'use the registry' : `pull ${repository}`}.${codeOf(detail)}`,
          'Grant the user or token pull access, or use another credential.',
        ),
  UPSTREAM_FORBIDDEN: ({ host, status, detail }) =>
    retry(
      `${host} denied access to this server with HTTP ${status}. This says nothing about the credential.${codeOf(detail)}`,
      'Look for a firewall, IP allowlist, or bot protection in front of the registry, and allow this server.',
    ),
  RATE_LIMITED: ({ host, detail }) =>
    retry(`${host} is rate limiting requests.${codeOf(detail)}`, 'Wait until the limit resets, then try again.'),
  LOCKED_OUT: ({ host, detail }) =>
    failure(
      `${host} is temporarily blocking logins after earlier failures.${codeOf(detail)}`,
      'Correct the password, and wait for the block to expire before you try again.',
    ),
  DNS_FAILURE: ({ host, retryable }) =>
    retryable
      ? retry(
          `DNS did not answer for ${host}.`,
          'Try again later. If the error persists, check the DNS settings of the machine that runs Regway.',
        )
      : failure(
          `${host} does not resolve on this server.`,
          'Check the spelling, and that this server uses a DNS resolver that knows the name.',
        ),
  UNREACHABLE: ({ host }) =>
    retry(
      `Nothing accepts connections at ${host}.`,
      'Check the port, that the registry is running, and that this server can reach it.',
    ),
  TIMEOUT: ({ host, reason }) =>
    retry(
      `${host} did not answer in time (${reason}).`,
      'Check that the registry is running and that no firewall drops the packets.',
    ),
  TLS_UNTRUSTED: ({ host, reason }) =>
    failure(
      `The certificate of ${host} is not signed by a CA that this server trusts (${reason}).`,
      'Add the issuing CA with REGWAY_CA_FILE, or pass secureConnection: false for this registry.',
    ),
  TLS_HOSTNAME: ({ host, certificateNames }) =>
    failure(
      `The certificate of ${host} is for ${certificateNames === '' ? 'other names' : certificateNames}, not for this host.`,
      'Use a name that the certificate contains, or pass secureConnection: false for this registry.',
    ),
  TLS_EXPIRED: ({ host, reason }) =>
    failure(
      `The certificate of ${host} ${reason}.`,
      'Renew the certificate, check the clock of this server, or pass secureConnection: false for this registry.',
    ),
  TLS_PROTOCOL: ({ host, reason }) =>
    failure(
      `TLS negotiation with ${host} failed (${reason}).`,
      'Enable TLS 1.2 or 1.3 with a current cipher on the registry. No setting of Regway accepts older versions.',
    ),
  PLAIN_HTTP: (facts) =>
    failure(
      `${facts.host} answers over plain HTTP, not HTTPS; the password would be sent unencrypted.`,
      plainHttpHint(facts),
    ),
  CONNECTION_CLOSED: ({ host }) =>
    retry(
      `${host} closed the connection without a response.`,
      'Check whether the registry requires a client certificate, which Regway does not support, or a proxy in between closes the connection.',
    ),
  NOT_A_V2_REGISTRY: ({ host, reason }) =>
    failure(
      `There is no registry V2 API at ${host} (${reason}).`,
      'Check the host and port. The API must answer at /v2/ of that host.',
    ),
  REDIRECTED: ({ host, otherHost }) =>
    failure(
      `${host} redirects to ${otherHost ?? 'another address'}; a credential never follows a redirect.`,
      otherHost === null
        ? 'Use the registry that the redirect leads to.'
        : `Use ${otherHost} as the registry instead, if that is the one you mean.`,
    ),
  UNSUPPORTED_CHALLENGE: ({ host, reason }) =>
    failure(
      `${host} requires an authentication scheme that Regway does not support (${reason}).`,
      'Enable Basic or Bearer authentication on the registry.',
    ),
  FORBIDDEN_REALM: describeForbiddenRealm,
  FORBIDDEN_ADDRESS: ({ host }) =>
    failure(
      `${host} leads to an address that this server is not allowed to contact.`,
      'Use the address of a registry. Loopback is reachable only if Regway itself listens only on loopback; REGWAY_EGRESS_ALLOW and REGWAY_EGRESS_DENY restrict all other addresses.',
    ),
  TOKEN_ENDPOINT_ERROR: ({ host, reason, detail, retryable }) => ({
    message: `The token server ${host} issued no usable token (${reason}).${codeOf(detail)}`,
    hint: retryable
      ? 'Try again later. If the error persists, read the log of the token server.'
      : 'Check the realm and service in the configuration of the registry.',
    retryable,
  }),
  UPSTREAM_ERROR: ({ host, reason, detail, protocolFault }) =>
    protocolFault === null
      ? retry(
          `${host} failed (${reason}).${codeOf(detail)}`,
          'Try again later. If the error persists, read the log of the registry.',
        )
      : describeProtocolFault(host, protocolFault),
  RESPONSE_TOO_LARGE: ({ host }) =>
    failure(
      `${host} sent a response that is larger than any valid one.`,
      'Check that the host and port are those of a registry.',
    ),
  NATIVE_CREDENTIAL_ERROR: ({ reason }) =>
    failure(
      `Logins of type ${reason} are issued by the cloud provider, and none was issued; nothing was sent.`,
      'Check the type of the registry, or use DOCKER_V2 with a static username and password.',
    ),
};

/** Returns the message, hint, and retryability of an outcome. @param facts What was observed; each outcome uses some of it. */
export function describeOutcome(outcome: CheckedOutcome, facts: OutcomeFacts): OutcomeMessage {
  return outcomes[outcome](facts);
}

function success(message: string, hint: string | null): OutcomeMessage {
  return { message, hint, retryable: false };
}

function failure(message: string, hint: string): OutcomeMessage {
  return { message, hint, retryable: false };
}

function retry(message: string, hint: string): OutcomeMessage {
  return { message, hint, retryable: true };
}

function describeProtocolFault(host: string, fault: ProtocolFault): OutcomeMessage {
  if (fault === 'HTTP2_ONLY')
    return failure(
      `${host} accepts only HTTP/2, but Regway contacts registries over HTTP/1.1.`,
      'Enable HTTP/1.1 on the registry, or on the proxy in front of it.',
    );
  if (fault === 'AMBIGUOUS_LENGTH')
    return failure(
      `${host} sent a response whose length is ambiguous: Content-Length is repeated, invalid, or combined with Transfer-Encoding.`,
      'Correct the registry or the proxy in front of it, so that a response has one Content-Length or Transfer-Encoding.',
    );
  return failure(
    `${host} sent an invalid header, such as one that is folded over several lines.`,
    'Correct the headers that the registry or the proxy in front of it adds: each must be one line.',
  );
}

function codeOf(detail: UpstreamErrorCode | null): string {
  return detail === null ? '' : ` Its error code is ${detail}.`;
}

function plainHttpHint({ host, secureConnection, plainHttpPermitted }: OutcomeFacts): string {
  if (!secureConnection) {
    return `secureConnection is false, but plain HTTP also requires a loopback host or the operator's permission: add ${host} to REGWAY_PLAIN_HTTP_HOSTS, or put TLS in front of the registry.`;
  }
  if (plainHttpPermitted)
    return 'Pass secureConnection: false to use plain HTTP for this host, or put TLS in front of the registry.';
  return `Put TLS in front of the registry; or add ${host} to REGWAY_PLAIN_HTTP_HOSTS and pass secureConnection: false.`;
}

function describeForbiddenRealm({ host, otherHost, realmRefusal }: OutcomeFacts): OutcomeMessage {
  if (realmRefusal === 'UNUSABLE') {
    return failure(
      `${host} names an unusable address as its token server; the password was not sent.`,
      'Correct the realm in the configuration of the registry: it must be an https URL without a username, password, or fragment.',
    );
  }
  if (otherHost === null) {
    return failure(
      `${host} asks to send the password to an address that contains the password itself; it was not sent.`,
      'Inspect the WWW-Authenticate header of the registry. If the password has leaked, replace it.',
    );
  }
  if (realmRefusal === 'PLAIN_HTTP') {
    return failure(
      `${host} asks to send the password to ${otherHost} without TLS; it was not sent.`,
      'Use an https address for the token server. Plain HTTP is allowed only if the registry itself is contacted over plain HTTP and the token server is a loopback host or listed in REGWAY_PLAIN_HTTP_HOSTS.',
    );
  }
  return failure(
    `${host} asks to send the password to ${otherHost}, which is not trusted for this registry; it was not sent.`,
    `If ${otherHost} is the token server of this registry, repeat the call with trustedRealm: "${otherHost}".`,
  );
}
