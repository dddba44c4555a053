// Shows in the metrics what clients hold and wait for: bytes in flight, connections to upstreams, decodings, and who was refused or made room.

import { Counter, Gauge, type Registry as MetricRegistry } from 'prom-client';

/** What is held and waits at the moment, and what was refused or yielded since the start. */
interface Counts {
  readonly held: number;
  readonly waiting: number;
  readonly refused: number;
  readonly yielded: number;
}

/** Everything that flows through the process at the moment. */
export interface Flows {
  /** Content of pulls that was read from an upstream and not yet taken by its client. */
  readonly contentBytes: number;
  /** Memory that such content is read into, whole slabs counted. */
  readonly bufferBytes: number;
  /** Large answers of GraphQL and REST that their clients have not taken yet. */
  readonly answerBytes: number;
  /** Answers that were cut off so far to make room for others. */
  readonly displacedAnswers: number;
  /** Connections to upstreams for content. */
  readonly connections: Counts;
  /** Verifications of content with a content coding. */
  readonly decodings: Counts;
  /** Large GraphQL requests. */
  readonly requests: Counts;
}

const kinds = ['connections', 'decodings'] as const;

/** Adds the metrics to a registry. Each reads the flows when the metrics are rendered. */
export function addFlowMetrics(registry: MetricRegistry, read: () => Flows): void {
  const gauge = (name: string, help: string, collect: (set: (kind: string, value: number) => void) => void): void => {
    void new Gauge({
      name,
      help,
      labelNames: ['kind'],
      registers: [registry],
      collect() {
        collect((kind, value) => this.set({ kind }, value));
      },
    });
  };
  gauge('regway_bytes_in_flight', 'Bytes that clients have not taken yet, and the memory of content.', (set) => {
    const { contentBytes, bufferBytes, answerBytes } = read();
    set('content', contentBytes);
    set('buffers', bufferBytes);
    set('answers', answerBytes);
  });
  gauge('regway_pull_slots', 'Connections to upstreams and decodings that pulls hold.', (set) => {
    for (const kind of kinds) set(kind, read()[kind].held);
  });
  gauge('regway_pull_slots_waiting', 'Pulls that wait for a connection to an upstream or for a decoding.', (set) => {
    for (const kind of kinds) set(kind, read()[kind].waiting);
  });
  const single = (name: string, help: string, valueOf: (requests: Counts) => number): void => {
    void new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(valueOf(read().requests));
      },
    });
  };
  single('regway_large_requests', 'Large GraphQL requests that run.', ({ held }) => held);
  single('regway_large_requests_waiting', 'Large GraphQL requests that wait for their turn.', ({ waiting }) => waiting);
  const counter = (name: string, help: string, valueOf: () => Readonly<Record<string, number>>): void => {
    void new Counter({
      name,
      help,
      labelNames: ['kind'],
      registers: [registry],
      collect() {
        this.reset();
        for (const [kind, value] of Object.entries(valueOf())) this.inc({ kind }, value);
      },
    });
  };
  counter(
    'regway_budget_refusals_total',
    'Pulls and large requests that were refused because nothing became free in time.',
    () => {
      const { connections, decodings, requests } = read();
      return { connections: connections.refused, decodings: decodings.refused, requests: requests.refused };
    },
  );
  counter(
    'regway_stalled_clients_total',
    'Clients that took nothing and were disconnected to make room for others.',
    () => {
      const { connections, decodings, displacedAnswers } = read();
      return { connections: connections.yielded, decodings: decodings.yielded, answers: displacedAnswers };
    },
  );
}
