// Parses the setting that names the trusted issuers and maps the claims of their tokens to accounts and roles. Reports every mistake at once.

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

/** A claim of this name, or the names on the way to a nested one. A name is taken as it is: dots and slashes are part of it. */
export type ClaimPath = string | readonly string[];

/** Where people sign in with this issuer in a browser. */
export interface SignInSettings {
  /** In addresses of this server; part of what is registered at the issuer. */
  readonly id: string;
  /** The name of the issuer on the sign-in button. */
  readonly name: string;
  readonly clientId: string;
  /** Undefined for a public client, which PKCE alone protects. */
  readonly clientSecret: Secret | undefined;
  readonly scopes: readonly string[];
}

export interface IssuerSettings {
  /** Exactly as it stands in the claim `iss`. */
  readonly issuer: string;
  /** A token must be meant for one of these. */
  readonly audience: readonly string[];
  readonly algorithms: readonly (typeof signatureAlgorithms)[number][];
  /** `at+jwt` is RFC 9068's; `JWT` is for issuers that write that, or nothing. */
  readonly tokenType: 'at+jwt' | 'JWT';
  /** Undefined asks the issuer where its keys are (OpenID Connect Discovery §4). */
  readonly jwksUri: string | undefined;
  readonly clockToleranceSeconds: number;
  readonly account: { readonly claim: ClaimPath } | { readonly value: string };
  readonly roles: {
    readonly claim: ClaimPath;
    /** The role that a value of the claim grants. */
    readonly map: Readonly<Record<string, Role>>;
    /** The role of every other user; undefined to reject them. */
    readonly otherwise: Role | undefined;
  };
  /** Whether this issuer can make an admin at all. */
  readonly mayGiveAdmin: boolean;
  readonly signIn: SignInSettings | undefined;
}

/** Clocks of servers differ by seconds; more than this would keep expired tokens alive. */
const maxClockToleranceSeconds = 300;
const defaultClockToleranceSeconds = 30;

const name = z.string().min(1).max(200);
const issuerUrl = z
  .string()
  .max(500)
  .refine(isFitUrl, 'must be an https URL (http only on loopback) without query, fragment and user name');
const claim = z.union([name, z.array(name).min(1).max(10)]);
const role = z.enum(roles);

const signInSchema = z.strictObject({
  id: z.string().regex(/^[a-z0-9-]{1,30}$/, 'must be 1 to 30 of a-z, 0-9 and -'),
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
    message: 'gives ADMIN, which this issuer may only do with "mayGiveAdmin": true',
  })
  .refine(({ account, mayGiveAdmin }) => !mayGiveAdmin || !('value' in account) || account.value === adminAccount, {
    path: ['mayGiveAdmin'],
    message: `is of no use: ADMIN is for the account ${adminAccount}, and "account" names another`,
  })
  // An ID token has the client as its audience (OpenID Connect Core §2): it would pass for an access token.
  .refine(({ audience, signIn }) => signIn === undefined || !audience.includes(signIn.clientId), {
    path: ['audience'],
    message: 'must not be the client id: choose an audience that stands for this server alone',
  });

const settingSchema = z
  .array(issuerSchema)
  .min(1)
  .refine((issuers) => isUnique(issuers.map(({ issuer }) => issuer)), 'names an issuer twice')
  .refine((issuers) => isUnique(issuers.flatMap(({ signIn }) => signIn?.id ?? [])), 'has two "signIn" with one id');

/** Lists what is wrong with the setting: each sentence names a place, and no value. */
export class IssuerConfigError extends Error {
  override readonly name = 'IssuerConfigError';
  readonly mistakes: readonly string[];

  constructor(mistakes: readonly string[]) {
    super(mistakes.join('\n'));
    this.mistakes = mistakes;
  }
}

/**
 * Reads the setting.
 * @param text a JSON list.
 * @param readFile gives the content of a file that holds a client secret.
 * @throws IssuerConfigError naming every mistake.
 */
export function parseIssuers(text: string, readFile: (path: string) => string): readonly IssuerSettings[] {
  const setting = parseJson(text);
  if (setting === undefined) throw new IssuerConfigError(['at the top: it is not JSON; write a list of issuers']);
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

/** Whether keys and tokens may come from this address: by https, or from this very machine. */
export function isFitUrl(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.username !== '' || url.password !== '' || url.hash !== '' || url.search !== '') return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopbackHost(url.hostname));
}
