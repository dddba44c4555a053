// Redacts text of an upstream before it is shown: short, printable, and never with the credential in it.

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
