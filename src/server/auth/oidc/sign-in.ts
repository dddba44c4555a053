// Signs users in to the console at an issuer: authorization code with PKCE (OpenID Connect Core §3.1, RFC 7636, RFC 9700 §2.1).

import type { IncomingMessage, ServerResponse } from 'node:http';
import * as client from 'openid-client';
import type { Login, Principal } from '../../../core/authz/principal.ts';
import { codeOrNameOf } from '../../../core/shared/fault.ts';
import { Problem } from '../../../core/shared/problem.ts';
import type { Issuer, IssuerHttp, IssuerLog, IssuerMetadata } from './issuer.ts';
import type { SignInSettings } from './settings.ts';
import type { SignInAttempts } from './sign-in-attempt.ts';

/** Each issuer has its own start and callback below this path, so that responses of two issuers cannot be mixed up (RFC 9700 §4.4.2.2). */
const signInPath = '/session/oidc/';

/** The reasons why a sign-in fails; the console has a message for each. */
export type SignInFailure = 'cancelled' | 'expired' | 'unknown' | 'failed';

/** The issuers, settings, and ports of the sign-in. */
export interface SignInOptions {
  readonly issuers: readonly Issuer[];
  readonly attempts: SignInAttempts;
  /** Resolves the principal of an ID token, as `JwtLogins.loginById`. */
  readonly loginById: (issuer: Issuer, idToken: string) => Promise<Principal | undefined>;
  /** Opens a session of the console in the browser that made the request. */
  readonly openSession: (request: IncomingMessage, response: ServerResponse, login: Login) => void;
  /** The origin at which browsers reach Regway, without a slash at the end. No header of a request can change it. */
  readonly publicUrl: string;
  readonly http: IssuerHttp;
  readonly log: IssuerLog;
}

/** A sign-in method that the console offers. */
export interface SignInMethod {
  /** The name of the issuer on the button. */
  readonly name: string;
  /** The path at which a browser starts. */
  readonly path: string;
}

/** The routes of the sign-in. */
export interface SignIn {
  /** Returns whether a path belongs to a sign-in. */
  matches(path: string): boolean;
  /** Serves these paths. Redirects the browser only to the issuer or to the console's first page. */
  handle(request: IncomingMessage, response: ServerResponse, context: { readonly requestId: string }): Promise<void>;
}

/** Returns the sign-in methods of these issuers, in their order. */
export function signInMethods(issuers: readonly Issuer[]): SignInMethod[] {
  return issuers.flatMap(({ settings: { signIn } }) =>
    signIn === undefined ? [] : [{ name: signIn.name, path: `${signInPath}${signIn.id}` }],
  );
}

/** An issuer where browsers sign in. */
interface Provider {
  readonly issuer: Issuer;
  readonly signIn: SignInSettings;
  readonly redirectUri: string;
}

/** Creates the routes of the sign-in: `/session/oidc/<id>` starts, `/session/oidc/<id>/callback` finishes. */
export function createSignIn(options: SignInOptions): SignIn {
  const providers = options.issuers.flatMap((issuer): Provider[] => {
    const { signIn } = issuer.settings;
    return signIn === undefined
      ? []
      : [{ issuer, signIn, redirectUri: `${options.publicUrl}${signInPath}${signIn.id}/callback` }];
  });
  return {
    matches: (path) => path.startsWith(signInPath),
    async handle(request, response, { requestId }) {
      const [path = '', query = ''] = (request.url ?? '').split(/\?(.*)/s, 2);
      const [id, step, ...rest] = path.slice(signInPath.length).split('/');
      const provider = providers.find(({ signIn }) => signIn.id === id);
      if (provider === undefined || rest.length > 0 || !['callback', undefined].includes(step))
        return sendRedirect(response, 404);
      if (request.method !== 'GET') return sendRedirect(response, 405, { Allow: 'GET' });
      try {
        if (step === undefined) await start(options, provider, request, response);
        else await finish(options, provider, { request, response, query });
      } catch (error) {
        const failure = failureOf(error);
        // The message is omitted from the log, because it can contain data of the issuer.
        options.log.warn(
          { requestId, issuer: provider.issuer.settings.issuer, failure, errorCode: codeOrNameOf(error) },
          'a sign-in at an issuer failed',
        );
        sendRedirect(response, 303, { Location: `/#sign-in=${failure}` });
      }
    },
  };
}

async function start(
  { attempts, http }: SignInOptions,
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const site = request.headers['sec-fetch-site'];
  // A link or picture on another site cannot sign a user in.
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return sendRedirect(response, 403);
  const { issuer, signIn, redirectUri } = provider;
  const configuration = configurationOf(await issuer.metadata(), signIn, http);
  const attempt = {
    id: signIn.id,
    state: client.randomState(),
    nonce: client.randomNonce(),
    codeVerifier: client.randomPKCECodeVerifier(),
  };
  const address = client.buildAuthorizationUrl(configuration, {
    redirect_uri: redirectUri,
    scope: signIn.scopes.join(' '),
    state: attempt.state,
    nonce: attempt.nonce,
    code_challenge: await client.calculatePKCECodeChallenge(attempt.codeVerifier),
    code_challenge_method: 'S256',
  });
  attempts.write(response, attempt);
  sendRedirect(response, 303, { Location: address.href });
}

interface Callback {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: string;
}

/**
 * Requires the attempt's cookie, which shows that this browser started the sign-in. Without it, a link with an attacker's code would sign a victim in
 * as the attacker (login CSRF).
 */
async function finish(
  { attempts, http, loginById, openSession }: SignInOptions,
  provider: Provider,
  { request, response, query }: Callback,
): Promise<void> {
  const attempt = attempts.take(request, response);
  if (attempt === undefined || attempt.id !== provider.signIn.id)
    throw new AttemptMissing('This browser has not started a sign-in.');
  const { issuer, signIn, redirectUri } = provider;
  const configuration = configurationOf(await issuer.metadata(), signIn, http);
  const tokens = await client.authorizationCodeGrant(configuration, new URL(`${redirectUri}?${query}`), {
    expectedState: attempt.state,
    expectedNonce: attempt.nonce,
    pkceCodeVerifier: attempt.codeVerifier,
    idTokenExpected: true,
  });
  // openid-client relies on TLS instead of the signature (OpenID Connect Core §3.1.3.7, 6); Regway verifies it, by the settings of the issuer.
  const principal = await loginById(issuer, tokens.id_token ?? '');
  if (principal === undefined) throw new Error('The ID token was rejected.');
  openSession(request, response, principal);
  sendRedirect(response, 303, { Location: '/' });
}

function configurationOf(
  metadata: IssuerMetadata,
  { clientId, clientSecret }: SignInSettings,
  http: IssuerHttp,
): client.Configuration {
  const configuration = new client.Configuration(
    metadata,
    clientId,
    {},
    authenticationOf(metadata, clientSecret?.reveal()),
  );
  configuration[client.customFetch] = (url, { method, headers, body, signal }) =>
    http.send(url, { method, headers, signal, body: body instanceof URLSearchParams ? body.toString() : undefined });
  // Its URLs were already required to be https, with loopback as the only exception.
  client.allowInsecureRequests(configuration);
  return configuration;
}

/** Returns how the client authenticates at the token endpoint. Defaults to Basic (OpenID Connect Discovery §3). */
function authenticationOf(
  { token_endpoint_auth_methods_supported: methods = ['client_secret_basic'] }: IssuerMetadata,
  secret: string | undefined,
): client.ClientAuth {
  if (secret === undefined) return client.None();
  return methods.includes('client_secret_basic') ? client.ClientSecretBasic(secret) : client.ClientSecretPost(secret);
}

/** The browser has no attempt, or an expired one. */
class AttemptMissing extends Error {
  override readonly name = 'AttemptMissing';
}

function failureOf(error: unknown): SignInFailure {
  if (error instanceof AttemptMissing) return 'expired';
  if (error instanceof client.AuthorizationResponseError) return 'cancelled';
  return error instanceof Problem && error.reason === 'NO_ACCOUNT_OR_ROLE' ? 'unknown' : 'failed';
}

/** Sends a response without a body, which is not cached and whose URL is not sent to other sites. */
function sendRedirect(response: ServerResponse, status: number, headers: Readonly<Record<string, string>> = {}): void {
  response
    .writeHead(status, {
      'Cache-Control': 'no-store',
      'Referrer-Policy': 'no-referrer',
      'Content-Length': 0,
      ...headers,
    })
    .end();
}
