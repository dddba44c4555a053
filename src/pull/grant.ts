// Grants: short-lived, signed permits to pull, which the token endpoint hands to clients in place of the API token behind them.

import { createHmac, timingSafeEqual } from 'node:crypto';

export interface Grant {
  /** Id of the API token that it stands for, which must still be in force at every use. */
  readonly tokenId: string;
  /** `host/repository`, canonical, of what may be pulled with it. Nothing but `/v2/` when empty. */
  readonly images: readonly string[];
  readonly expiresAt: Date;
}

export interface Grants {
  /** Seconds that a grant lives. */
  readonly lifetimeSeconds: number;
  issue(tokenId: string, images: readonly string[]): string;
  /** The grant, or undefined when the text is none of ours, was changed, or has expired. */
  read(text: string): Grant | undefined;
}

/** A pull of many large layers takes minutes, and clients fetch a new grant when one ends. */
const lifetimeSeconds = 300;

const prefix = 'rgg_';
const pattern = /^rgg_([A-Za-z0-9_-]{1,8192})\.([A-Za-z0-9_-]{43})$/;

/** @param key 32 bytes that only servers of this installation know. */
export function createGrants(key: Uint8Array, now: () => Date): Grants {
  const sign = (body: string) => createHmac('sha256', key).update(prefix + body).digest();
  return {
    lifetimeSeconds,
    issue(tokenId, images) {
      const expires = Math.floor(now().getTime() / 1000) + lifetimeSeconds;
      const body = Buffer.from(JSON.stringify([tokenId, expires, ...images])).toString('base64url');
      return `${prefix}${body}.${sign(body).toString('base64url')}`;
    },
    read(text) {
      const [, body, signature] = pattern.exec(text) ?? [];
      if (body === undefined || signature === undefined) return undefined;
      if (!timingSafeEqual(Buffer.from(signature, 'base64url'), sign(body))) return undefined;
      const [tokenId, expires, ...images] = JSON.parse(Buffer.from(body, 'base64url').toString('utf8')) as [string, number, ...string[]];
      const expiresAt = new Date(expires * 1000);
      return expiresAt > now() ? { tokenId, images, expiresAt } : undefined;
    },
  };
}

/** Whether a text means to be a grant. */
export function looksLikeGrant(text: string): boolean {
  return text.startsWith(prefix);
}
