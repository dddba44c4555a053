// Redacts text of an upstream before it is shown: short, printable, and never with the credential in it.

import type { Secret } from '../../core/shared/secret.ts';
import type { Credential } from '../../core/validation/validator.ts';

/** Returns the text that may be shown, or null if it contains the credential in any of its usual forms. */
export type Redactor = (text: string) => string | null;

/** Characters; enough for a few host names. */
const maxShownLength = 200;

/**
 * Creates the redactor of one credential. Hosts that an upstream names are shown, and a hostile upstream can put the password there.
 * @param credential Undefined if the upstream was never sent one.
 */
export function createRedactor(credential: Credential | undefined): Redactor {
  const forms =
    credential === undefined
      ? []
      : secretsOf(credential)
          .filter((value) => value !== '')
          .flatMap(formsOf);
  return (text) => {
    const printable = text.replaceAll(/[^\u0020-\u007e]+/g, ' ');
    // Checked whole, before it is cut: a cut must not leave half a password.
    const seen = [text, printable].map((one) => one.toLowerCase());
    if (forms.some((form) => seen.some((one) => one.includes(form)))) return null;
    return printable.slice(0, maxShownLength);
  };
}

function secretsOf({ username, password }: Credential): string[] {
  return [password.reveal(), `${username}:${password.reveal()}`];
}

function formsOf(value: string): string[] {
  const bytes = Buffer.from(value, 'utf8');
  const base64 = bytes.toString('base64').replace(/=+$/, '');
  const json = JSON.stringify(value).slice(1, -1);
  const forms = [
    value,
    base64,
    bytes.toString('base64url'),
    bytes.toString('hex'),
    encodeURIComponent(value.toWellFormed()),
    json,
  ];
  return forms.map((form) => form.toLowerCase());
}

/** Characters below which a password or a token is too common a text to be looked for on its own: headers without it would be taken for its echo. */
const minSoughtLength = 6;

/** What registries and their storage say to everybody, in lower case. A password such as `docker` is a part of it, and looked for in other forms alone. */
const saidToAll = [
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.container.image.v1+json',
  'application/vnd.docker.image.rootfs.diff.tar.gzip',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.layer.v1.tar+gzip',
  'application/octet-stream',
  'application/json; charset=utf-8',
  'https://registry-storage.amazonaws.com/docker/registry/v2/repositories/blobs/sha256/data',
  '/v2/library/manifests/latest',
];

const echoForms = new WeakMap<Secret, readonly string[]>();

/**
 * Returns whether a text repeats what an upstream was sent: the token, or the username and the password, each in its usual forms.
 * @param sent The value of the Authorization header; undefined if nothing was sent.
 */
export function repeats(sent: Secret | undefined, text: string): boolean {
  if (sent === undefined) return false;
  const forms = echoForms.get(sent) ?? soughtIn(sent.reveal());
  echoForms.set(sent, forms);
  const lower = text.toLowerCase();
  return forms.some((form) => lower.includes(form));
}

function soughtIn(authorization: string): string[] {
  const [, scheme = '', value = ''] = /^(\S+) +(.*)$/.exec(authorization) ?? [];
  if (scheme.toLowerCase() !== 'basic') return soughtFormsOf(value);
  const login = Buffer.from(value, 'base64').toString('utf8');
  return [...formsOf(login), ...soughtFormsOf(login.slice(login.indexOf(':') + 1))];
}

function soughtFormsOf(secret: string): string[] {
  if (secret.length < minSoughtLength) return [];
  return formsOf(secret).filter((form) => !saidToAll.some((text) => text.includes(form)));
}
