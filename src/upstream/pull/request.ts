// Sends the requests of one pull, to the registry and to the storage that it redirects to, and creates what all pulls share.

import type { LoginClaims } from '../../core/pulls/login-claims.ts';
import type { PullSource } from '../../core/pulls/pull.ts';
import { FairSlots, NoSlot, type Slot, type SlotLimits } from '../../core/shared/fair-slots.ts';
import { Problem } from '../../core/shared/problem.ts';
import type { Secret } from '../../core/shared/secret.ts';
import type { CheckTarget, Credential } from '../../core/validation/validator.ts';
import { openSession, registryClient, type RegistrySession, type SessionContext } from '../login/session.ts';
import { createAgents } from '../transport/agents.ts';
import type { Reach } from '../transport/addresses/guard.ts';
import type { StreamResponse, UpstreamClient } from '../transport/client.ts';
import { createEgressPolicy } from '../transport/addresses/egress.ts';
import { defaultLimits, type NetworkSettings } from '../transport/settings.ts';
import { createTrust } from '../transport/trust.ts';
import { createLoginGate, type LoginGate } from '../login/login-gate.ts';
import { createKeyedMutex, type KeyedMutex } from './keyed-mutex.ts';

/** The kinds of content that registries serve (distribution-spec, "Endpoints"; the catalog is an extension). */
export type ContentKind = 'manifests' | 'blobs' | 'tags' | 'referrers' | 'catalog';

export interface PullRequest {
  readonly method: 'GET' | 'HEAD';
  /** The path below `/v2/<repository>/`, or below `/v2/` for the catalog, with its query; built only from parsed parts. */
  readonly path: string;
  /** The kind of that content; of `blobs` nothing but the bytes matters. */
  readonly kind: ContentKind;
  /** The digest that the content must have; undefined if it is requested by tag, or is a list. */
  readonly digest: string | undefined;
  /** Headers of the client that may be sent upstream. None of them is a credential. */
  readonly headers: Readonly<Record<string, string>>;
  /** Who is served in turn with others, at the connections to an origin and at the memory for content. */
  readonly owner: string;
  readonly signal: AbortSignal;
}

/** One pull while it runs. */
export interface PullExchange {
  readonly context: PullContext;
  readonly source: PullSource;
  readonly request: PullRequest;
  readonly client: UpstreamClient;
}

/** A response, and the request that it answers. */
export interface UpstreamExchange {
  readonly response: StreamResponse;
  /** The connection, which is held until the body is read or destroyed. */
  readonly slot: Slot;
  readonly url: URL;
  /** What the registry was sent, also if a redirect led on from there without it. */
  readonly sent: Secret | undefined;
  /** Whether a redirect to another origin led to the response. */
  readonly isStorage: boolean;
  /** Redirects that led to the response. */
  readonly hops: number;
}

/** Starts the exchange of one pull; sends nothing. It ends with the client's signal, or with the connections when the server stops. */
export function startExchange(context: PullContext, source: PullSource, request: PullRequest): PullExchange {
  return { context, source, request, client: registryClient(context, targetOf(source)) };
}

/**
 * Sends the request of the pull to a URL once there is a connection for it, and returns its response once the headers arrive.
 * @throws UpstreamFailure; Problem `UPSTREAM_FAILED` with the reason `BUSY` if no connection became free in time.
 */
export async function send(
  { client, request, context, source }: PullExchange,
  url: URL,
  authorization: Secret | undefined,
  reach: Reach = 'ANY',
): Promise<UpstreamExchange> {
  const { method, owner, signal } = request;
  const headers = withVia(request.headers, context.settings.viaName);
  const { contentHeadersTimeoutMs, contentIdleTimeoutMs } = context.limits;
  const slot = await context.slots.acquire({ owner, group: url.origin, signal }).catch((error: unknown) => {
    throw error instanceof NoSlot ? busy(source, error, context.settings.now()) : error;
  });
  try {
    const response = await client.open({
      url,
      reach,
      method,
      headers,
      authorization,
      owner,
      signal,
      headersTimeoutMs: contentHeadersTimeoutMs,
      bodyTimeoutMs: contentIdleTimeoutMs,
    });
    response.body.once('close', slot.release);
    return { response, slot, url, sent: authorization, isStorage: false, hops: 0 };
  } catch (error) {
    slot.release();
    throw error;
  }
}

/** Content below this is read whole without a slot: at every connection at once it would take as much memory as the slots. */
const minWholeBytes = 128 * 1024;

/**
 * Takes a slot for content that is read whole, or returns undefined if it is short.
 * @throws Problem `UPSTREAM_FAILED` with the reason `BUSY` if none became free in time.
 */
export async function holdWhole({ context, request, source }: PullExchange, bytes: number): Promise<Slot | undefined> {
  if (bytes < minWholeBytes) return undefined;
  const { owner, signal } = request;
  return context.wholeSlots.acquire({ owner, group: '', signal }).catch((error: unknown) => {
    throw error instanceof NoSlot ? busy(source, error, context.settings.now()) : error;
  });
}

/** Adds this installation's name to those of other Regways before it, so that each recognizes a pull that comes back (RFC 9110 §7.6.3). */
function withVia(headers: PullRequest['headers'], name: string | undefined): PullRequest['headers'] {
  if (name === undefined) return headers;
  const before = headers['via'] === undefined ? '' : `${headers['via']}, `;
  return { ...headers, via: `${before}1.1 ${name}` };
}

/** `BUSY` is no outcome of a validation: nothing was sent. */
function busy({ host }: PullSource, { retryAfterMs }: NoSlot, now: Date): Problem {
  return new Problem(
    'UPSTREAM_FAILED',
    `Regway has no free connection for content of ${host}, because other pulls use them all. Repeat the request later.`,
    { reason: 'BUSY', retryAfter: now.getTime() + retryAfterMs, retryable: true },
  );
}

/** Bytes that are read so that the connection can be reused; a larger rest closes it. */
const maxDiscardedBytes = 64 * 1024;

/** Milliseconds for those bytes, which arrive with the headers as a rule. A body that takes longer would keep its connection from others. */
const maxDiscardMs = 2_000;

/** Discards a response whose body is not needed. */
export function discard({ body, release }: StreamResponse): void {
  let left = maxDiscardedBytes;
  const timer = setTimeout(() => body.destroy(), maxDiscardMs);
  body.once('close', () => clearTimeout(timer));
  body.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    release(chunk);
    if (left < 0) body.destroy();
  });
}

/** The connections, settings, and locks that all pulls share. */
export interface PullContext extends SessionContext {
  /** Returns milliseconds of a clock that only runs forward. */
  readonly monotonicMs: () => number;
  readonly mutex: KeyedMutex;
  readonly gate: LoginGate;
  /** The connections of pulls, by origin. */
  readonly slots: FairSlots;
  /** The memory of manifests and lists that are read whole. */
  readonly wholeSlots: FairSlots;
}

/**
 * An upstream with hundreds of open connections is overloaded; further requests wait for a free one. Each can hold 96 KiB, so 48 MiB in all, next to
 * the memory that they share. The reserve lets a small manifest pass when somebody's blobs take all the rest.
 */
const connectionLimits: SlotLimits = {
  total: 448,
  perGroup: 256,
  reserve: 64,
  reservedPerOwner: 4,
  // Clients repeat a refused request, and give up one that they wait for much longer.
  maxWaitMs: 10_000,
  // A request that waits holds its client's connection and some KiB.
  maxWaiting: 4_096,
  maxWaitingPerOwner: 1_024,
  // A client on the slowest network takes something every few seconds.
  stallMs: 5_000,
};

/**
 * Each takes up to 4 MiB, so 64 MiB in all. Only what a redirect led to is read whole, and only what is long. Half of them are for logins that hold
 * none: content that comes slowly would keep all others waiting.
 */
const wholeLimits: SlotLimits = {
  total: 8,
  perGroup: 8,
  reserve: 8,
  reservedPerOwner: 1,
  maxWaitMs: 10_000,
  maxWaiting: 1_024,
  maxWaitingPerOwner: 256,
  stallMs: 5_000,
};

/** Requests for tokens share the connections of undici, and do not wait for pulls. */
const conversationConnections = 64;

/** Creates the context. Opens no connection yet. @throws Error for a setting that cannot be read. */
export function createPullContext(
  settings: NetworkSettings & {
    readonly connections?: Partial<SlotLimits> | undefined;
    readonly claims?: LoginClaims | undefined;
  },
  closing: AbortSignal,
): PullContext {
  const slotLimits = { ...connectionLimits, ...settings.connections };
  const limits = { ...defaultLimits, ...settings.limits };
  const egress = createEgressPolicy({
    loopbackAllowed: settings.loopbackAllowed,
    allow: settings.egressAllow,
    deny: settings.egressDeny,
  });
  const agents = createAgents({
    egress,
    isOwn: settings.isOwn,
    secureContext: createTrust(settings.extraCa),
    limits,
    lookup: settings.lookup,
    observer: settings.observer,
    maxConnectionsPerOrigin: slotLimits.perGroup + slotLimits.reserve + conversationConnections,
  });
  const slots = new FairSlots(slotLimits, setTimer);
  const wholeSlots = new FairSlots(wholeLimits, setTimer);
  const monotonicMs = settings.monotonicMs ?? (() => performance.now());
  const mutex = createKeyedMutex(monotonicMs);
  const gate = createLoginGate({ now: settings.now, monotonicMs, claims: settings.claims });
  return { agents, limits, settings, monotonicMs, mutex, gate, slots, wholeSlots, closing };
}

/**
 * Opens a session with the registry of a pull. It does not end with the client of the pull, because other pulls wait for the same response.
 * @param credential The credential that the upstream may have been sent.
 */
export function openPullSession(
  context: PullContext,
  source: PullSource,
  credential: Credential | undefined,
): RegistrySession {
  return openSession(context, targetOf(source), {
    credential,
    isAnonymous: source.registry === null,
    steps: undefined,
  });
}

function targetOf({ host, registry }: PullSource): CheckTarget {
  return (
    registry ?? {
      host,
      repository: null,
      type: 'DOCKER_V2',
      secureConnection: true,
      trustedRealm: null,
      probeRepository: null,
    }
  );
}

/** The timer of `FairSlots`. */
function setTimer(run: () => void, delayMs: number): () => void {
  const timer = setTimeout(run, delayMs);
  return () => clearTimeout(timer);
}
