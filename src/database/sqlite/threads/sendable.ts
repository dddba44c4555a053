// Makes values cheap to send to another thread: a view of bytes is copied, because else the whole buffer behind it would be.

/** Returns plain data as it is, with a copy of every small view of a larger buffer in it. Looks into plain objects and lists alone. */
export function sendable(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return value.byteLength === value.buffer.byteLength ? value : new Uint8Array(value);
  if (Array.isArray(value)) return value.some(isView) || value.some(isPlain) ? value.map(sendable) : value;
  if (!isPlain(value)) return value;
  for (const member of Object.values(value)) {
    if (typeof member === 'object' && member !== null && !(member instanceof Date))
      return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, sendable(each)]));
  }
  return value;
}

function isView(value: unknown): boolean {
  return value instanceof Uint8Array;
}

function isPlain(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
