// The one error of this module: an upstream, or the way to it, did something that has a name; and the table from network errors to it.

import { type CheckedOutcome, type OutcomeFacts, UpstreamFailure } from './failure.ts';

/** `code` of the error with which a connection to a forbidden address ends before it is made. */
export const forbiddenAddressCode = 'EGRESS_FORBIDDEN';

type Row = readonly [outcome: CheckedOutcome, facts?: Partial<OutcomeFacts>];

const untrusted = (reason: string): Row => ['TLS_UNTRUSTED', { reason }];
const timeout = (reason: string): Row => ['TIMEOUT', { reason }];
const broken = (reason: string): Row => ['UPSTREAM_ERROR', { reason }];

/** By `code`, never by message: Node's wording changes and gives advice of its own. */
const rows: Readonly<Record<string, Row>> = {
  [forbiddenAddressCode]: ['FORBIDDEN_ADDRESS'],
  ENOTFOUND: ['DNS_FAILURE', { retryable: false }],
  EAI_NONAME: ['DNS_FAILURE', { retryable: false }],
  EAI_NODATA: ['DNS_FAILURE', { retryable: false }],
  EAI_AGAIN: ['DNS_FAILURE', { retryable: true }],
  EAI_FAIL: ['DNS_FAILURE', { retryable: true }],
  ECONNREFUSED: ['UNREACHABLE'],
  EHOSTUNREACH: ['UNREACHABLE'],
  ENETUNREACH: ['UNREACHABLE'],
  EADDRNOTAVAIL: ['UNREACHABLE'],
  EAFNOSUPPORT: ['UNREACHABLE'],
  UND_ERR_CONNECT_TIMEOUT: timeout('connecting'),
  ETIMEDOUT: timeout('connecting'),
  UND_ERR_HEADERS_TIMEOUT: timeout('waiting for the answer'),
  UND_ERR_BODY_TIMEOUT: timeout('in the middle of the answer'),
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted('it is self-signed'),
  SELF_SIGNED_CERT_IN_CHAIN: untrusted('its root is unknown here'),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted('its issuer is unknown here'),
  UNABLE_TO_GET_ISSUER_CERT: untrusted('the chain is incomplete'),
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted('its issuer is unknown here'),
  CERT_UNTRUSTED: untrusted('its root is not trusted for servers'),
  CERT_REJECTED: untrusted('its root rejects this use'),
  CERT_REVOKED: untrusted('it was revoked'),
  CERT_SIGNATURE_FAILURE: untrusted('its signature is wrong'),
  UNSPECIFIED: untrusted('its chain does not verify'),
  INVALID_CA: untrusted('its issuer is no authority'),
  INVALID_PURPOSE: untrusted('it is not for servers'),
  PATH_LENGTH_EXCEEDED: untrusted('the chain is too long'),
  CERT_CHAIN_TOO_LONG: untrusted('the chain is too long'),
  CERT_HAS_EXPIRED: ['TLS_EXPIRED', { reason: 'has expired' }],
  CERT_NOT_YET_VALID: ['TLS_EXPIRED', { reason: 'is not valid yet' }],
  ERR_TLS_CERT_ALTNAME_INVALID: ['TLS_HOSTNAME'],
  ERR_SSL_WRONG_VERSION_NUMBER: ['PLAIN_HTTP'],
  ERR_SSL_HTTP_REQUEST: ['PLAIN_HTTP'],
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: ['CONNECTION_CLOSED'],
  ECONNRESET: ['CONNECTION_CLOSED'],
  EPIPE: ['CONNECTION_CLOSED'],
  UND_ERR_SOCKET: ['CONNECTION_CLOSED'],
  UND_ERR_RES_EXCEEDED_MAX_SIZE: ['RESPONSE_TOO_LARGE'],
  UND_ERR_HEADERS_OVERFLOW: ['RESPONSE_TOO_LARGE'],
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: broken('its answer ended early'),
};

/**
 * Names what went wrong on the way to `host`. Gives undefined for an error that no upstream can cause: a fault of ours, or a cancelled call.
 * @param host `host[:port]` that was contacted.
 */
export function failureOf(error: unknown, host: string): UpstreamFailure | undefined {
  if (error instanceof UpstreamFailure) return error;
  const row = rowOf(error);
  return row === undefined
    ? undefined
    : new UpstreamFailure(row[0], { host, ...row[1], ...certificateFacts(error) }, error);
}

/** Node's error for a wrong name carries the certificate, whose alternative names read `DNS:a.example, IP Address:10.0.0.1`. */
function certificateFacts(error: unknown): Partial<OutcomeFacts> {
  const names = (error as { cert?: { subjectaltname?: unknown } }).cert?.subjectaltname;
  return typeof names === 'string' ? { certificateNames: names.replaceAll(/(?:DNS|IP Address):/g, '') } : {};
}

function rowOf(error: unknown): Row | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error.name === 'TimeoutError') return timeout('the whole check');
  const known = codesOf(error)
    .map((code) => rows[code])
    .find((row) => row !== undefined);
  if (known !== undefined) return known;
  const [code = ''] = codesOf(error);
  // undici asserts what it reads: a status below 100 ends so.
  if (error.name === 'HTTPParserError' || code.startsWith('HPE_') || code === 'ERR_ASSERTION')
    return ['NOT_A_V2_REGISTRY', { reason: 'what answers there does not speak HTTP' }];
  if (code.startsWith('ERR_SSL_') || code === 'EPROTO') return ['TLS_PROTOCOL', { reason: 'the handshake failed' }];
  return isFault(error, code) ? undefined : broken(code);
}

/** An error that only our own code can cause, or that a cancelled call ends with. */
function isFault(error: Error, code: string): boolean {
  return (
    error.name === 'AbortError' ||
    !/^[A-Z][A-Z_\d]{0,63}$/.test(code) ||
    code.startsWith('ERR_') ||
    code === 'UND_ERR_INVALID_ARG'
  );
}

/** When every address of a name failed, Node wraps one error for each. */
function codesOf(error: Error): string[] {
  const all = error instanceof AggregateError ? [error, ...(error.errors as unknown[])] : [error];
  return all.flatMap((one) =>
    one instanceof Error && 'code' in one && typeof one.code === 'string' ? [one.code] : [],
  );
}
