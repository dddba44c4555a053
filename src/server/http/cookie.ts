// Reads one cookie of a request. RFC 6265 §5.4.

import type { IncomingMessage } from 'node:http';

/** Two cookies of the name have no meaning that both ends agree on, so then there is none; nor is an empty one. */
export function readCookie({ headers }: IncomingMessage, name: string): string | undefined {
  const pairs = (headers.cookie ?? '').split(';').map((pair) => pair.trim());
  const values = pairs.filter((pair) => pair.startsWith(`${name}=`)).map((pair) => pair.slice(name.length + 1));
  return values.length === 1 && values[0] !== '' ? values[0] : undefined;
}
