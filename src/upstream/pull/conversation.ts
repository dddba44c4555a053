// Holds the conversation about one repository: a request with the known authorization, and once more with the login or token that its refusal requires.

import type { PullSource } from '../../core/pulls/pull.ts';
import { UpstreamFailure } from '../errors/failure.ts';
import { orAborted } from '../../core/pulls/abort.ts';
import type { UpstreamResponse } from '../transport/client.ts';
import type { PullAccess, PullAuth } from './access.ts';

/** How one kind of request about a repository is sent and read. */
export interface RepositoryRequest<Answer> {
  readonly source: PullSource;
  readonly url: URL;
  /** Ends the waiting for logins; the requests of others go on. */
  readonly signal: AbortSignal | undefined;
  /** Sends the request. @param refused The refusal after which it is sent once more. @throws UpstreamFailure */
  send(access: PullAccess, refused?: UpstreamResponse): Promise<Answer>;
  statusOf(answer: Answer): number;
  /** Reads the whole of a refusal. */
  read(answer: Answer): Promise<UpstreamResponse>;
}

/** The result of a conversation: a response that is no refusal, or a refusal with nothing left to try. */
export type Conclusion<Answer> =
  | { readonly access: PullAccess; readonly answer: Answer; readonly refusal: undefined }
  | { readonly access: PullAccess; readonly answer: Answer; readonly refusal: UpstreamResponse };

/** Statuses that can be about the authorization. ECR Public answers 400 to a token that has ended. */
const refusals: ReadonlySet<number> = new Set([400, 401, 403]);

/**
 * Sends a request about a repository, and sends it once more if there is another login or another token to try.
 * @throws as `PullAuth.authorize` and `PullAuth.reauthorize`
 */
export async function converse<Answer>(
  auth: PullAuth,
  access: PullAccess,
  request: RepositoryRequest<Answer>,
): Promise<Conclusion<Answer>> {
  const { source, url, signal } = request;
  const first = await request.send(access);
  if (!refusals.has(request.statusOf(first))) return { access, answer: first, refusal: undefined };
  const response = await request.read(first);
  const again = await orAborted(auth.reauthorize(source, { access, url, response }), signal);
  if (again === undefined) return { access, answer: first, refusal: response };
  const second = await request.send(again, response);
  if (!refusals.has(request.statusOf(second))) return { access: again, answer: second, refusal: undefined };
  return { access: again, answer: second, refusal: await request.read(second) };
}

/**
 * Runs a pull, and once more with a new login if the registry refused a cached one that a cloud issued.
 * @param isRefusal Whether an answer that is no error can be about the login.
 * @throws what the last run throws; as `PullSource.renewLogin`
 */
export async function withCurrentLogin<Answer>(
  source: PullSource,
  signal: AbortSignal | undefined,
  run: (source: PullSource) => Promise<Answer>,
  isRefusal: (answer: Answer) => boolean,
): Promise<Answer> {
  const renew = async (isRejected: boolean) => orAborted(Promise.resolve(source.renewLogin?.(isRejected)), signal);
  let answer: Answer;
  try {
    answer = await run(source);
  } catch (error) {
    const renewed = isAboutLogin(error) ? await renew(isRejection(error)) : undefined;
    if (renewed === undefined) throw error;
    return run(renewed);
  }
  const renewed = isRefusal(answer) ? await renew(false) : undefined;
  return renewed === undefined ? answer : run(renewed);
}

function isRejection(error: unknown): boolean {
  return error instanceof UpstreamFailure && error.outcome === 'INVALID_CREDENTIALS';
}

/** Whether a failure can be about the login that was sent. Some token servers answer 400 to one that has ended. */
function isAboutLogin(error: unknown): boolean {
  if (isRejection(error)) return true;
  if (!(error instanceof UpstreamFailure)) return false;
  const { outcome, facts } = error;
  return outcome === 'INSUFFICIENT_SCOPE' || (outcome === 'TOKEN_ENDPOINT_ERROR' && facts.status === 400);
}
