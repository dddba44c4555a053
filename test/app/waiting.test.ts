// The start waits for a database that is away as long as the setting says, says so once a minute, and stops at once when it is told to.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openWhenThere, type WaitOptions } from '../../src/app/start/waiting.ts';
import { DatabaseAwayError, StoreError, storageUnavailable } from '../../src/database/errors.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

/** Runs a wait that sees the database after this time. */
function run(thereAfterMs: number, waitMs: number, more: Partial<WaitOptions> & { error?: Error } = {}) {
  const began = performance.now();
  const lines: object[] = [];
  const reasons: object[] = [];
  const attempts: number[] = [];
  const result = openWhenThere(
    async () => {
      attempts.push(performance.now() - began);
      if (performance.now() - began >= thereAfterMs) return 'store';
      throw more.error ?? new DatabaseAwayError('No server listens on secret.example:5432.', false, 'ECONNREFUSED');
    },
    {
      waitMs,
      stopping: new Promise(() => undefined),
      log: { warn: (fields: object) => lines.push(fields) },
      onWait: async (check) => void setTimeout(() => reasons.push(check()), 1),
      ...more,
    },
  );
  result.catch(() => undefined);
  return { result, lines, reasons, attempts };
}

describe('a start', () => {
  it('that may wait opens the database when it is there, with one line at once and one a minute', async () => {
    const { result, lines, reasons } = run(150_000, 600_000);
    await vi.advanceTimersByTimeAsync(160_000);
    expect(await result).toBe('store');
    expect(lines).toHaveLength(3);
    expect(lines[0]).toMatchObject({ reason: 'No server listens on secret.example:5432.' });
    expect(reasons).toEqual([{ check: 'storage', code: 'ECONNREFUSED', since: expect.any(Date) as unknown }]);
  });

  it('that may wait gives up after its time, with a failure that passes', async () => {
    const { result } = run(Infinity, 60_000);
    await vi.advanceTimersByTimeAsync(62_000);
    await expect(result).rejects.toMatchObject({
      passes: true,
      message: 'No server listens on secret.example:5432. Regway waited 60 s for it.',
    });
  });

  it('that may not wait tries once', async () => {
    const { result, attempts, lines, reasons } = run(1, 0);
    await expect(result).rejects.toMatchObject({
      passes: false,
      message:
        'No server listens on secret.example:5432. To wait for a database that starts later, set REGWAY_DATABASE_WAIT.',
    });
    expect([attempts.length, lines.length, reasons.length]).toEqual([1, 0, 0]);
  });

  it('never waits for what waiting cannot end', async () => {
    const { result, attempts } = run(1, 60_000, { error: new StoreError('The server does not offer TLS.') });
    await expect(result).rejects.toThrow('The server does not offer TLS.');
    expect(attempts).toHaveLength(1);
  });

  it('waits for what the store itself finds away', async () => {
    const { result } = run(3_000, 60_000, { error: storageUnavailable('The storage is unavailable.', '53300') });
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await result).toBe('store');
  });

  it('that is told to stop stops within the pause', async () => {
    const stop = Promise.withResolvers<void>();
    const { result, attempts } = run(Infinity, 600_000, { stopping: stop.promise });
    await vi.advanceTimersByTimeAsync(5_000);
    stop.resolve();
    await vi.advanceTimersByTimeAsync(1);
    expect(await result).toBeUndefined();
    expect(attempts.length).toBeLessThanOrEqual(3);
  });
});
