// Decides what of an upstream's text a person may see: little, printable, and never anything that holds the credential.

import type { Credential } from '../core/ports.ts';
import type { UpstreamAnswer } from './client.ts';

/** Gives the text fit to show, or null when it holds the credential in any of its usual forms. */
export type SafeText = (text: string) => string | null;

/** Enough for the sentence that a registry's error carries. */
const maxShownLength = 200;

/**
 * Builds the filter for one credential: a hostile upstream sends back what it was sent, or what it was sent last time.
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

/** The first error of an OCI error answer (distribution-spec "Error Codes"). */
export interface OciError {
  readonly code: string | null;
  readonly message: string | null;
}

/** What an error answer says, made safe; undefined when it is no OCI error. Nothing else of a body is ever shown. */
export function ociError(answer: UpstreamAnswer, safeText: SafeText): OciError | undefined {
  const [first] = errorsOf(answer);
  if (!isRecord(first)) return undefined;
  const code = typeof first['code'] === 'string' && /^[A-Z_]{1,64}$/.test(first['code']) ? safeText(first['code']) : null;
  return { code, message: typeof first['message'] === 'string' ? safeText(first['message']) : null };
}

/** The same as one sentence, or null. */
export function upstreamDetail(answer: UpstreamAnswer, safeText: SafeText): string | null {
  const { code = null, message = null } = ociError(answer, safeText) ?? {};
  const shown = [code, message].filter((part) => part !== null && part.trim() !== '');
  return shown.length === 0 ? null : `"${shown.join(': ')}".`;
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

function errorsOf(answer: UpstreamAnswer): unknown[] {
  const errors = jsonBody(answer)?.['errors'];
  return Array.isArray(errors) ? errors : [];
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
