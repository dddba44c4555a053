// A circuit is open for one minute of time that passes, whatever is set on the clock of the machine.

import { expect, test } from 'vitest';
import { createCircuitBreaker } from '../../../src/core/pulls/circuit-breaker.ts';
import { skippedReport } from '../../../src/core/registry/report.ts';
import { sampleRegistry } from '../../database/samples.ts';

test.each([
  ['back an hour', -3_600_000],
  ['forward a day', 86_400_000],
])('a clock that is set %s neither closes a circuit early nor keeps it open', (_, jumpMs) => {
  let [wallMs, elapsedMs] = [1_700_000_000_000, 0];
  const breaker = createCircuitBreaker({ now: () => new Date(wallMs), monotonicMs: () => elapsedMs });
  expect(breaker.open(sampleRegistry(1), 'INVALID_CREDENTIALS')).toBe(true);
  wallMs += jumpMs;
  elapsedMs += 59_000;
  expect(() => breaker.throwIfOpen(sampleRegistry(1))).toThrow(
    expect.objectContaining({ code: 'UPSTREAM_FAILED', retryAfter: wallMs + 1_000 }) as Error,
  );
  elapsedMs += 1_000;
  expect(() => breaker.throwIfOpen(sampleRegistry(1))).not.toThrow();
});

test('a success of the future, which a wrong clock has stored, does not keep a circuit from opening', () => {
  const [wallMs, elapsedMs] = [1_700_000_000_000, 0];
  const breaker = createCircuitBreaker({ now: () => new Date(wallMs), monotonicMs: () => elapsedMs });
  const report = { ...skippedReport(wallMs + 86_400_000), outcome: 'VALID' as const };
  const registry = { ...sampleRegistry(1), lastValidation: report };
  expect(breaker.open(registry, 'INVALID_CREDENTIALS')).toBe(true);
  expect(() => breaker.throwIfOpen(registry)).toThrow('rejected the stored credential');
  expect(breaker.open(registry, 'INVALID_CREDENTIALS')).toBe(false);
});
