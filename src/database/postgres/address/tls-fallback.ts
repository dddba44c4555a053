// Connects with TLS or without it, whichever the server takes, where sslmode is `prefer` or `allow`.

import type { Tls } from './tls.ts';

/** A pool of one host, or whatever else connects with changeable options. */
interface Connects<Client> {
  readonly options: object;
  connect(): Promise<Client>;
}

/**
 * Connects, and once more with `fallback` if the server offers no TLS or refuses this login with it or without it. What the server took is kept.
 * @param fallback undefined where nothing else may be tried.
 */
export async function connectWithFallback<Client>(pool: Connects<Client>, fallback: Tls | undefined): Promise<Client> {
  const options = pool.options as { ssl: Tls; host: string };
  if (fallback === undefined || options.host.startsWith('/') || options.ssl === fallback) return await pool.connect();
  const first = options.ssl;
  try {
    return await pool.connect();
  } catch (failure) {
    if (!isRefused(failure)) throw failure;
    options.ssl = fallback;
    try {
      return await pool.connect();
    } catch (error) {
      options.ssl = first;
      throw error;
    }
  }
}

/** Returns whether the server has no TLS, or has no entry for this login with TLS or without it (28000). */
function isRefused(error: unknown): boolean {
  return error instanceof Error && (isWithoutTls(error) || ('code' in error && error.code === '28000'));
}

/** Returns whether pg threw it because the server offers no TLS. pg has no code for it. */
export function isWithoutTls({ message }: Error): boolean {
  return message === 'The server does not support SSL connections';
}
