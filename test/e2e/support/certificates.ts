// A private certificate authority, made with openssl for one run, and the certificates that it signs.

import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface KeyPair {
  readonly certificateFile: string;
  readonly keyFile: string;
}

export interface CertificateAuthority {
  /** PEM, for `REGWAY_CA_FILE`. */
  readonly certificateFile: string;
  /** A folder with the certificate as `*.crt`, for skopeo. */
  readonly certificateDirectory: string;
  /** A server certificate for one IP address. */
  issue(address: string): KeyPair;
}

/** Makes an authority that lives in the folder. */
export function createCertificateAuthority(directory: string): CertificateAuthority {
  const root = selfSigned(directory, 'authority', ['-addext', 'basicConstraints=critical,CA:TRUE']);
  const certificateDirectory = join(directory, 'trust');
  mkdirSync(certificateDirectory);
  copyFileSync(root.certificateFile, join(certificateDirectory, 'authority.crt'));
  return {
    certificateFile: root.certificateFile,
    certificateDirectory,
    issue: (address) =>
      selfSigned(directory, address, [
        '-CA',
        root.certificateFile,
        '-CAkey',
        root.keyFile,
        '-addext',
        `subjectAltName=IP:${address}`,
        '-addext',
        'basicConstraints=critical,CA:FALSE',
      ]),
  };
}

/** Creates an RSA key and a self-signed certificate, for signing registry tokens. */
export function selfSigned(directory: string, name: string, extra: readonly string[] = []): KeyPair {
  const pair = { certificateFile: join(directory, `${name}.pem`), keyFile: join(directory, `${name}.key`) };
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-subj',
      `/CN=${name}`,
      '-keyout',
      pair.keyFile,
      '-out',
      pair.certificateFile,
      ...extra,
    ],
    { stdio: 'pipe' },
  );
  return pair;
}

/** Reads the contents, for node:https. */
export function readKeyPair(pair: KeyPair): { cert: string; key: string } {
  return { cert: readFileSync(pair.certificateFile, 'utf8'), key: readFileSync(pair.keyFile, 'utf8') };
}
