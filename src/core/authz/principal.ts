// Defines roles, the principal, the login behind a session, and the caller of one request.

export const roles = ['ADMIN', 'READ_WRITE', 'READ_ONLY', 'PULL'] as const;
export type Role = (typeof roles)[number];

/** The account that exists from the start. Only its tokens can have the role `ADMIN`. */
export const adminAccount = 'admin';

/** An authenticated identity and its permissions. */
export interface Principal {
  /** `token:<id>` for an API token, `<issuer>#<sub>` for a JWT. An issuer is a URL, so the two never collide. */
  readonly subject: string;
  readonly account: string;
  readonly role: Role;
  /** The image patterns that a pull token is limited to (`docker.io/anchore/*`); null for no limit. */
  readonly images: readonly string[] | null;
  /** When the authentication expires; null if it never does. */
  readonly expiresAt: Date | null;
}

/** The part of a principal that a session or a grant stores, to resolve the principal again later. */
export type Login = Pick<Principal, 'subject' | 'account' | 'role' | 'expiresAt'>;

/** The caller of one request, with the request ID of its log lines and audit events. */
export interface Caller {
  /** Undefined for an unauthenticated caller. */
  readonly principal: Principal | undefined;
  readonly requestId: string;
  /** Returns the signal that aborts when the client disconnects, the same one on every call. A function, because few requests need it. */
  readonly signal?: (() => AbortSignal) | undefined;
}

/** A caller who was authenticated and whose role allows the operation. */
export type AuthorizedCaller = Caller & { readonly principal: Principal };
