// Pulls from upstream registries: sends a request with the stored credential, follows redirects to the storage without it, and streams the response.
// Part of `upstream/`, the shared V2 validation module: its conversation in `login/` is the one that validates credentials.
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pull

import type { PullSource } from '../../core/pulls/pull.ts';
import type { PullTokenMinter } from '../../core/pulls/upstream-token.ts';
import { Problem } from '../../core/shared/problem.ts';
import { noFacts, UpstreamFailure } from '../errors/failure.ts';
import { describeOutcome } from '../errors/outcomes.ts';
import { orAborted } from '../transport/abort.ts';
import type { NetworkSettings } from '../transport/settings.ts';
import { createPullAuth, mintToken, type PullAccess, type PullAuth } from './access.ts';
import { followRedirects, isRedirect, redirectTarget } from './redirect.ts';
import {
  createPullContext,
  discard,
  type PullExchange,
  type UpstreamExchange,
  type PullRequest,
  send,
  startExchange,
} from './request.ts';
import { type PullReply, readReply } from './response.ts';

export interface UpstreamSettings extends NetworkSettings {
  /** `follow`: blobs are streamed through Regway. `pass`: the client is redirected to them. */
  readonly redirects: 'follow' | 'pass';
}

/** The response to a pull; `location` is where the client is redirected instead, if `redirects` is `pass`. */
export type UpstreamReply = PullReply & { readonly location: string | undefined };

export interface Puller extends PullTokenMinter {
  /**
   * Sends a request about the source's repository.
   * @throws Problem `UPSTREAM_FAILED` with the outcome, or `LOGIN_REQUIRED`, as its reason if the registry rejects the request or is not reachable; as
   * `PullSource.credential`; the signal's reason when it was aborted.
   */
  open(source: PullSource, request: PullRequest): Promise<UpstreamReply>;
  /** Ends every running request with an error, and closes every connection. */
  close(): Promise<void>;
}

/** Creates the puller. Opens no connection yet. @throws Error for a setting that cannot be read. */
export function createPuller(settings: UpstreamSettings): Puller {
  const closing = new AbortController();
  const context = createPullContext(settings, closing.signal);
  const auth = createPullAuth(context);
  return {
    open: (source, request) =>
      toProblem(source, () => runPull(startExchange(context, source, request), auth, settings.redirects)),
    mint: (source, signal) => toProblem(source, () => orAborted(mintToken(context, auth, source), signal)),
    async close() {
      closing.abort(new Error('The server is stopping.'));
      await context.agents.close();
    },
  };
}

async function runPull(
  exchange: PullExchange,
  auth: PullAuth,
  redirects: UpstreamSettings['redirects'],
): Promise<UpstreamReply> {
  const upstream = await sendWithAuth(exchange, auth);
  if (!isRedirect(upstream.response)) return { ...(await readReply(exchange, upstream, false)), location: undefined };
  if (redirects === 'follow')
    return { ...(await readReply(exchange, await followRedirects(exchange, upstream), true)), location: undefined };
  const { href: location } = redirectTarget(exchange, upstream, upstream);
  discard(upstream.response);
  return { status: 307, headers: {}, url: upstream.url, body: undefined, errorCode: null, location };
}

/** Sends a password that can be replaced at any moment in one request at a time. Token requests are coalesced anyway. */
function sendExclusively(
  exchange: PullExchange,
  url: URL,
  { handshake, authorization }: PullAccess,
): Promise<UpstreamExchange> {
  const { registry } = exchange.source;
  const sendNow = () => send(exchange, url, authorization);
  if (registry === null || registry.pendingSince === null || handshake.login?.scheme !== 'basic') return sendNow();
  return exchange.context.mutex.runExclusive(
    `${registry.id}@${registry.version}`,
    sendNow,
    (upstream) => upstream.response.status === 401,
    () => new UpstreamFailure('INVALID_CREDENTIALS', {}),
  );
}

/** Sends the request with the known authorization, and once more after a 401 with what its challenge requires. */
async function sendWithAuth(exchange: PullExchange, auth: PullAuth): Promise<UpstreamExchange> {
  const { source, request } = exchange;
  const { signal } = request;
  const entering = auth.handshake(source).then((handshake) => auth.authorize(source, handshake));
  const access = await orAborted(entering, signal);
  const url = new URL(`/v2/${source.repository}/${request.path}`, access.handshake.endpoint.origin);
  const first = await sendExclusively(exchange, url, access);
  if (first.response.status !== 401) return first;
  discard(first.response);
  const again = await orAborted(auth.reauthorize(source, access, first.response.headers['www-authenticate']), signal);
  const second = await send(exchange, url, again.authorization);
  if (second.response.status !== 401) return second;
  discard(second.response);
  throw auth.refusal(source, again);
}

/**
 * Runs a step of a pull; an UpstreamFailure becomes a Problem.
 * @throws Problem `UPSTREAM_FAILED` with the outcome as its reason.
 */
export async function toProblem<Result>(source: PullSource, run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    throw error instanceof UpstreamFailure ? problemOf(source, error) : error;
  }
}

function problemOf({ host, repository, registry }: PullSource, failure: UpstreamFailure): Problem {
  const { outcome, facts } = failure;
  const own = {
    host,
    repository,
    username: registry?.username ?? '',
    secureConnection: registry?.secureConnection ?? true,
  };
  // Names in a certificate are the upstream's own words, which are not redacted here.
  const { message, hint } = describeOutcome(outcome, { ...noFacts, ...own, ...facts, certificateNames: '' });
  const retryAfter = facts.retryAfter ?? undefined;
  return new Problem('UPSTREAM_FAILED', hint === null ? message : `${message} ${hint}`, {
    reason: outcome,
    retryAfter,
    cause: failure,
  });
}
