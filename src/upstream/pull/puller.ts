// Pulls from upstream registries: sends a request with the stored credential, follows redirects to the storage without it, and streams the response.
// Part of `upstream/`, the shared V2 validation module: its conversation in `login/` is the one that validates credentials.
// https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pull

import { Readable } from 'node:stream';
import type { LoginClaims } from '../../core/pulls/login-claims.ts';
import type { PullSource } from '../../core/pulls/pull.ts';
import type { PullToken, PullTokenMinter } from '../../core/pulls/upstream-token.ts';
import type { SlotCounts, SlotLimits } from '../../core/shared/fair-slots.ts';
import { UpstreamFailure } from '../errors/failure.ts';
import { repositoryUrl } from '../login/endpoint.ts';
import { servesManifest } from '../login/manifest-probe.ts';
import { registryRefusal } from '../login/refusal.ts';
import { getFromRegistry } from '../login/session.ts';
import { grantsPull } from '../login/token.ts';
import { orAborted } from '../../core/pulls/abort.ts';
import type { UpstreamResponse } from '../transport/client.ts';
import type { NetworkSettings } from '../transport/settings.ts';
import { createPullAuth, type PullAccess, type PullAuth } from './access.ts';
import { converse, withCurrentLogin } from './conversation.ts';
import { keyOf } from './handshake.ts';
import { followToStorage, sendWithinOrigin } from './redirect.ts';
import { judgeRedirected } from './redirected-content.ts';
import {
  createPullContext,
  openPullSession,
  type PullContext,
  type PullExchange,
  type UpstreamExchange,
  type PullRequest,
  startExchange,
} from './request.ts';
import { isWithoutCatalog, type PullReply, readReply, readSmall, toProblem } from './response.ts';

export interface UpstreamSettings extends NetworkSettings {
  /** `follow`: blobs are streamed through Regway. `pass`: the client is redirected to them. */
  readonly redirects: 'follow' | 'pass';
  /** Limits of the connections for content. Each defaults to a named constant. */
  readonly connections?: Partial<SlotLimits> | undefined;
  /** Lets one of several servers try a password that may have been changed. Undefined if no other server uses the same database. */
  readonly claims?: LoginClaims | undefined;
}

/** The response to a pull; `location` is where the client is redirected instead, if `redirects` is `pass`. */
export type UpstreamReply = PullReply & { readonly location: string | undefined };

/** What pulls hold at the moment, and what they were refused since the start. */
export interface PullUsage {
  readonly connections: SlotCounts;
  /** Of the memory that content is read into. */
  readonly bufferBytes: number;
}

export interface Puller extends PullTokenMinter {
  /**
   * Sends a request about the source's repository.
   * @throws Problem `UPSTREAM_FAILED` with the outcome, or `LOGIN_REQUIRED`, as its reason if the registry rejects the request or is not reachable; as
   * `PullSource.credential`; the signal's reason when it was aborted.
   */
  open(source: PullSource, request: PullRequest): Promise<UpstreamReply>;
  /** Returns what pulls hold at the moment. */
  usage(): PullUsage;
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
      toProblem(source, () =>
        withCurrentLogin(
          source,
          request.signal,
          (current) => runPull(startExchange(context, current, request), auth, settings.redirects),
          ({ status }) => status === 400,
        ),
      ),
    mint: (source, signal) =>
      toProblem(source, () =>
        withCurrentLogin(
          source,
          signal,
          (current) => orAborted(mintToken(context, auth, current, signal), signal),
          () => false,
        ),
      ),
    usage: () => ({ connections: context.slots.counts(), bufferBytes: context.agents.bufferPool.usedBytes() }),
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
  const { final, location } = await followToStorage(exchange, upstream, redirects);
  if (location === undefined)
    return { ...(await readReply(exchange, await judgeRedirected(exchange, final))), location };
  return { status: 307, headers: {}, url: final.url, body: undefined, errorCode: null, location: location.href };
}

/**
 * Sends the request of a pull, in a conversation. A password that can be replaced at any moment is sent in one conversation at a time; token
 * requests are coalesced anyway.
 */
async function sendWithAuth(exchange: PullExchange, auth: PullAuth): Promise<UpstreamExchange> {
  const { source, request, context } = exchange;
  const { registry } = source;
  const access = await orAborted(auth.authorize(source), request.signal);
  const name = source.repository === null ? '' : `${source.repository}/`;
  const url = new URL(`/v2/${name}${request.path}`, access.handshake.endpoint.origin);
  const run = () => sendInConversation(exchange, auth, access, url);
  const isPassword = registry !== null && access.login?.scheme === 'basic';
  if (!isPassword || registry.pendingSince === null)
    return throwIfError(isPassword ? await context.gate.pass(source, 'basic', run, request.signal) : await run());
  return throwIfError(
    await context.mutex.runExclusive(
      keyOf(source),
      run,
      (ended) => ended instanceof UpstreamFailure && ended.outcome === 'INVALID_CREDENTIALS',
      () => new UpstreamFailure('INVALID_CREDENTIALS', {}),
      request.signal,
    ),
  );
}

function throwIfError<Result>(result: Result | Error): Result {
  if (result instanceof Error) throw result;
  return result;
}

/** Returns the response, or the error that a refusal means. A refusal that is about the request is a response like any other. */
async function sendInConversation(
  exchange: PullExchange,
  auth: PullAuth,
  known: PullAccess,
  url: URL,
): Promise<UpstreamExchange | Error> {
  const { source, request, context } = exchange;
  const { signal } = request;
  const conclusion = await converse<UpstreamExchange>(auth, known, {
    source,
    url,
    signal,
    send: (access, refused) => sendFirstPassword(exchange, { known, access, url, refused }),
    statusOf: ({ response }) => response.status,
    read: ({ response }) => readSmall(response, context.limits.maxErrorBodyBytes, context.limits.checkTimeoutMs),
  }).catch((error: unknown) => {
    if (error instanceof RejectedBefore) return error;
    throw error;
  });
  if (conclusion instanceof RejectedBefore)
    return orAborted(auth.refusal(source, { access: conclusion.access, url, response: conclusion.response }), signal);
  const { access, answer, refusal } = conclusion;
  if (refusal === undefined) {
    // A limit or a failure of the registry says nothing about the login.
    const { status } = answer.response;
    if (status < 500 && status !== 429) auth.accepted(source, access, access !== known);
    return answer;
  }
  // The client gets the body that was read here.
  if (refusal.status === 400 || isWithoutCatalog(source, refusal))
    return { ...answer, response: { ...answer.response, body: Readable.from([refusal.body]) } };
  return orAborted(auth.refusal(source, { access, url, response: refusal }), signal);
}

/** The password was rejected for another pull of the same moment, so it was not sent for this one. */
class RejectedBefore extends Error {
  override readonly name = 'RejectedBefore';
  readonly access: PullAccess;
  readonly response: UpstreamResponse;

  /** @param response The refusal of the anonymous request. */
  constructor(access: PullAccess, response: UpstreamResponse) {
    super('The password was rejected for another pull.');
    this.access = access;
    this.response = response;
  }
}

interface Sent {
  readonly known: PullAccess;
  readonly access: PullAccess;
  readonly url: URL;
  readonly refused: UpstreamResponse | undefined;
}

/**
 * Sends the request of a pull. Where many pulls at once learn that a repository asks for a password, one of them tries it first: registries lock an
 * account after several wrong ones.
 * @throws RejectedBefore; UpstreamFailure
 */
function sendFirstPassword(exchange: PullExchange, { known, access, url, refused }: Sent): Promise<UpstreamExchange> {
  const { context, source } = exchange;
  const { registry, repository } = source;
  const run = () => sendWithinOrigin(exchange, url, access.authorization);
  const isLearned = refused !== undefined && known.login === undefined && access.login?.scheme === 'basic';
  if (!isLearned || registry === null) return run();
  return context.mutex.runExclusive(
    `${keyOf(source)} ${repository}`,
    run,
    ({ response }) => response.status === 401,
    () => new RejectedBefore(access, refused),
    exchange.request.signal,
  );
}

/**
 * Returns a token for the source's repository, or undefined if the registry issues none: it uses Basic, or requires no authentication. The
 * registry is asked whether it takes the token, because a token server also issues tokens that allow nothing.
 * @throws as `PullAuth`
 */
async function mintToken(
  context: PullContext,
  auth: PullAuth,
  source: PullSource,
  signal: AbortSignal | undefined,
): Promise<PullToken | undefined> {
  const known = await auth.refresh(source, await auth.authorize(source));
  if (known.login?.scheme === 'basic') return undefined;
  const session = openPullSession(context, source, undefined);
  const url = repositoryUrl(known.handshake.endpoint, source.repository);
  const { access, answer, refusal } = await converse<UpstreamResponse>(auth, known, {
    source,
    url,
    signal,
    send: ({ authorization }) => getFromRegistry(session, url, authorization),
    statusOf: ({ status }) => status,
    read: async (response) => response,
  });
  const { token, authorization } = access;
  const isGranted = token && grantsPull(token.value.token, source.repository);
  // Azure's tokens for pulling do not allow the list of tags, and some registries hide what a token does not allow.
  const canPull = async (): Promise<boolean> =>
    isGranted ??
    (source.repository !== null &&
      servesManifest(session, access.handshake.endpoint, source.repository, authorization));
  if (refusal !== undefined && !(await canPull())) throw await auth.refusal(source, { access, url, response: refusal });
  // Whether the token is good is not known then, and its user would meet the same.
  if (isGranted !== true && (answer.status === 429 || answer.status >= 500))
    throw registryRefusal(session, answer, url, true);
  if (isGranted === false && answer.status !== 200) throw new UpstreamFailure('INSUFFICIENT_SCOPE', {});
  return token && { token: token.value.token, expiresAt: new Date(token.value.expiresMs) };
}
