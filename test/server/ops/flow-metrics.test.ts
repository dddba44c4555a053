// The metrics of what clients hold: read when they are rendered, under names of the conventions of Prometheus.

import { expect, it } from 'vitest';
import { createMetrics } from '../../../src/server/ops/metrics.ts';

it('show what flows at the moment, and what was refused and yielded since the start', async () => {
  const metrics = createMetrics();
  const counts = { held: 3, waiting: 2, refused: 5, yielded: 7 };
  let contentBytes = 1;
  metrics.observeFlows(() => ({
    contentBytes,
    bufferBytes: 20,
    answerBytes: 30,
    displacedAnswers: 4,
    connections: counts,
    decodings: { held: 0, waiting: 0, refused: 1, yielded: 0 },
    requests: { held: 2, waiting: 6, refused: 8, yielded: 0 },
  }));
  await metrics.render();
  contentBytes = 10;
  const { body } = await metrics.render();
  expect(body.split('\n').filter((line) => /^regway_(bytes|pull|large|budget|stalled)/.test(line))).toEqual([
    'regway_bytes_in_flight{kind="content"} 10',
    'regway_bytes_in_flight{kind="buffers"} 20',
    'regway_bytes_in_flight{kind="answers"} 30',
    'regway_pull_slots{kind="connections"} 3',
    'regway_pull_slots{kind="decodings"} 0',
    'regway_pull_slots_waiting{kind="connections"} 2',
    'regway_pull_slots_waiting{kind="decodings"} 0',
    'regway_large_requests 2',
    'regway_large_requests_waiting 6',
    'regway_budget_refusals_total{kind="connections"} 5',
    'regway_budget_refusals_total{kind="decodings"} 1',
    'regway_budget_refusals_total{kind="requests"} 8',
    'regway_stalled_clients_total{kind="connections"} 7',
    'regway_stalled_clients_total{kind="decodings"} 0',
    'regway_stalled_clients_total{kind="answers"} 4',
  ]);
});
