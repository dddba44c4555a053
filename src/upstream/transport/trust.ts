// Trust anchors: the system's, the operator's, one registry's; client certificates.

import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';

/**
 * The trust of verified connections, built once since it parses every root certificate.
 * @param extraCa PEM certificates that are trusted beside the system's, or undefined.
 */
export function createTrust(extraCa: string | undefined): SecureContext {
  const anchors = extraCa === undefined ? {} : { ca: [...getCACertificates('default'), extraCa] };
  return createSecureContext({ ...anchors, minVersion: 'TLSv1.2' });
}
