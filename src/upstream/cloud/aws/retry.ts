// Repeats a request to AWS once, and not before the time that AWS named: the SDK's own strategy would hold the caller for seconds and then ask too early.

import type { ECRClientConfig } from '@aws-sdk/client-ecr';

type RetryStrategy = Extract<
  NonNullable<ECRClientConfig['retryStrategy']>,
  { readonly acquireInitialRetryToken: unknown }
>;
type RetryToken = Awaited<ReturnType<RetryStrategy['acquireInitialRetryToken']>>;

/** Milliseconds before the repetition, which throttling and the correction of a wrong clock need. */
const pauseMs = 200;

/** Kinds of errors that the SDK calls passing; a wrong clock, which it has corrected by then, is one of them. */
const repeatable: ReadonlySet<string> = new Set(['THROTTLING', 'TRANSIENT']);

/** The retry strategy of every call. */
export const retryOnce: RetryStrategy = {
  acquireInitialRetryToken: async () => tokenOf(0),
  async refreshRetryTokenForRetry(token, { errorType, retryAfterHint }) {
    if (token.getRetryCount() > 0 || retryAfterHint !== undefined || !repeatable.has(errorType))
      throw new Error('The request is not repeated.');
    return tokenOf(1);
  },
  recordSuccess: () => undefined,
};

function tokenOf(count: number): RetryToken {
  return { getRetryCount: () => count, getRetryDelay: () => (count === 0 ? 0 : pauseMs) };
}
