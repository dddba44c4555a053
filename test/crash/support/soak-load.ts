// The load of a soak: people who read, scripts that write, clients that pull, streams that come and go, and upstreams that are down or slow.

import { setTimeout as pause } from 'node:timers/promises';
import { operationsOn, registryOf, type RegistryInput } from '../../e2e/support/operations.ts';
import { basicAuthorization, pullAll } from '../../e2e/support/raw-pull.ts';
import type { RegwayServer } from '../../e2e/support/server.ts';

export interface SoakLoad {
  /** Milliseconds of every list and get so far, by whether bad upstreams were contacted at the same time. */
  readonly latencies: Readonly<Record<'calm' | 'bad', Readonly<Record<'list' | 'get', number[]>>>>;
  /** Requests of each kind. */
  readonly counts: Readonly<Record<string, number>>;
  /** Responses that should not occur. */
  readonly faults: readonly string[];
  /** Begins or ends asking the bad upstreams. */
  setBad(isBad: boolean): void;
  stop(): Promise<void>;
}

export interface SoakUpstreams {
  /** `host:port` of a registry that holds the repository, and its login. */
  readonly good: RegistryInput;
  readonly repository: string;
  /** Nobody listens there. */
  readonly down: string;
  /** Takes connections and never answers. */
  readonly slow: string;
}

const population = 200;
const insecure = { secureConnection: false };
const unchecked = { validate: false, ...insecure };

/** Fills the server and starts all clients. */
export async function startSoakLoad(server: RegwayServer, upstreams: SoakUpstreams): Promise<SoakLoad> {
  const operations = operationsOn(server);
  const good = registryOf(await operations.create(upstreams.good, insecure));
  const [down, slow] = await Promise.all(
    [upstreams.down, upstreams.slow].map(async (registry) =>
      registryOf(await operations.create({ registry, username: 'u', password: 'p' }, unchecked)),
    ),
  );
  const live: string[] = [];
  let serial = 0;
  const create = async () =>
    void live.push(
      registryOf(
        await operations.create(
          { registry: `host-${serial % 40}.example/team/app-${serial++}`, username: 'u', password: 'p' },
          unchecked,
        ),
      ).id,
    );
  while (live.length < population) await create();

  const latencies = {
    calm: { list: [] as number[], get: [] as number[] },
    bad: { list: [] as number[], get: [] as number[] },
  };
  const [counts, faults]: [Record<string, number>, string[]] = [{}, []];
  let isBad = false;
  const stopping = new AbortController();
  const timed = async (kind: 'list' | 'get', run: () => Promise<unknown>): Promise<void> => {
    const [phase, startedAt] = [isBad ? 'bad' : 'calm', performance.now()] as const;
    await run();
    latencies[phase][kind].push(performance.now() - startedAt);
  };
  /** Repeats one operation; one that contacts a bad upstream, only in the periods for it. */
  const loop = async (
    name: string,
    pauseMs: number,
    run: () => Promise<unknown>,
    isTimely = () => true,
  ): Promise<void> => {
    for (; !stopping.signal.aborted; await pause(pauseMs * (0.5 + Math.random()))) {
      if (!isTimely()) continue;
      await run().catch((error: unknown) => stopping.signal.aborted || faults.push(`${name}: ${String(error)}`));
      counts[name] = (counts[name] ?? 0) + 1;
    }
  };
  const inBadTimes = () => isBad;
  const any = () => live[Math.floor(Math.random() * live.length)] ?? '';
  const headers = { authorization: basicAuthorization(server.firstToken()) };
  const pull = (upstream: string) =>
    pullAll({ server: server.url, upstream, repository: upstreams.repository, authorization: headers.authorization });
  const loops = [
    loop('list', 100, () => timed('list', () => operations.list({ host: 'host-7.example' }))),
    loop('get', 30, () => timed('get', () => operations.get({ id: any() }))),
    loop('image', 50, () => operations.image('host-7.example/team/app-7:1.0')),
    loop('REST', 200, () =>
      expectStatus(
        fetch(`${server.url}/api/v2/registries/${encodeURIComponent(upstreams.good.registry)}`, { headers }),
        200,
      ),
    ),
    loop('create and delete', 150, async () => {
      await create();
      await expectDone(operations.delete(live.shift() ?? ''));
    }),
    loop('update', 150, () => expectDone(operations.update(any(), { name: `name ${serial}` }, unchecked))),
    loop('check', 1_000, () => expectDone(operations.validate(good.id))),
    loop('pull', 200, async () => expectStatus(pull(upstreams.good.registry), 200)),
    loop('stream', 300, () => readStream(server)),
    // Up to ten wait on the slow one at any time.
    ...Array.from({ length: 5 }, () => loop('pull from the slow one', 200, () => pull(upstreams.slow), inBadTimes)),
    ...Array.from({ length: 5 }, () =>
      loop('check of the slow one', 200, () => operations.validate(slow?.id ?? ''), inBadTimes),
    ),
    loop('pull from the one that is down', 50, () => pull(upstreams.down), inBadTimes),
    loop('check of the one that is down', 50, () => operations.validate(down?.id ?? ''), inBadTimes),
  ];
  return {
    latencies,
    counts,
    faults,
    setBad(value) {
      isBad = value;
    },
    async stop() {
      stopping.abort();
      await Promise.all(loops);
    },
  };
}

/** Only an operation on a resource that another client changed or deleted concurrently may be rejected. */
async function expectDone(changing: Promise<{ readonly errors: readonly { readonly code: string }[] }>): Promise<void> {
  const wrong = (await changing).errors.filter(({ code }) => code !== 'NOT_FOUND' && code !== 'CONFLICT');
  if (wrong.length > 0) throw new Error(JSON.stringify(wrong));
}

/** Opens a stream of changes, reads for a moment, and leaves without a word. */
async function readStream(server: RegwayServer): Promise<void> {
  const leaving = new AbortController();
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'text/event-stream',
      authorization: `Bearer ${server.firstToken()}`,
    },
    body: JSON.stringify({ query: 'subscription { registryChanged { kind registry { name } } }' }),
    signal: leaving.signal,
  });
  const reading = response.text().catch(() => undefined);
  await pause(500);
  leaving.abort();
  await reading;
}

async function expectStatus(answering: Promise<{ readonly status: number }>, status: number): Promise<void> {
  const answer = await answering;
  if (answer.status !== status) throw new Error(`status ${answer.status}`);
  if (answer instanceof Response) await answer.arrayBuffer();
}
