// Creates the trust of every verified connection: the system's certificates and the operator's.

import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';

/**
 * Creates a context that verifies certificates, with TLS 1.2 or later. Create it once, because it parses every root certificate.
 * @param extraCa PEM certificates that are trusted in addition to the system's, or undefined.
 */
export function createTrust(extraCa: string | undefined): SecureContext {
  const anchors = extraCa === undefined ? {} : { ca: [...getCACertificates('default'), extraCa] };
  return createSecureContext({ ...anchors, minVersion: 'TLSv1.2' });
}
