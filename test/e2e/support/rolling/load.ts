// Sends requests of every kind without a pause, and counts those that failed: an operator's question, not a benchmark's.

import { createHash } from 'node:crypto';
import { pause } from '../child-process.ts';
import { basicAuthorization } from '../raw-pull.ts';

export interface LoadOptions {
  /** `http://host:port` of the balancer. */
  readonly url: string;
  readonly token: string;
  /** Of a stored registry. */
  readonly id: string;
  /** The registry's `host:port`. */
  readonly upstream: string;
  readonly repository: string;
  /** Digest of a blob of some MiB. */
  readonly blob: string;
  /** Loops of each kind. Defaults to 2. */
  readonly loops?: number;
}

export interface Load {
  /** Requests that ended, by kind. */
  counts(): Readonly<Record<string, number>>;
  /** Those that failed, as `kind: why`. */
  failures(): readonly string[];
  /** Finishes the running requests. */
  stop(): Promise<void>;
}

/** Milliseconds between two requests of a loop, so that the load leaves room for the servers that start. */
const betweenMs = 60;

type Kind = (options: LoadOptions, signal: AbortSignal) => Promise<void>;

/** Starts the load. */
export function startLoad(options: LoadOptions): Load {
  const counts: Record<string, number> = {};
  const failures: string[] = [];
  const stopping = new AbortController();
  const loop = async (name: string, send: Kind): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        await send(options, stopping.signal);
      } catch (error) {
        if (name === 'stream' && stopping.signal.aborted) return;
        const cause = error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : '';
        failures.push(`${new Date().toISOString()} ${name}: ${error instanceof Error ? error.message : ''}${cause}`);
      }
      counts[name] = (counts[name] ?? 0) + 1;
      await pause(betweenMs);
    }
  };
  const loops = Array.from({ length: options.loops ?? 2 }, () =>
    Object.entries(kinds).map(([name, send]) => loop(name, send)),
  ).flat();
  return {
    counts: () => ({ ...counts }),
    failures: () => failures,
    async stop() {
      stopping.abort();
      await Promise.all(loops);
    },
  };
}

const graphql = async ({ url, token }: LoadOptions, query: string, more: RequestInit = {}): Promise<Response> =>
  await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ query }),
    ...more,
  });

const kinds: Readonly<Record<string, Kind>> = {
  async 'GraphQL get'(options) {
    const text = await bodyOf(await graphql(options, `{ registry(id: "${options.id}") { id host } }`));
    if (!text.includes(options.id)) throw new Error(text);
  },
  async 'GraphQL update'(options) {
    const change = `mutation { updateRegistry(id: "${options.id}", input: { name: "${performance.now()}" }, secureConnection: false, validate: false) { registry { id } errors { code } } }`;
    const text = await bodyOf(await graphql(options, change));
    // Two of these at once: the later one is told so.
    if (!text.includes(options.id) && !text.includes('CONFLICT')) throw new Error(text);
  },
  async 'REST list'({ url, token, upstream }) {
    const headers = { authorization: `Bearer ${token}` };
    const text = await bodyOf(await fetch(`${url}/api/v2/registries`, { headers }));
    if (!text.includes(upstream)) throw new Error(text);
  },
  async 'sign-in'({ url, token, upstream, repository }) {
    const scope = `repository:${upstream.replace(':', '_')}/${repository}:pull`;
    const grant = await bodyOf(
      await fetch(`${url}/v2/token?service=regway&scope=${encodeURIComponent(scope)}`, {
        headers: { authorization: basicAuthorization(token) },
      }),
    );
    const { token: bearer } = JSON.parse(grant) as { token: string };
    await bodyOf(await fetch(`${url}/v2/`, { headers: { authorization: `Bearer ${bearer}` } }));
  },
  async manifest(options) {
    await bodyOf(await pull(options, 'manifests/latest'));
  },
  async blob(options) {
    const response = await pull(options, `blobs/${options.blob}`);
    if (response.status !== 200) throw new Error(`${response.status} ${await response.text()}`);
    const digest = createHash('sha256')
      .update(Buffer.from(await response.arrayBuffer()))
      .digest('hex');
    if (`sha256:${digest}` !== options.blob) throw new Error('the content is another one');
  },
  /** Open for as long as the server that it reached; then it must be told that it is complete. */
  async stream(options, signal) {
    const headers = {
      'content-type': 'application/json',
      accept: 'text/event-stream',
      authorization: `Bearer ${options.token}`,
    };
    const text = await bodyOf(await graphql(options, 'subscription { registryChanged { kind } }', { headers, signal }));
    if (!text.includes('event: complete')) throw new Error(`it ended without a word: ${text.slice(-200)}`);
  },
};

async function bodyOf(response: Response): Promise<string> {
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${response.status} ${text}`);
  return text;
}

function pull({ url, token, upstream, repository }: LoadOptions, rest: string): Promise<Response> {
  return fetch(`${url}/v2/${upstream.replace(':', '_')}/${repository}/${rest}`, {
    headers: {
      accept: 'application/vnd.oci.image.manifest.v1+json',
      authorization: basicAuthorization(token),
    },
  });
}
