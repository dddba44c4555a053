// The wiring of logins: API tokens always, and JWTs of issuers where the settings name some. Every face logs in through here.

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
import { createClientAddress } from '../../server/http/client-address.ts';
import type { Log } from '../../server/ops/log.ts';
import { createRateLimiter } from '../../server/ops/rate-limiter.ts';
import { type Config, ConfigError } from '../config.ts';
import { setTimer } from './clock.ts';

export interface Logins {
  /** All share one count of failures. */
  authenticator(schemes: readonly AuthenticationScheme[]): RequestAuthenticator;
  readonly resolveLogin: ResolveLogin;
  /** The issuers at which people sign in to the console. */
  readonly signInMethods: readonly SignInMethod[];
  /** Builds what serves that; undefined where there is no such issuer. */
  readonly createSignIn: ((openSession: SignInOptions['openSession']) => SignIn) | undefined;
  close(): Promise<void>;
}

export interface LoginParts {
  readonly config: Config;
  readonly issuers: readonly IssuerSettings[];
  readonly store: Store;
  readonly log: Log;
  /** 32 bytes that sign what browsers carry while they sign in; the same on every replica. */
  readonly signInKey: Uint8Array;
}

interface Jwts extends Pick<Logins, 'signInMethods' | 'createSignIn' | 'close'> {
  readonly login: (text: string) => Promise<Principal | undefined>;
  readonly resolveLogin: (login: Login) => Promise<Principal | undefined>;
}

const now = (): Date => new Date();

/** No issuer is asked anything yet. */
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
    schedule: setTimer,
    onFailure: (fault) => parts.log.error(faultFields(fault), 'uses of tokens could not be written'),
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
 * None where the settings name none.
 * @throws ConfigError naming every mistake.
 */
export async function readIssuers({ oidcIssuers, publicUrl }: Config): Promise<readonly IssuerSettings[]> {
  if (oidcIssuers === undefined) return [];
  const { IssuerConfigError, parseIssuers } = await import('../../server/auth/oidc/settings.ts');
  try {
    const issuers = parseIssuers(oidcIssuers, (path) => readFileSync(path, 'utf8'));
    if (publicUrl === undefined && issuers.some(({ signIn }) => signIn !== undefined)) {
      throw new IssuerConfigError([
        'at signIn: set REGWAY_PUBLIC_URL, the address to which the issuer sends people back',
      ]);
    }
    return issuers;
  } catch (error) {
    if (error instanceof IssuerConfigError)
      throw new ConfigError(error.mistakes.map((mistake) => `REGWAY_OIDC_ISSUERS, ${mistake}.`));
    throw error;
  }
}

/** Loaded where issuers are set, and only there: the modules of OpenID Connect would cost every start a tenth of a second. */
async function createJwts({ config, issuers: settings, store, log, signInKey }: LoginParts): Promise<Jwts | undefined> {
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
  const http = createIssuerHttp(config.extraCa);
  const issuers = settings.map((issuer) => createIssuer(issuer, { http, now, log }));
  const logins = createJwtLogins({
    issuers,
    accountExists: async (name) => isEnabled(await store.access.accountByName(name)),
    now,
    log,
  });
  const ways = signInMethods(issuers);
  const publicUrl = ways.length === 0 ? undefined : config.publicUrl;
  const attempts = createSignInAttempts({ key: signInKey, isSecure: isReachedByHttps(config), now });
  return {
    login: logins.login,
    resolveLogin: logins.resolveLogin,
    signInMethods: ways,
    createSignIn:
      publicUrl === undefined
        ? undefined
        : (openSession) =>
            createSignIn({ issuers, attempts, loginById: logins.loginById, openSession, publicUrl, http, log }),
    close: () => http.close(),
  };
}

/** Whether cookies may be kept to https. */
export function isReachedByHttps({ tls, publicUrl }: Config): boolean {
  return tls !== undefined || publicUrl?.startsWith('https:') === true;
}
