// Keeps a sign-in attempt at an issuer in a signed cookie, which only this server reads, and only once.

import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createCookie } from '../../http/cookie.ts';

export interface SignInAttempt {
  /** The `signIn.id` of the issuer. */
  readonly id: string;
  /** Binds the answer to this browser (RFC 6749 §10.12). */
  readonly state: string;
  /** Binds the ID token to this attempt (OpenID Connect Core §3.1.2.1). */
  readonly nonce: string;
  /** Shows the issuer that the code is redeemed by whom it was given to (RFC 7636). */
  readonly codeVerifier: string;
}

export interface SignInAttempts {
  /** Gives the attempt to the browser, in place of another that it may have had. */
  write(response: ServerResponse, attempt: SignInAttempt): void;
  /** Takes it back. Undefined when there is none, it is not ours, or it is too old. */
  take(request: IncomingMessage, response: ServerResponse): SignInAttempt | undefined;
}

export interface SignInAttemptOptions {
  /** 32 bytes; the same on every replica. */
  readonly key: Uint8Array;
  /** Whether browsers reach the server by https. */
  readonly isSecure: boolean;
  readonly now: () => Date;
}

/** A person may have to find a telephone first. */
export const attemptLifetimeSeconds = 10 * 60;

type Content = readonly [expires: number, id: string, state: string, nonce: string, codeVerifier: string];

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
      const content: Content = [nowSeconds() + attemptLifetimeSeconds, id, state, nonce, codeVerifier];
      const body = Buffer.from(JSON.stringify(content)).toString('base64url');
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
      // Signed, so it is what `write` wrote.
      const [expires, id, state, nonce, codeVerifier] = JSON.parse(
        Buffer.from(body, 'base64url').toString('utf8'),
      ) as Content;
      return expires > nowSeconds() ? { id, state, nonce, codeVerifier } : undefined;
    },
  };
}
