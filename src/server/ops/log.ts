// Writes the log: JSON lines on standard output with allow-listed fields, so that no input ever reaches it.

import { pino, type DestinationStream, type Logger } from 'pino';

export interface Log extends Logger {
  /** Writes the line of a finished request, at the level `info`. */
  request(line: RequestLine): void;
}

/** Everything that one request leaves in the log. */
export interface RequestLine {
  readonly requestId: string;
  readonly method: string;
  /** The route's name, never the raw path or query: those can contain what a user pasted. */
  readonly route: string;
  readonly status: number;
  readonly durationMs: number;
}

/** pino's number for warnings. */
const warnLevel = 40;
/** Lines are written in pieces of at least this many bytes, because a write costs as much as a database lookup. */
const pieceBytes = 8_192;
/** A line waits at most this many milliseconds for others, so that the log can be watched. */
const flushIntervalMs = 100;
/** Bytes kept while the log cannot be written, as on a full disk. They are written when there is room again; further lines are dropped. */
const maxUnwrittenBytes = 1024 * 1024;

/** Where pino writes; `flush` writes what is buffered. */
interface Destination extends DestinationStream {
  flush?(): void;
}

/**
 * Creates a logger. A warning or worse is written at once, with everything before it, and so is everything at `flush`. A
 * process that exits leaves nothing unwritten; one that is killed can lose the lines of the last 100 ms.
 * @param level The lowest level that is logged.
 * @param destination Standard output by default.
 */
export function createLog(level: string, destination: Destination = standardOutput()): Log {
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      hooks: {
        logMethod(parameters, method, levelNumber) {
          method.apply(this, parameters);
          if (levelNumber >= warnLevel) destination.flush?.();
        },
      },
    },
    destination,
  );
  return Object.assign(logger, { request: (line: RequestLine) => logger.info(line, 'request') });
}

/** Writes synchronously, so that a full pipe slows the server instead of filling its memory. */
function standardOutput(): Destination {
  const output = pino.destination({
    dest: 1,
    sync: true,
    minLength: pieceBytes,
    periodicFlush: flushIntervalMs,
    maxLength: maxUnwrittenBytes,
  });
  // Without a listener, a log that cannot be written would end the server. There is nowhere to report it.
  output.on('error', () => undefined);
  // Not flushSync, which retries forever on a full disk.
  process.once('exit', () => output.flush());
  return output;
}
