// Declares the port by which servers that share a database let one of them try a password that may have been changed, while the others wait for its answer.

/** One version of a stored credential. */
export interface CredentialVersion {
  readonly registryId: string;
  readonly secretVersion: number;
  /** When the last validation that succeeded was made, in epoch milliseconds; 0 for none. A rejection from before it does not count. */
  readonly validatedMs: number;
}

/** What is known of a credential version. */
export interface ClaimState {
  /** Who tries it; null if nobody has since it was accepted. */
  readonly claim: string | null;
  /** Whether that claim still counts. */
  readonly isHeld: boolean;
  /** Whether the upstream rejected it, and it is not to be sent yet. */
  readonly isRejected: boolean;
}

/** The result of a try. `UNKNOWN` if the upstream said nothing about the credential. */
export type TryResult = 'ACCEPTED' | 'REJECTED' | 'UNKNOWN';

/** The claims of credential versions. All times are those of the database's clock. */
export interface LoginClaims {
  /** Claims the next try of a version for at most `forMs`. Returns undefined if it is claimed now, else why it is not. */
  claim(version: CredentialVersion, claim: string, forMs: number): Promise<ClaimState | undefined>;
  /** Returns what is known; undefined for a registry without any claim. */
  look(version: CredentialVersion): Promise<ClaimState | undefined>;
  /** Ends a claim. @param rejectedForMs Milliseconds for which a rejected credential is not to be sent. */
  settle(version: CredentialVersion, claim: string, result: TryResult, rejectedForMs: number): Promise<void>;
}
