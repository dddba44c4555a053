// The log: JSON lines on standard output with allow-listed fields, so that no input ever reaches it.

import { pino, type DestinationStream, type Logger, type LoggerOptions } from 'pino';

export type Log = Logger;

/** What one request leaves in the log. Nothing else of a request is written. */
export interface RequestLine {
  readonly requestId: string;
  readonly method: string;
  /** The route's name, never the raw path or query: those can hold what a person pasted. */
  readonly route: string;
  readonly status: number;
  readonly durationMs: number;
}

/** pino's number for warnings. */
const warnLevel = 40;
/** Lines are written in pieces of this size, as a write costs as much as a lookup does. */
const bufferedBytes = 4096;
/** And after this time at most, so that who watches the log sees what happens. */
const flushIntervalMs = 100;

/**
 * A logger that writes to standard output, or to `destination` in tests. What is a warning or worse is written at once, with everything
 * before it; a process that ends by itself leaves nothing unwritten, one that is killed may lose what was logged in the last moment.
 */
export function createLog(level: string, destination?: DestinationStream): Log {
  const options = { level, base: null, timestamp: () => `,"time":"${new Date().toISOString()}"`, formatters: { level: (label: string) => ({ level: label }) } };
  return destination === undefined ? createBufferedLog(options) : pino(options, destination);
}

function createBufferedLog(options: LoggerOptions): Log {
  const output = pino.destination({ dest: 1, sync: true, minLength: bufferedBytes, periodicFlush: flushIntervalMs });
  process.once('exit', () => output.flushSync());
  const logMethod: NonNullable<LoggerOptions['hooks']>['logMethod'] = function (parameters, method, levelNumber) {
    method.apply(this, parameters);
    if (levelNumber >= warnLevel) output.flushSync();
  };
  return pino({ ...options, hooks: { logMethod } }, output);
}
