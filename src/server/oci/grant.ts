// Issues and reads grants: short-lived, signed permissions to pull, which clients use instead of the API token. Regway's own format, because a grant
// is read only by the server that issued it and its replicas.

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Login, Role } from '../../core/authz/principal.ts';

/** A short-lived permission to pull. */
export interface Grant {
  /** The login for which it was issued. It must still be valid at every use. */
  readonly login: Login;
  /** The canonical `host/repository` of each image that it allows, and the host of each catalog. If empty, it allows only `/v2/`. */
  readonly images: readonly string[];
  readonly expiresAt: Date;
}

/** Issues and reads the grants of this installation. */
export interface Grants {
  /** Issues a grant for 300 seconds, or until its login expires if that is sooner. @param images As in `Grant`. */
  issue(login: Login, images: readonly string[]): { readonly token: string; readonly lifetimeSeconds: number };
  /** Returns the grant, or undefined if the server did not issue the text, it was changed, or it has expired. */
  read(text: string): Grant | undefined;
}

/** In seconds. A pull of many large layers takes minutes, and clients fetch a new grant when one expires. */
const maxLifetimeSeconds = 300;

/** Subject, account, role, expiry of the login and of the grant in seconds since 1970, images. */
type Payload = [string, string, Role, number | null, number, ...string[]];

const prefix = 'rgg_';
const pattern = /^rgg_([A-Za-z0-9_-]{1,8192})\.([A-Za-z0-9_-]{43})$/;

/** Creates the issuer. @param key 32 bytes that only the servers of this installation know. */
export function createGrants(key: Uint8Array, now: () => Date): Grants {
  const sign = (body: string) =>
    createHmac('sha256', key)
      .update(prefix + body)
      .digest();
  return {
    issue({ subject, account, role, expiresAt }, images) {
      const nowSeconds = Math.floor(now().getTime() / 1000);
      const loginExpires = expiresAt === null ? null : Math.floor(expiresAt.getTime() / 1000);
      const expires = Math.min(nowSeconds + maxLifetimeSeconds, loginExpires ?? Infinity);
      const payload: Payload = [subject, account, role, loginExpires, expires, ...images];
      const body = Buffer.from(JSON.stringify(payload)).toString('base64url');
      return {
        token: `${prefix}${body}.${sign(body).toString('base64url')}`,
        lifetimeSeconds: Math.max(0, expires - nowSeconds),
      };
    },
    read(text) {
      const [, body, signature] = pattern.exec(text) ?? [];
      if (body === undefined || signature === undefined) return undefined;
      if (!timingSafeEqual(Buffer.from(signature, 'base64url'), sign(body))) return undefined;
      // The signature is valid, so `issue` wrote the payload.
      const [subject, account, role, loginExpires, expires, ...images] = JSON.parse(
        Buffer.from(body, 'base64url').toString('utf8'),
      ) as Payload;
      const login = { subject, account, role, expiresAt: loginExpires === null ? null : new Date(loginExpires * 1000) };
      const expiresAt = new Date(expires * 1000);
      return expiresAt > now() ? { login, images, expiresAt } : undefined;
    },
  };
}

/** Whether a text has the form of a grant, valid or not. */
export function looksLikeGrant(text: string): boolean {
  return text.startsWith(prefix);
}
