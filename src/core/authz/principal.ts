// Roles, the principal, the login behind a session, the caller of one request.

export const roles = ['ADMIN', 'READ_WRITE', 'READ_ONLY', 'PULL'] as const;
export type Role = (typeof roles)[number];

/** The account that exists from the start; only its tokens may hold the role `ADMIN`. */
export const adminAccount = 'admin';

/** Who calls. */
export interface Principal {
  /** `token:<id>` for an API token, `<issuer>#<sub>` for a JWT: an issuer is a URL, so the two are never the same. */
  readonly subject: string;
  readonly account: string;
  readonly role: Role;
  /** Image patterns that a pull token is limited to (`docker.io/anchore/*`), or null for no limit. */
  readonly images: readonly string[] | null;
  readonly expiresAt: Date | null;
}

/** What is kept of a login while something that it gave lasts (a session, a grant), to ask later who stands behind it. */
export type Login = Pick<Principal, 'subject' | 'account' | 'role' | 'expiresAt'>;

/** One call: who makes it and under which request id it is logged. */
export interface Caller {
  /** Undefined when nobody logged in. */
  readonly principal: Principal | undefined;
  readonly requestId: string;
  /** Gives what is aborted when the client goes away, the same at each call. Most requests are over before anybody asks for it. */
  readonly signal?: (() => AbortSignal) | undefined;
}

/** A caller whose login and role are known to suffice. */
export type AuthorizedCaller = Caller & { readonly principal: Principal };
