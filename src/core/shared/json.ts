// Parses JSON texts (RFC 8259) without repeating them, and distinguishes JSON objects from other values.

/** Returns whether a value is an object with named members: not an array, not null. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Parses a JSON text, or returns undefined if it is not valid. Never throws: the parser's own message repeats a piece of
 * the text, which may be a secret. Ignores a leading byte order mark (RFC 8259 §8.1).
 */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text.charCodeAt(0) === byteOrderMark ? text.slice(1) : text);
  } catch {
    return undefined;
  }
}

const byteOrderMark = 0xfe_ff;
