// The laws of the log: a request's line is one like any other.

import { expect, it } from 'vitest';
import { createLog, type Log } from '../../../src/server/ops/log.ts';

const line = { requestId: 'a-trace-id.42', method: 'POST', route: 'graphql', status: 200, durationMs: 3 };

function linesOf(level: string, write: (log: Log) => void): Record<string, unknown>[] {
  const lines: string[] = [];
  write(createLog(level, { write: (text) => lines.push(text) }));
  return lines.map((text) => JSON.parse(text) as Record<string, unknown>);
}

it('the line of a request is what the logger writes for its fields', () => {
  const [own, usual] = linesOf('info', (log) => {
    log.request(line);
    log.info(line, 'request');
  });
  expect(Object.entries({ ...own, time: '' })).toEqual(Object.entries({ ...usual, time: '' }));
});

it('its time is that of the clock, to the millisecond', () => {
  const before = Date.now();
  const times = linesOf('info', (log) => Array.from({ length: 3 }, () => log.request(line))).map(({ time }) =>
    Date.parse(String(time)),
  );
  expect(times).toHaveLength(3);
  for (const time of times) expect(time >= before && time <= Date.now()).toBe(true);
});

it.each([
  ['debug', 1],
  ['info', 1],
  ['warn', 0],
  ['silent', 0],
])('at the level %s a request leaves %i lines', (level, count) => {
  expect(linesOf(level, (log) => log.request(line))).toHaveLength(count);
});
