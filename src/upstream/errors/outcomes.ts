// One table: what each outcome of a check says to a person, what they can do about it, and whether trying again can help.

import type { CheckedOutcome, OutcomeFacts, UpstreamErrorCode } from './failure.ts';

export interface Verdict {
  readonly message: string;
  readonly hint: string | null;
  readonly retryable: boolean;
}

type Describe = (facts: OutcomeFacts) => Verdict;

const outcomes: Readonly<Record<CheckedOutcome, Describe>> = {
  VALID: ({ host, proof }) => success(`${host} accepts the credential (${proof}).`, null),
  VALID_UNPROVEN: ({ host }) =>
    success(
      `${host} accepted the credential, but it serves anonymous clients just as well, so the password is not proven.`,
      'Name a private repository in probeRepository to prove it.',
    ),
  NO_AUTH_REQUIRED: ({ host, repository }) =>
    success(
      `${host} asks for no credentials ${repository === null ? 'on /v2/' : `for ${repository}`}, so the password was neither sent nor checked.`,
      repository === null
        ? 'Name a private repository in probeRepository to check the password.'
        : 'Name a repository that is private to check the password.',
    ),
  INVALID_CREDENTIALS: ({ host, username, detail }) =>
    failure(
      `${host} rejected the user name "${username}" or its password.${said(detail)}`,
      'Check both, and whether the token has expired or was revoked.',
    ),
  INSUFFICIENT_SCOPE: ({ host, repository, detail }) =>
    failure(
      `${host} knows the credential but does not let it ${repository === null ? 'use the registry' : `pull ${repository}`}.${said(detail)}`,
      'Give the user or token the right to pull there, or use another credential.',
    ),
  UPSTREAM_FORBIDDEN: ({ host, status, detail }) =>
    retry(
      `${host} turned this server away with HTTP ${status}, before the credential mattered.${said(detail)}`,
      'Look for a firewall, an IP allow-list or bot protection in front of it and let this server through.',
    ),
  RATE_LIMITED: ({ host, detail }) =>
    retry(`${host} limits how often it may be asked.${said(detail)}`, 'Wait until retryAfter, then check again.'),
  LOCKED_OUT: ({ host, detail }) =>
    failure(
      `${host} blocks logins for a while because of earlier failed ones.${said(detail)}`,
      'Do not try again before retryAfter; correct the password first.',
    ),
  DNS_FAILURE: ({ host, retryable }) =>
    retryable
      ? retry(
          `The name service did not answer for ${host}.`,
          'Check again later; if it stays, check the DNS settings of the machine that runs Regway.',
        )
      : failure(
          `The name ${host} does not exist, seen from this server.`,
          'Check the spelling, and whether this server uses the DNS that knows the name.',
        ),
  UNREACHABLE: ({ host }) =>
    retry(
      `Nothing accepts connections at ${host}.`,
      'Check the port, and that the registry runs and this server may reach it.',
    ),
  TIMEOUT: ({ host, reason }) =>
    retry(
      `${host} did not answer in time (${reason}).`,
      'Check that the registry is up and that no firewall drops the packets.',
    ),
  TLS_UNTRUSTED: ({ host, reason }) =>
    failure(
      `The certificate of ${host} is not signed by an authority that this server trusts (${reason}).`,
      'Add the issuing CA with REGWAY_CA_FILE, or pass secureConnection: false for this registry.',
    ),
  TLS_HOSTNAME: ({ host, certificateNames }) =>
    failure(
      `The certificate of ${host} is for ${certificateNames === '' ? 'other names' : certificateNames}, not for this host.`,
      'Use a name that the certificate holds, or pass secureConnection: false for this registry.',
    ),
  TLS_EXPIRED: ({ host, reason }) =>
    failure(
      `The certificate of ${host} ${reason}.`,
      'Renew the certificate, check the clock of this server, or pass secureConnection: false for this registry.',
    ),
  TLS_PROTOCOL: ({ host, reason }) =>
    failure(
      `No TLS connection to ${host} could be agreed on (${reason}).`,
      'Enable TLS 1.2 or 1.3 with a current cipher on the registry. No setting here accepts less.',
    ),
  PLAIN_HTTP: (facts) =>
    failure(
      `${facts.host} answers plain HTTP, not HTTPS; the password would cross the network readable.`,
      plainHttpHint(facts),
    ),
  CONNECTION_CLOSED: ({ host }) =>
    retry(
      `${host} closed the connection without an answer.`,
      'It may demand a client certificate, which Regway does not offer, or a proxy in between cuts the connection.',
    ),
  NOT_A_V2_REGISTRY: ({ host, reason }) =>
    failure(
      `There is no registry V2 API at ${host} (${reason}).`,
      'Check host and port; the API must answer at /v2/ of that host.',
    ),
  REDIRECTED: ({ host, otherHost }) =>
    failure(
      `${host} redirects to ${otherHost ?? 'another address'}; a credential never follows a redirect.`,
      otherHost === null
        ? 'Name the registry that the redirect leads to.'
        : `Name ${otherHost} as the registry instead, if that is the one you mean.`,
    ),
  UNSUPPORTED_CHALLENGE: ({ host, reason }) =>
    failure(
      `${host} asks for a login in a way that Regway does not speak (${reason}).`,
      'Only Basic and Bearer, the schemes of registries, are supported; enable one of them.',
    ),
  FORBIDDEN_REALM: describeForbiddenRealm,
  FORBIDDEN_ADDRESS: ({ host }) =>
    failure(
      `${host} leads to an address that this server may not contact.`,
      'Use the address of a registry. Loopback opens only when Regway itself listens on loopback alone; REGWAY_EGRESS_ALLOW and REGWAY_EGRESS_DENY narrow the rest.',
    ),
  TOKEN_ENDPOINT_ERROR: ({ host, reason, detail, retryable }) => ({
    message: `The token server ${host} gave no usable token (${reason}).${said(detail)}`,
    hint: retryable
      ? 'Check again later; if it stays, look at the log of the token server.'
      : 'Check the realm and service in the configuration of the registry.',
    retryable,
  }),
  UPSTREAM_ERROR: ({ host, reason, detail }) =>
    retry(
      `${host} failed (${reason}).${said(detail)}`,
      'Check again later; if it stays, look at the log of the registry.',
    ),
  RESPONSE_TOO_LARGE: ({ host }) =>
    failure(
      `${host} sent more than an answer of this kind can hold.`,
      'Check that host and port are those of a registry.',
    ),
  NATIVE_CREDENTIAL_ERROR: ({ reason }) =>
    failure(
      `A login of the type ${reason} is minted by its cloud first, and none was; nothing was sent.`,
      'Check the type of the registry, or use DOCKER_V2 with a user name and password that do not change.',
    ),
};

/** Says one outcome in words. */
export function describeOutcome(outcome: CheckedOutcome, facts: OutcomeFacts): Verdict {
  return outcomes[outcome](facts);
}

function success(message: string, hint: string | null): Verdict {
  return { message, hint, retryable: false };
}

function failure(message: string, hint: string): Verdict {
  return { message, hint, retryable: false };
}

function retry(message: string, hint: string): Verdict {
  return { message, hint, retryable: true };
}

function said(detail: UpstreamErrorCode | null): string {
  return detail === null ? '' : ` It gave the code ${detail}.`;
}

function plainHttpHint({ host, secureConnection, plainHttpPermitted }: OutcomeFacts): string {
  if (!secureConnection) {
    return `secureConnection is false, but plain HTTP also needs a loopback host or the operator's leave: add ${host} to REGWAY_PLAIN_HTTP_HOSTS, or put TLS in front of the registry.`;
  }
  if (plainHttpPermitted)
    return 'Pass secureConnection: false to speak plain HTTP to this host, or put TLS in front of the registry.';
  return `Put TLS in front of the registry; or add ${host} to REGWAY_PLAIN_HTTP_HOSTS and pass secureConnection: false.`;
}

function describeForbiddenRealm({ host, otherHost, realmRefusal }: OutcomeFacts): Verdict {
  if (realmRefusal === 'UNUSABLE') {
    return failure(
      `${host} names an unusable address as its token server; the password was not sent.`,
      'Correct the realm in the configuration of the registry: an https URL without user or fragment.',
    );
  }
  if (otherHost === null) {
    return failure(
      `${host} wants the password sent to an address that contains the password itself; it was not sent.`,
      'Look at the WWW-Authenticate header of the registry; if the password has leaked, replace it.',
    );
  }
  if (realmRefusal === 'PLAIN_HTTP') {
    return failure(
      `${host} wants the password sent to ${otherHost} without TLS; it was not sent.`,
      'Give the token server an https address. Plain HTTP passes only from a registry that is itself spoken to over plain HTTP, to a loopback host or one in REGWAY_PLAIN_HTTP_HOSTS.',
    );
  }
  return failure(
    `${host} wants the password sent to ${otherHost}, which you did not name; it was not sent.`,
    `If ${otherHost} is the token server of this registry, repeat the call with trustedRealm: "${otherHost}".`,
  );
}
