// Issues and reads grants: short-lived, signed permits to pull, which clients get in place of the token behind them.

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Login, Role } from '../../core/authz/principal.ts';

export interface Grant {
  /** The login that it was issued for, which must still be valid at every use. */
  readonly login: Login;
  /** `host/repository`, canonical, of what may be pulled with it. Nothing but `/v2/` when empty. */
  readonly images: readonly string[];
  readonly expiresAt: Date;
}

export interface Grants {
  /** A grant ends with the login that it is given for, or sooner. */
  issue(login: Login, images: readonly string[]): { readonly token: string; readonly lifetimeSeconds: number };
  /** Returns the grant, or undefined if the server did not issue the text, it was changed, or it has expired. */
  read(text: string): Grant | undefined;
}

/** A pull of many large layers takes minutes, and clients fetch a new grant when one ends. */
const maxLifetimeSeconds = 300;

/** Subject, account, role, end of the login and of the grant in seconds since 1970, images. */
type Content = [string, string, Role, number | null, number, ...string[]];

const prefix = 'rgg_';
const pattern = /^rgg_([A-Za-z0-9_-]{1,8192})\.([A-Za-z0-9_-]{43})$/;

/** @param key 32 bytes that only servers of this installation know. */
export function createGrants(key: Uint8Array, now: () => Date): Grants {
  const sign = (body: string) =>
    createHmac('sha256', key)
      .update(prefix + body)
      .digest();
  return {
    issue({ subject, account, role, expiresAt }, images) {
      const nowSeconds = Math.floor(now().getTime() / 1000);
      const loginEnds = expiresAt === null ? null : Math.floor(expiresAt.getTime() / 1000);
      const expires = Math.min(nowSeconds + maxLifetimeSeconds, loginEnds ?? Infinity);
      const content: Content = [subject, account, role, loginEnds, expires, ...images];
      const body = Buffer.from(JSON.stringify(content)).toString('base64url');
      return {
        token: `${prefix}${body}.${sign(body).toString('base64url')}`,
        lifetimeSeconds: Math.max(0, expires - nowSeconds),
      };
    },
    read(text) {
      const [, body, signature] = pattern.exec(text) ?? [];
      if (body === undefined || signature === undefined) return undefined;
      if (!timingSafeEqual(Buffer.from(signature, 'base64url'), sign(body))) return undefined;
      // Signed, so it is what `issue` wrote.
      const [subject, account, role, loginEnds, expires, ...images] = JSON.parse(
        Buffer.from(body, 'base64url').toString('utf8'),
      ) as Content;
      const login = { subject, account, role, expiresAt: loginEnds === null ? null : new Date(loginEnds * 1000) };
      const expiresAt = new Date(expires * 1000);
      return expiresAt > now() ? { login, images, expiresAt } : undefined;
    },
  };
}

/** Whether a text means to be a grant. */
export function looksLikeGrant(text: string): boolean {
  return text.startsWith(prefix);
}
