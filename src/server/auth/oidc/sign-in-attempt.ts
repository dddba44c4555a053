// Keeps a sign-in attempt at an issuer in a signed cookie, which only Regway reads, and only once.

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createCookie } from '../../http/cookie.ts';

/** A sign-in that has started and waits for the issuer to send the browser back. */
export interface SignInAttempt {
  /** The `signIn.id` of the issuer. */
  readonly id: string;
  /** Binds the authorization response to this browser (RFC 6749 §10.12). */
  readonly state: string;
  /** Binds the ID token to this attempt (OpenID Connect Core §3.1.2.1). */
  readonly nonce: string;
  /** Proves to the issuer that the client that redeems the code is the one that requested it (RFC 7636). */
  readonly codeVerifier: string;
}

/** The attempts, each in the browser that started it. */
export interface SignInAttempts {
  /** Stores the attempt in the browser and replaces an earlier one. */
  write(response: ServerResponse, attempt: SignInAttempt): void;
  /** Returns the attempt and deletes it from the browser; undefined if it is absent, not signed by Regway, or expired. */
  take(request: IncomingMessage, response: ServerResponse): SignInAttempt | undefined;
}

/** The key and the settings of the cookie. */
export interface SignInAttemptOptions {
  /** The 32 bytes that sign the cookie; the same on every replica. */
  readonly key: Uint8Array;
  /** Whether browsers reach the server by HTTPS. */
  readonly isSecure: boolean;
  readonly now: () => Date;
}

/** In seconds. The user may need a second device to sign in. */
const attemptLifetimeSeconds = 10 * 60;

type Payload = readonly [expires: number, id: string, state: string, nonce: string, codeVerifier: string];

/** Creates the store of attempts. */
export function createSignInAttempts({ key, isSecure, now }: SignInAttemptOptions): SignInAttempts {
  const cookie = createCookie({
    name: 'regway-sign-in',
    isSecure,
    // The issuer sends the browser back from another site, and a Strict cookie would not be sent. It authenticates nothing by itself.
    sameSite: 'Lax',
    maxAgeSeconds: attemptLifetimeSeconds,
  });
  const sign = (body: string): Buffer => createHmac('sha256', key).update(`sign-in:${body}`).digest();
  const nowSeconds = (): number => Math.floor(now().getTime() / 1000);
  return {
    write(response, { id, state, nonce, codeVerifier }) {
      const payload: Payload = [nowSeconds() + attemptLifetimeSeconds, id, state, nonce, codeVerifier];
      const body = Buffer.from(JSON.stringify(payload)).toString('base64url');
      cookie.write(response, `${body}.${sign(body).toString('base64url')}`);
    },
    take(request, response) {
      cookie.clear(response);
      const [, body, signature] = /^([\w-]{1,2048})\.([\w-]{43})$/.exec(cookie.read(request) ?? '') ?? [];
      if (
        body === undefined ||
        signature === undefined ||
        !timingSafeEqual(Buffer.from(signature, 'base64url'), sign(body))
      )
        return undefined;
      // The signature is valid, so `write` wrote the payload.
      const [expires, id, state, nonce, codeVerifier] = JSON.parse(
        Buffer.from(body, 'base64url').toString('utf8'),
      ) as Payload;
      return expires > nowSeconds() ? { id, state, nonce, codeVerifier } : undefined;
    },
  };
}
