// Decides what of an upstream's text a person may see: little, printable, and never anything that holds the credential.

import type { Credential } from '../../core/ports.ts';
import type { UpstreamAnswer } from '../transport/client.ts';

/** Gives the text fit to show, or null when it holds the credential in any of its usual forms. */
export type SafeText = (text: string) => string | null;

/** Enough for a host name, or for some. */
const maxShownLength = 200;

/**
 * Builds the filter for one credential: hosts that an upstream names are shown, and a hostile one puts there what it was sent.
 * @param credential Undefined when the upstream was never sent one.
 */
export function createSafeText(credential: Credential | undefined): SafeText {
  const forms = credential === undefined ? [] : secretsOf(credential).filter((value) => value !== '').flatMap(formsOf);
  return (text) => {
    const printable = text.replaceAll(/[^\u0020-\u007e]+/g, ' ');
    // Judged whole, before it is cut: a cut must not leave half a password.
    const seen = [text, printable].map((one) => one.toLowerCase());
    if (forms.some((form) => seen.some((one) => one.includes(form)))) return null;
    return printable.slice(0, maxShownLength);
  };
}

/** The specification's list, and the codes for rate limits and quotas that Docker Hub and others add. */
const errorCodes = [
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

/**
 * The code of an error answer (distribution-spec "Error Codes"), or null. Nothing else of a body is ever shown or stored: its message
 * may hold the password that was just sent, in a form that no filter knows.
 */
export function upstreamErrorCode(answer: UpstreamAnswer): UpstreamErrorCode | null {
  const errors = jsonBody(answer)?.['errors'];
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined;
  return (isRecord(first) && errorCodes.find((code) => code === first['code'])) || null;
}

/** The body as a JSON object, or undefined: truncated, compressed, or something else. The Content-Type is not believed. */
export function jsonBody(answer: UpstreamAnswer): Record<string, unknown> | undefined {
  if (answer.isTruncated || isEncoded(answer)) return undefined;
  try {
    const value: unknown = JSON.parse(answer.body.toString('utf8'));
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Whether the body is compressed although identity was asked for. */
export function isEncoded(answer: UpstreamAnswer): boolean {
  const encoding = firstHeader(answer, 'content-encoding') ?? 'identity';
  return encoding.trim().toLowerCase() !== 'identity';
}

/** The first value of a header. */
export function firstHeader(answer: UpstreamAnswer, name: string): string | undefined {
  const value = answer.headers[name];
  return typeof value === 'string' ? value : value?.[0];
}

function secretsOf({ username, password }: Credential): string[] {
  return [password.reveal(), `${username}:${password.reveal()}`];
}

function formsOf(value: string): string[] {
  const bytes = Buffer.from(value, 'utf8');
  const base64 = bytes.toString('base64').replace(/=+$/, '');
  const json = JSON.stringify(value).slice(1, -1);
  const forms = [value, base64, bytes.toString('base64url'), bytes.toString('hex'), encodeURIComponent(value.toWellFormed()), json];
  return forms.map((form) => form.toLowerCase());
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
