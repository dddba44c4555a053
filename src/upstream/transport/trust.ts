// Creates the trust of every verified connection: the system's certificates and the operator's.

import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';

/** The last context. All clients of a server trust the same certificates, and parsing every root certificate takes 10 ms. */
let last: { readonly extraCa: string | undefined; readonly context: SecureContext } | undefined;

/**
 * Returns a context that verifies certificates, with TLS 1.2 or later. Clients with the same certificates share it.
 * @param extraCa PEM certificates that are trusted in addition to the system's, or undefined.
 */
export function createTrust(extraCa: string | undefined): SecureContext {
  if (last === undefined || last.extraCa !== extraCa) {
    // The operator can name the CA that issued a certificate without knowing the root above it.
    const anchors =
      extraCa === undefined ? {} : { ca: [...getCACertificates('default'), extraCa], allowPartialTrustChain: true };
    last = { extraCa, context: createSecureContext({ ...anchors, minVersion: 'TLSv1.2' }) };
  }
  return last.context;
}
