// Reads the time at which a server can be asked again.

/** The longest wait that is believed, in milliseconds: rate limits last hours, and a later date is a mistake. */
const maxRetryAfterMs = 24 * 60 * 60 * 1000;

/** Reads the value of Retry-After, seconds or a date (RFC 9110 §10.2.3), as epoch milliseconds; null if absent. Some servers send fractions of a second. */
export function parseRetryAfter(text: string, nowMs: number): number | null {
  const value = text.trim();
  const isSeconds = /^\d{1,9}(?:\.\d{1,9})?$/.test(value);
  // Only a date that begins with its weekday: Date.parse reads other texts, numbers included, as dates of long ago.
  const dateMs = /^[A-Za-z]{3,9},? /.test(value) ? Date.parse(value) : Number.NaN;
  const atMs = isSeconds ? nowMs + Math.ceil(Number(value) * 1000) : dateMs;
  return Number.isNaN(atMs) ? null : Math.min(Math.max(atMs, nowMs), nowMs + maxRetryAfterMs);
}
