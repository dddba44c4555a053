// The log: JSON lines on standard output with allow-listed fields, so that no input ever reaches it.

import { pino, type DestinationStream, type Logger } from 'pino';

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

/** A logger that writes to standard output, or to `destination` in tests. */
export function createLog(level: string, destination?: DestinationStream): Log {
  const options = { level, base: null, timestamp: () => `,"time":"${new Date().toISOString()}"`, formatters: { level: (label: string) => ({ level: label }) } };
  return destination === undefined ? pino(options) : pino(options, destination);
}
