// Defines UpstreamFailure, the one error of `upstream/`: an outcome of a closed list, and the facts that its message needs.

import type { Advice } from '../../core/registry/advice.ts';
import type { ValidationOutcome } from '../../core/registry/report.ts';

/** A failure of an upstream, or of the network on the way to it. Contains no secret. */
export class UpstreamFailure extends Error {
  override readonly name = 'UpstreamFailure';
  readonly outcome: CheckedOutcome;
  readonly facts: Partial<OutcomeFacts>;

  constructor(outcome: CheckedOutcome, facts: Partial<OutcomeFacts>, cause?: unknown) {
    super(outcome, cause === undefined ? undefined : { cause });
    this.outcome = outcome;
    this.facts = facts;
  }
}

/** The observations about a failure. Text from an upstream is redacted (`Redactor`) before it enters, with one exception. */
export interface OutcomeFacts {
  /** `host[:port]` that the outcome is about: the registry, or its token server. */
  readonly host: string;
  readonly username: string;
  readonly repository: string | null;
  /** The proof of the credential, as text. */
  readonly proof: string;
  readonly status: number;
  /** The upstream's own error code, one of the specification's. */
  readonly detail: UpstreamErrorCode | null;
  /** A word or clause that completes the message. */
  readonly reason: string;
  /** Host that a redirect or a challenge points to; null if it must not be shown. */
  readonly otherHost: string | null;
  /** That host in the form that an input accepts; null if naming it cannot help. */
  readonly usableHost: string | null;
  /** Whether `host` is the registry itself, whose record decides about TLS, and not its token server or storage. */
  readonly isRegistry: boolean;
  /** Whether trusting another CA can make the certificate valid. */
  readonly isCaMissing: boolean;
  /** The pattern below which a repository can be named to verify the credential; null for the whole host, undefined if none can be named. */
  readonly probePattern: string | null | undefined;
  readonly realmRefusal: RealmRefusal;
  readonly addressRefusal: AddressRefusal;
  /** Whether no connection was made to an address that only its own network reaches. */
  readonly isPrivate: boolean;
  /** How the response violates HTTP/1.1; null if it does not. */
  readonly protocolFault: ProtocolFault | null;
  readonly retryable: boolean;
  /** Epoch milliseconds. */
  readonly retryAfter: number | null;
  readonly secureConnection: boolean;
  /** Whether the operator's settings permit plain HTTP to the host. */
  readonly plainHttpPermitted: boolean;
  /** What to do about white space at the ends of the username and the password, as a password from a file has it. */
  readonly spaces: readonly Advice[];
  /** Names in a certificate, as it spells them. The exception: a failure contains them raw, and its reader redacts them. */
  readonly certificateNames: string;
}

/** Facts for outcomes that need only those named explicitly. */
export const noFacts = {
  proof: '',
  status: 0,
  detail: null,
  reason: '',
  otherHost: null,
  usableHost: null,
  isRegistry: true,
  isCaMissing: true,
  probePattern: undefined,
  realmRefusal: 'UNUSABLE',
  addressRefusal: 'POLICY',
  isPrivate: false,
  protocolFault: null,
  retryable: false,
  retryAfter: null,
  secureConnection: true,
  plainHttpPermitted: false,
  spaces: [],
  certificateNames: '',
} as const;

/** Every outcome that a check can have. */
export type CheckedOutcome = Exclude<ValidationOutcome, 'SKIPPED'>;

/** The error codes of the distribution-spec ("Error Codes"), and those that Docker Hub and others add for rate limits and quotas. */
export const errorCodes = [
  'BLOB_UNKNOWN',
  'DENIED',
  'DIGEST_INVALID',
  'MANIFEST_BLOB_UNKNOWN',
  'MANIFEST_INVALID',
  'MANIFEST_UNKNOWN',
  'NAME_INVALID',
  'NAME_UNKNOWN',
  'SIZE_INVALID',
  'TAG_INVALID',
  'TOOMANYREQUESTS',
  'UNAUTHORIZED',
  'UNAVAILABLE',
  'UNKNOWN',
  'UNSUPPORTED',
] as const;
export type UpstreamErrorCode = (typeof errorCodes)[number];

/** Violations of HTTP/1.1 by a server that uses HTTP. */
export type ProtocolFault = 'HTTP2_ONLY' | 'AMBIGUOUS_LENGTH' | 'INVALID_HEADER';

/** Why a realm must not receive the credential. */
export type RealmRefusal = 'UNUSABLE' | 'PLAIN_HTTP' | 'OTHER_HOST';

/** Why an address must not be contacted: by the egress policy, because it is this server itself, or because a redirect leads into a private network. */
export type AddressRefusal = 'POLICY' | 'OWN' | 'PRIVATE_REDIRECT';
