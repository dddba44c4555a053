// The laws of what operators read of a storage that fails: the first failure at once, later ones counted, and nothing that floods the log.

import { describe, expect, it } from 'vitest';
import { createStorageFailures } from '../../../src/server/ops/storage-failures.ts';

const place = { storage: 'postgresql', host: 'db-1:5432,db-2:5432', database: 'regway' } as const;

/** Failures on a clock that only the test moves. */
function start() {
  const lines: [string, Record<string, unknown>, string][] = [];
  const counted: string[] = [];
  const timers: { atMs: number; run: () => void }[] = [];
  let nowMs = Date.UTC(2026, 0, 2);
  const failures = createStorageFailures({
    log: {
      error: (fields: object, text?: string) => lines.push(['error', { ...fields }, text ?? '']),
      info: (fields: object, text?: string) => lines.push(['info', { ...fields }, text ?? '']),
    },
    place,
    count: (code) => counted.push(code),
    now: () => new Date(nowMs),
    monotonicMs: () => nowMs,
    setTimer(run, delayMs) {
      const timer = { atMs: nowMs + delayMs, run };
      timers.push(timer);
      return () => void timers.splice(timers.indexOf(timer), 1);
    },
  });
  const pass = (seconds: number): void => {
    const endMs = nowMs + seconds * 1000;
    for (;;) {
      const next = timers.filter(({ atMs }) => atMs <= endMs).toSorted((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      timers.splice(timers.indexOf(next), 1);
      nowMs = next.atMs;
      next.run();
    }
    nowMs = endMs;
  };
  return { failures, lines, counted, pass, timers, at: () => new Date(nowMs) };
}

describe('a failure of the storage', () => {
  it('is logged at once, with the code of the driver, the call, and where the storage is', () => {
    const { failures, lines } = start();
    failures.observe('ECONNREFUSED', 'access.tokenById');
    expect(lines).toEqual([
      ['error', { ...place, code: 'ECONNREFUSED', call: 'access.tokenById' }, 'the storage failed'],
    ]);
  });

  it('is counted for a minute after that, and each minute has one line', () => {
    const { failures, lines, counted, pass } = start();
    for (let index = 0; index < 500; index++) failures.observe('57P01', 'registries.byId');
    pass(59);
    expect(lines).toHaveLength(1);
    pass(1);
    for (let index = 0; index < 7; index++) failures.observe('57P01', 'registries.byId');
    pass(60);
    expect(lines.slice(1)).toEqual([
      [
        'error',
        { ...place, code: '57P01', call: 'registries.byId', count: 499, seconds: 60 },
        'the storage failed again',
      ],
      [
        'error',
        { ...place, code: '57P01', call: 'registries.byId', count: 7, seconds: 60 },
        'the storage failed again',
      ],
    ]);
    expect(counted).toHaveLength(507);
  });

  it('after a minute without one is a first one again, and no timer is left', () => {
    const { failures, lines, pass, timers } = start();
    failures.observe('SQLITE_FULL', 'registries.insert');
    pass(60);
    expect(timers).toEqual([]);
    failures.observe('SQLITE_FULL', 'registries.insert');
    expect(lines.map(([, , text]) => text)).toEqual(['the storage failed', 'the storage failed']);
  });

  it('with another code is a first one, up to 50 codes', () => {
    const { failures, lines, counted } = start();
    for (let index = 0; index < 80; index++) failures.observe(`CODE_${index}`, 'registries.byId');
    expect(lines).toHaveLength(51);
    expect(new Set(counted).size).toBe(51);
    expect(counted.at(-1)).toBe('OTHER');
  });

  it('has one of 50 codes or OTHER for as long as the process runs', () => {
    const { failures, counted, pass } = start();
    for (let index = 0; index < 80; index++) {
      failures.observe(`CODE_${index}`, 'registries.byId');
      pass(60);
    }
    failures.observe('CODE_0', 'registries.byId');
    expect(new Set(counted).size).toBe(51);
    expect(counted.slice(-2)).toEqual(['OTHER', 'CODE_0']);
  });

  it('of a damaged file is named after 50 other codes too', () => {
    const { failures, lines, counted } = start();
    for (let index = 0; index < 80; index++) failures.observe(`CODE_${index}`, 'registries.byId');
    failures.observe('SQLITE_CORRUPT_INDEX', 'registries.byId');
    expect(counted.at(-1)).toBe('SQLITE_CORRUPT_INDEX');
    expect(lines.at(-1)?.[2]).toContain('run "regway verify"');
  });

  it.each(['SQLITE_CORRUPT', 'SQLITE_CORRUPT_INDEX', 'SQLITE_NOTADB', 'XX001', 'XX002'])(
    'of a damaged file (%s) names the way to recover',
    (code) => {
      const { failures, lines } = start();
      failures.observe(code, 'registries.byId');
      expect(lines[0]?.[2]).toContain('run "regway verify"');
    },
  );

  it('lasts from the first to the answer after it, which is logged with the seconds between', () => {
    const { failures, lines, pass, at } = start();
    const since = at();
    failures.observe('ECONNREFUSED', 'access.tokenById');
    pass(40);
    failures.observe('57P03', 'access.tokenById');
    pass(20);
    expect(failures.current()).toEqual({ code: '57P03', since });
    failures.noteAnswer();
    expect(failures.current()).toBeUndefined();
    expect(lines.at(-1)).toEqual(['info', { ...place, code: '57P03', seconds: 60 }, 'the storage answers again']);
    const before = lines.length;
    failures.noteAnswer();
    expect(lines).toHaveLength(before);
  });

  it('that was counted is logged at the end of the process', () => {
    const { failures, lines, timers } = start();
    for (let index = 0; index < 3; index++) failures.observe('ECONNRESET', 'uses.addUses');
    failures.close();
    expect(lines.at(-1)?.[1]).toMatchObject({ code: 'ECONNRESET', count: 2 });
    expect(timers).toEqual([]);
  });
});
