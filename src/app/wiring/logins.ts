// Wires authentication for every server: API tokens always, and JWTs if the settings name issuers.

import { readFileSync } from 'node:fs';
import { isEnabled } from '../../core/accounts/accounts.ts';
import { createTokenUses } from '../../core/accounts/token-usage.ts';
import type { Login, Principal } from '../../core/authz/principal.ts';
import { faultFields } from '../../core/shared/fault.ts';
import type { Store } from '../../database/store.ts';
import {
  type AuthenticationScheme,
  createAuthenticator,
  createTokenResolver,
  type ResolveLogin,
} from '../../server/auth/authenticator.ts';
import { limitFailedLogins, type RequestAuthenticator } from '../../server/auth/failed-logins.ts';
import type { IssuerSettings } from '../../server/auth/oidc/settings.ts';
import type { SignIn, SignInOptions, SignInMethod } from '../../server/auth/oidc/sign-in.ts';
import { createClientAddress } from '../../server/http/proxies/client-address.ts';
import type { Log } from '../../server/ops/log.ts';
import { createRateLimiter } from '../../server/ops/rate-limiter.ts';
import type { Names } from '../../upstream/transport/names/names.ts';
import { type Config, ConfigError } from '../config.ts';
import { monotonicMs, setTimer } from './clock.ts';

/** The authentication of all servers. */
export interface Logins {
  /** Creates an authenticator. All authenticators share one count of failures. */
  authenticator(schemes: readonly AuthenticationScheme[]): RequestAuthenticator;
  readonly resolveLogin: ResolveLogin;
  /** The issuers at which users can sign in to the console. */
  readonly signInMethods: readonly SignInMethod[];
  /** Creates the sign-in of the console; undefined if no issuer offers one. */
  readonly createSignIn: ((openSession: SignInOptions['openSession']) => SignIn) | undefined;
  close(): Promise<void>;
}

/** The dependencies of `createLogins`. */
export interface LoginParts {
  readonly config: Config;
  readonly issuers: readonly IssuerSettings[];
  readonly store: Store;
  readonly log: Log;
  readonly names: Names;
  /** 32 bytes that sign the cookie of a sign-in in progress; the same on every replica. */
  readonly signInKey: Uint8Array;
}

interface Jwts extends Pick<Logins, 'signInMethods' | 'createSignIn' | 'close'> {
  readonly login: (text: string) => Promise<Principal | undefined>;
  readonly resolveLogin: (login: Login) => Promise<Principal | undefined>;
}

const now = (): Date => new Date();

/** Creates the authentication. Sends no request to an issuer yet. */
export async function createLogins(parts: LoginParts): Promise<Logins> {
  const { access } = parts.store;
  const { failedLoginsPerMinute, trustedProxies } = parts.config;
  const limit = {
    rateLimit: createRateLimiter(failedLoginsPerMinute),
    clientAddress: createClientAddress(trustedProxies),
    now,
  };
  const uses = createTokenUses({
    access,
    setTimer,
    onFailure: (fault) => parts.log.error(faultFields(fault), 'the last use of tokens could not be written'),
  });
  const onTokenUse = (id: string, at: Date): void => uses.record(id, at);
  const byToken = createTokenResolver({ access, now, onTokenUse });
  const jwts = await createJwts(parts);
  return {
    authenticator: (schemes) =>
      limitFailedLogins(createAuthenticator({ access, now, onTokenUse, schemes, loginWithJwt: jwts?.login }), limit),
    resolveLogin: async (login) => (await byToken(login)) ?? jwts?.resolveLogin(login),
    signInMethods: jwts?.signInMethods ?? [],
    createSignIn: jwts?.createSignIn,
    close: async () => {
      await uses.close();
      await jwts?.close();
    },
  };
}

/**
 * Parses the issuers of the settings; empty if the settings name none.
 * @throws ConfigError with every mistake.
 */
export async function readIssuers({ oidcIssuers, publicUrl }: Config): Promise<readonly IssuerSettings[]> {
  if (oidcIssuers === undefined) return [];
  const { IssuerConfigError, parseIssuers } = await import('../../server/auth/oidc/settings.ts');
  try {
    const issuers = parseIssuers(oidcIssuers, (path) => readFileSync(path, 'utf8'));
    if (publicUrl === undefined && issuers.some(({ signIn }) => signIn !== undefined)) {
      throw new IssuerConfigError([
        'at signIn: REGWAY_PUBLIC_URL must be set, because the issuer redirects users to it',
      ]);
    }
    return issuers;
  } catch (error) {
    if (error instanceof IssuerConfigError)
      throw new ConfigError(error.mistakes.map((mistake) => `REGWAY_OIDC_ISSUERS, ${mistake}.`));
    throw error;
  }
}

/** Loads the modules of OpenID Connect only if the settings name issuers, because they add 100 ms to a start. */
async function createJwts({
  config,
  issuers: settings,
  store,
  log,
  names,
  signInKey,
}: LoginParts): Promise<Jwts | undefined> {
  if (settings.length === 0) return undefined;
  const [
    { createIssuer },
    { createIssuerHttp },
    { createJwtLogins },
    { createSignIn, signInMethods },
    { createSignInAttempts },
  ] = await Promise.all([
    import('../../server/auth/oidc/issuer.ts'),
    import('./issuer-http.ts'),
    import('../../server/auth/oidc/jwt.ts'),
    import('../../server/auth/oidc/sign-in.ts'),
    import('../../server/auth/oidc/sign-in-attempt.ts'),
  ]);
  const http = createIssuerHttp(config.extraCa, names.lookupFunction);
  const issuers = settings.map((issuer) => createIssuer(issuer, { http, monotonicMs, log }));
  const logins = createJwtLogins({
    issuers,
    accountExists: async (name) => isEnabled(await store.access.accountByName(name)),
    now,
    log,
  });
  const methods = signInMethods(issuers);
  const publicUrl = methods.length === 0 ? undefined : config.publicUrl;
  const attempts = createSignInAttempts({ key: signInKey, isSecure: isReachedByHttps(config), now });
  return {
    login: logins.login,
    resolveLogin: logins.resolveLogin,
    signInMethods: methods,
    createSignIn:
      publicUrl === undefined
        ? undefined
        : (openSession) =>
            createSignIn({ issuers, attempts, loginById: logins.loginById, openSession, publicUrl, http, log }),
    close: () => http.close(),
  };
}

/** Returns whether browsers reach the server over HTTPS, so that its cookies can be `Secure`. */
export function isReachedByHttps({ tls, publicUrl }: Config): boolean {
  return tls !== undefined || publicUrl?.startsWith('https:') === true;
}
