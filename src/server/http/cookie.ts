// Reads and writes cookies that only the server uses (RFC 6265).

import type { IncomingMessage, ServerResponse } from 'node:http';

/** The attributes of a cookie. */
export interface CookieOptions {
  /** The name without the prefix `__Host-`. */
  readonly name: string;
  /** Whether browsers reach the server by HTTPS. The cookie is then never sent without it. */
  readonly isSecure: boolean;
  readonly sameSite: 'Strict' | 'Lax';
  /** Undefined for a cookie that expires with the browser's session. */
  readonly maxAgeSeconds?: number;
}

/** One cookie. */
export interface Cookie {
  /** Returns the value, or undefined if it is absent, empty, or sent twice, which is ambiguous (RFC 6265 §5.4). */
  read(request: IncomingMessage): string | undefined;
  /** Stores a value in the browser. */
  write(response: ServerResponse, value: string): void;
  /** Deletes the cookie in the browser. */
  clear(response: ServerResponse): void;
}

/** Creates the reader and writer of one cookie, which no script can read and which is sent to every path. */
export function createCookie({ name: baseName, isSecure, sameSite, maxAgeSeconds }: CookieOptions): Cookie {
  // A neighboring subdomain cannot set a `__Host-` cookie (RFC 6265bis §4.1.3.2), which requires HTTPS.
  const name = isSecure ? `__Host-${baseName}` : baseName;
  const attributes = `; Path=/; HttpOnly; SameSite=${sameSite}${isSecure ? '; Secure' : ''}`;
  const lifetime = maxAgeSeconds === undefined ? '' : `; Max-Age=${maxAgeSeconds}`;
  return {
    read({ headers }) {
      const pairs = (headers.cookie ?? '').split(';').map((pair) => pair.trim());
      const values = pairs.filter((pair) => pair.startsWith(`${name}=`)).map((pair) => pair.slice(name.length + 1));
      return values.length === 1 && values[0] !== '' ? values[0] : undefined;
    },
    write: (response, value) => void response.appendHeader('Set-Cookie', `${name}=${value}${attributes}${lifetime}`),
    clear: (response) => void response.appendHeader('Set-Cookie', `${name}=${attributes}; Max-Age=0`),
  };
}
