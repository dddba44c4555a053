// The well-behaved client: asks for one thing of each kind, again and again, and records how long each answer took.

import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { answerRequests, helperOptions, sharedClock } from './helper-process.ts';

/** What the client asks for. */
export interface ClientOptions {
  readonly url: string;
  readonly token: string;
  /** A registry that is stored, by its pattern. */
  readonly pattern: string;
  /** An image that it covers. */
  readonly reference: string;
  /** A healthy registry, stored with its credential. */
  readonly healthy: { readonly host: string; readonly username: string; readonly password: string };
}

/** One answer, or a request that is still waiting for one. */
export interface Sample {
  readonly kind: RequestKind;
  /** On the shared clock. */
  readonly startedAt: number;
  readonly durationMs: number;
  /** What was wrong with the answer; undefined for a right one and for none yet. */
  readonly fault: string | undefined;
}

export const requestKinds = ['get', 'page', 'match', 'check', 'pull', 'livez'] as const;
export type RequestKind = (typeof requestKinds)[number];

interface Question {
  readonly path: string;
  readonly body?: object;
  readonly authorization?: string;
  /** A right answer has this text. */
  readonly expected: string;
}

/** Milliseconds from one request of a kind to the next: 240 a second of all kinds, which leaves an idle server mostly idle. */
const intervalMs = 25;
/** Milliseconds. A request without an answer is a fault, and the next one follows. */
const timeoutMs = 30_000;

const agent = new Agent({ keepAlive: true, maxSockets: 2 * requestKinds.length });
let samples: Sample[] = [];
const waiting = new Map<RequestKind, number>();

function questions({ token, pattern, reference, healthy }: ClientOptions): Record<RequestKind, Question> {
  const graphql = (query: string, variables: object, expected: string): Question => ({
    path: '/graphql',
    body: { query, variables },
    authorization: `Bearer ${token}`,
    expected,
  });
  return {
    get: graphql(
      'query ($pattern: String!) { registry(registry: $pattern) { id registry name } }',
      { pattern },
      `"registry":"${pattern}"`,
    ),
    page: graphql('{ registries(first: 50) { nodes { id registry name } } }', {}, '"nodes":[{'),
    match: graphql(
      'query ($reference: String!) { image(reference: $reference) { registry { registry } } }',
      { reference },
      `"registry":"${pattern}"`,
    ),
    check: graphql(
      'mutation ($input: CreateRegistryInput!) { checkRegistry(input: $input, secureConnection: false) { validation { outcome } } }',
      { input: { registry: healthy.host, username: healthy.username, password: healthy.password } },
      '"outcome":"VALID"',
    ),
    pull: {
      path: `/v2/${healthy.host.replace(':', '_')}/team/app/manifests/latest`,
      authorization: `Basic ${Buffer.from(`any:${token}`).toString('base64')}`,
      expected: '"schemaVersion":2',
    },
    livez: { path: '/livez', expected: 'alive' },
  };
}

function ask(url: string, { path, body, authorization, expected }: Question): Promise<string | undefined> {
  return new Promise((resolve) => {
    const sent = request(new URL(path, url), {
      agent,
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        accept: 'application/json, application/vnd.oci.image.manifest.v1+json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(authorization === undefined ? {} : { authorization }),
      },
      signal: AbortSignal.timeout(timeoutMs),
    });
    sent.once('error', (error) => resolve(error.message));
    sent.once('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      response.once('error', (error) => resolve(error.message));
      response.once('end', () => {
        const isRight = response.statusCode === 200 && text.includes(expected);
        resolve(isRight ? undefined : `HTTP ${response.statusCode}: ${text.slice(0, 200)}`);
      });
    });
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

async function askForever(url: string, kind: RequestKind, question: Question): Promise<never> {
  for (;;) {
    const startedAt = sharedClock();
    waiting.set(kind, startedAt);
    const fault = await ask(url, question);
    waiting.delete(kind);
    const durationMs = sharedClock() - startedAt;
    samples.push({ kind, startedAt, durationMs, fault });
    await pause(Math.max(0, intervalMs - durationMs));
  }
}

/** The samples since the last call, and how long those have waited that have no answer yet. */
function take(): Sample[] {
  const now = sharedClock();
  const unanswered = [...waiting].map(([kind, startedAt]) => ({
    kind,
    startedAt,
    durationMs: now - startedAt,
    fault: undefined,
  }));
  const taken = [...samples, ...unanswered];
  samples = [];
  return taken;
}

if (process.send !== undefined && process.argv[1] === import.meta.filename) {
  const options = helperOptions() as ClientOptions;
  const all = questions(options);
  requestKinds.forEach((kind, index) => {
    // Spread over the interval, so that they do not wait for each other.
    setTimeout(() => void askForever(options.url, kind, all[kind]), (index * intervalMs) / requestKinds.length);
  });
  answerRequests(take);
}
