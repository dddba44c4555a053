// Parses the setting that lists the trusted issuers and maps the claims of their tokens to accounts and roles. Reports all mistakes together.

import { z } from 'zod';
import { adminAccount, type Role, roles } from '../../../core/authz/principal.ts';
import { isLoopbackHost } from '../../../core/registry/host.ts';
import { codeOf } from '../../../core/shared/fault.ts';
import { parseJson } from '../../../core/shared/json.ts';
import { Secret } from '../../../core/shared/secret.ts';

/**
 * The signature algorithms that can be required. Asymmetric only: with a shared secret, anyone who verifies a token could forge one (RFC 8725 §3.2).
 */
const signatureAlgorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const;

/** The name of a claim, or the names that lead to a nested one. Dots and slashes are part of a name. */
export type ClaimPath = string | readonly string[];

/** The settings for sign-in with this issuer in a browser. */
export interface SignInSettings {
  /** Part of the paths of the sign-in and of the redirect URI that is registered at the issuer. */
  readonly id: string;
  /** The name of the issuer on the sign-in button. */
  readonly name: string;
  readonly clientId: string;
  /** Undefined for a public client, which only PKCE protects. */
  readonly clientSecret: Secret | undefined;
  readonly scopes: readonly string[];
}

/** The settings of one trusted issuer. */
export interface IssuerSettings {
  /** The exact value of the claim `iss`. */
  readonly issuer: string;
  /** A token must name at least one of these in `aud`. */
  readonly audience: readonly string[];
  readonly algorithms: readonly (typeof signatureAlgorithms)[number][];
  /** The required `typ`: `at+jwt` of RFC 9068, or `JWT` for issuers that send `JWT` or none. */
  readonly tokenType: 'at+jwt' | 'JWT';
  /** The URL of the keys. If undefined, the metadata of the issuer names it (OpenID Connect Discovery §4). */
  readonly jwksUri: string | undefined;
  readonly clockToleranceSeconds: number;
  /** The claim that names the account, or the account of every user. */
  readonly account: { readonly claim: ClaimPath } | { readonly value: string };
  readonly roles: {
    readonly claim: ClaimPath;
    /** The role that a value of the claim grants. */
    readonly map: Readonly<Record<string, Role>>;
    /** The role of every other user; undefined to reject them. */
    readonly otherwise: Role | undefined;
  };
  /** Whether this issuer can grant the role ADMIN. */
  readonly mayGiveAdmin: boolean;
  readonly signIn: SignInSettings | undefined;
}

/** Clocks of servers differ by seconds; a larger tolerance would keep expired tokens valid. */
const maxClockToleranceSeconds = 300;
const defaultClockToleranceSeconds = 30;

const name = z.string().min(1).max(200);
const issuerUrl = z
  .string()
  .max(500)
  .refine(isFitUrl, 'must be an https URL (http only on loopback) without query, fragment, and username');
const claim = z.union([name, z.array(name).min(1).max(10)]);
const role = z.enum(roles);

const signInSchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]{1,30}$/, 'must be 1 to 30 of a-z, 0-9, and -'),
  name: z.string().min(1).max(60),
  clientId: name,
  clientSecretFile: z.string().min(1).optional(),
  scopes: z
    .array(name)
    .default(['openid'])
    .refine((scopes) => scopes.includes('openid'), 'must include openid'),
});

const issuerSchema = z
  .strictObject({
    issuer: issuerUrl,
    audience: z.union([name, z.array(name).min(1)]).transform((value) => [value].flat()),
    algorithms: z.array(z.enum(signatureAlgorithms)).min(1).default(['RS256']),
    tokenType: z.enum(['at+jwt', 'JWT']).default('at+jwt'),
    jwksUri: issuerUrl.optional(),
    clockToleranceSeconds: z.int().min(0).max(maxClockToleranceSeconds).default(defaultClockToleranceSeconds),
    account: z.union([z.strictObject({ claim }), z.strictObject({ value: name })]),
    roles: z.strictObject({
      claim,
      map: z.record(name, role).default({}),
      otherwise: role.exclude(['ADMIN']).optional(),
    }),
    mayGiveAdmin: z.boolean().default(false),
    signIn: signInSchema.optional(),
  })
  .refine(({ mayGiveAdmin, roles: { map } }) => mayGiveAdmin || !Object.values(map).includes('ADMIN'), {
    path: ['roles', 'map'],
    message: 'grants ADMIN, which requires "mayGiveAdmin": true',
  })
  .refine(({ account, mayGiveAdmin }) => !mayGiveAdmin || !('value' in account) || account.value === adminAccount, {
    path: ['mayGiveAdmin'],
    message: `has no effect: ADMIN requires the account ${adminAccount}, and "account" names another`,
  })
  // The audience of an ID token is the client (OpenID Connect Core §2), so it would be accepted as an access token.
  .refine(({ audience, signIn }) => signIn === undefined || !audience.includes(signIn.clientId), {
    path: ['audience'],
    message: 'must not be the client ID: choose an audience that only Regway uses',
  });

const settingSchema = z
  .array(issuerSchema)
  .min(1)
  .refine((issuers) => isUnique(issuers.map(({ issuer }) => issuer)), 'names an issuer twice')
  .refine(
    (issuers) => isUnique(issuers.flatMap(({ signIn }) => signIn?.id ?? [])),
    'has two "signIn" with the same id',
  );

/** The mistakes of the setting: each sentence names its place and repeats no value. */
export class IssuerConfigError extends Error {
  override readonly name = 'IssuerConfigError';
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(mistakes.join('\n'));
    this.mistakes = mistakes;
  }
}

/**
 * Parses the setting.
 * @param text A JSON list of issuers.
 * @param readFile Returns the content of a file with a client secret. An error's `code` is reported.
 * @throws IssuerConfigError with all mistakes.
 */
export function parseIssuers(text: string, readFile: (path: string) => string): readonly IssuerSettings[] {
  const setting = parseJson(text);
  if (setting === undefined) throw new IssuerConfigError(['at the top: it is not valid JSON; write a list of issuers']);
  const result = settingSchema.safeParse(setting);
  if (!result.success)
    throw new IssuerConfigError(
      result.error.issues.map(({ path, message }) => `at ${path.join('.') || 'the top'}: ${message}`),
    );
  return result.data.map(({ signIn, jwksUri, roles: { claim: rolesClaim, map, otherwise }, ...issuer }) => ({
    ...issuer,
    jwksUri,
    roles: { claim: rolesClaim, map, otherwise },
    signIn: signIn && { ...signIn, clientSecret: readSecret(signIn.clientSecretFile, readFile) },
  }));
}

function readSecret(path: string | undefined, readFile: (path: string) => string): Secret | undefined {
  if (path === undefined) return undefined;
  try {
    return new Secret(readFile(path).trim());
  } catch (error) {
    throw new IssuerConfigError([`signIn.clientSecretFile cannot be read (${codeOf(error) ?? 'unknown'}): ${path}`]);
  }
}

function isUnique(values: readonly string[]): boolean {
  return new Set(values).size === values.length;
}

/** Returns whether a URL may serve keys and tokens: https, or http on loopback, without query, fragment, and credentials. */
export function isFitUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.username !== '' || url.password !== '' || url.hash !== '' || url.search !== '') return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname));
}
