// Maps the code of a socket, DNS, TLS, or HTTP error to an outcome.

import { type CheckedOutcome, type OutcomeFacts, type ProtocolFault, UpstreamFailure } from './failure.ts';

/** The `code` of the error that rejects a connection to a forbidden address before it is made. */
export const forbiddenAddressCode = 'EGRESS_FORBIDDEN';

/** The `code` of the error that rejects a connection to this server itself. */
export const ownAddressCode = 'OWN_ADDRESS';

/** The `code` of the error that rejects a redirect to an address that only its own network reaches. */
export const privateRedirectCode = 'PRIVATE_REDIRECT';

/** The `code` of the error for a reused connection that ended before a byte of the answer to its last request. */
export const staleConnectionCode = 'STALE_CONNECTION';

type Row = readonly [outcome: CheckedOutcome, facts?: Partial<OutcomeFacts>];

const untrusted = (reason: string): Row => ['TLS_UNTRUSTED', { reason }];
/** Faults of a certificate that no other CA makes good. */
const unusable = (reason: string): Row => ['TLS_UNTRUSTED', { reason, isCaMissing: false }];
const timeout = (reason: string): Row => ['TIMEOUT', { reason }];
const broken = (reason: string): Row => ['UPSTREAM_ERROR', { reason, retryable: true }];
const notHttp1 = (protocolFault: ProtocolFault): Row => ['UPSTREAM_ERROR', { protocolFault, retryable: false }];

/** Keyed by `code`, never by message, because Node's wording changes and contains advice of its own. */
const rows: Readonly<Record<string, Row>> = {
  [forbiddenAddressCode]: ['FORBIDDEN_ADDRESS'],
  [ownAddressCode]: ['FORBIDDEN_ADDRESS', { addressRefusal: 'OWN' }],
  [privateRedirectCode]: ['FORBIDDEN_ADDRESS', { addressRefusal: 'PRIVATE_REDIRECT' }],
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
  UND_ERR_HEADERS_TIMEOUT: timeout('waiting for the response'),
  UND_ERR_BODY_TIMEOUT: timeout('in the middle of the response'),
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted('it is self-signed'),
  SELF_SIGNED_CERT_IN_CHAIN: untrusted('its root CA is not trusted'),
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted('its issuer is not trusted'),
  UNABLE_TO_GET_ISSUER_CERT: untrusted('its chain is incomplete'),
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted('its issuer is not trusted'),
  CERT_UNTRUSTED: untrusted('its root CA is not trusted for servers'),
  CERT_REJECTED: unusable('its root CA rejects this use'),
  CERT_REVOKED: unusable('it was revoked'),
  CERT_SIGNATURE_FAILURE: unusable('its signature is invalid'),
  UNSPECIFIED: untrusted('its chain cannot be verified'),
  INVALID_CA: unusable('its issuer is not a CA'),
  INVALID_PURPOSE: unusable('it is not meant for servers'),
  PATH_LENGTH_EXCEEDED: unusable('its chain is too long'),
  CERT_CHAIN_TOO_LONG: unusable('its chain is too long'),
  CERT_HAS_EXPIRED: ['TLS_EXPIRED', { reason: 'has expired' }],
  CERT_NOT_YET_VALID: ['TLS_EXPIRED', { reason: 'is not valid yet' }],
  ERR_TLS_CERT_ALTNAME_INVALID: ['TLS_HOSTNAME'],
  ERR_SSL_WRONG_VERSION_NUMBER: ['PLAIN_HTTP'],
  ERR_SSL_HTTP_REQUEST: ['PLAIN_HTTP'],
  ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL: notHttp1('HTTP2_ONLY'),
  ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED: ['CONNECTION_CLOSED'],
  ECONNRESET: ['CONNECTION_CLOSED'],
  EPIPE: ['CONNECTION_CLOSED'],
  UND_ERR_SOCKET: ['CONNECTION_CLOSED'],
  [staleConnectionCode]: ['CONNECTION_CLOSED'],
  UND_ERR_RES_EXCEEDED_MAX_SIZE: ['RESPONSE_TOO_LARGE'],
  UND_ERR_HEADERS_OVERFLOW: ['RESPONSE_TOO_LARGE'],
  // The parser found the end elsewhere than undici: two lengths are read differently (RFC 9112 §6.3, §11.2).
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: notHttp1('AMBIGUOUS_LENGTH'),
};

/**
 * Returns the failure behind an error of a request to `host`, or undefined for an error that no upstream can cause: an internal error or a canceled call.
 * @param host `host[:port]` that was contacted.
 */
export function failureOf(error: unknown, host: string): UpstreamFailure | undefined {
  if (error instanceof UpstreamFailure) return error;
  const row = rowOf(error);
  return row === undefined
    ? undefined
    : new UpstreamFailure(
        row[0],
        { host, isPrivate: isPrivate(error), ...row[1], ...weakness(error), ...certificateFacts(error) },
        error,
      );
}

function isPrivate(error: unknown): boolean {
  return (error as { isPrivateAddress?: unknown }).isPrivateAddress === true;
}

/** Node has no code of its own for what OpenSSL's security level rejects; OpenSSL's sentence names it, and has been the same since 1.1. */
function weakness(error: unknown): Partial<OutcomeFacts> {
  const { code, message } = error as { code?: unknown; message?: unknown };
  if (code !== 'UNSPECIFIED' || typeof message !== 'string') return {};
  if (/\bkey too (?:weak|small)/i.test(message))
    return { reason: 'a key in its chain is too small', isCaMissing: false };
  return /\bdigest algorithm too weak/i.test(message)
    ? { reason: 'a signature in its chain is too weak', isCaMissing: false }
    : {};
}

/** Reads the names from Node's error for a wrong name, which has the certificate: `DNS:a.example, IP Address:10.0.0.1` (RFC 5280 §4.2.1.6). */
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
  const fault = protocolFaultOf(error);
  if (fault !== undefined) return notHttp1(fault);
  // undici asserts what it reads: a status below 100 ends so.
  if (error.name === 'HTTPParserError' || code.startsWith('HPE_') || code === 'ERR_ASSERTION')
    return ['NOT_A_V2_REGISTRY', { reason: 'the response is not HTTP' }];
  if (code.startsWith('ERR_SSL_') || code === 'EPROTO') return ['TLS_PROTOCOL', { reason: 'the handshake failed' }];
  return isInternal(error, code) ? undefined : broken(code);
}

/** The type of a SETTINGS frame. */
const settingsFrame = 4;

/** Tells what the parser stopped at. It reports no code, only a message of its own with its reason in parentheses, and the bytes. */
function protocolFaultOf(error: Error): ProtocolFault | undefined {
  if (error.name !== 'HTTPParserError') return undefined;
  const { message, data } = error as Error & { data?: unknown };
  // Every HTTP/2 server begins with this frame, of less than 64 KiB (RFC 9113 §3.4, §4.1).
  if (typeof data === 'string' && data.startsWith('\0\0') && data.charCodeAt(3) === settingsFrame) return 'HTTP2_ONLY';
  if (/\(.*(?:Content-Length|Transfer-Encoding).*\)$/.test(message)) return 'AMBIGUOUS_LENGTH';
  return /\(.*header.*\)$/i.test(message) ? 'INVALID_HEADER' : undefined;
}

/** Whether only Regway's own code or a canceled call can cause an error. */
function isInternal(error: Error, code: string): boolean {
  return (
    error.name === 'AbortError' ||
    !/^[A-Z][A-Z_\d]{0,63}$/.test(code) ||
    code.startsWith('ERR_') ||
    code === 'UND_ERR_INVALID_ARG'
  );
}

/** Returns the error's code, and those of the errors that Node wraps when every address of a name failed. */
function codesOf(error: Error): string[] {
  const all = error instanceof AggregateError ? [error, ...(error.errors as unknown[])] : [error];
  return all.flatMap((one) =>
    one instanceof Error && 'code' in one && typeof one.code === 'string' ? [one.code] : [],
  );
}
