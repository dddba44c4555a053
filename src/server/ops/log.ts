// Writes the log: JSON lines on standard output with allow-listed fields, so that no input ever reaches it.

import { pino, type DestinationStream, type Logger } from 'pino';

/** The log of the server. */
export interface Log extends Logger {
  /** Writes the line of a finished request, at the level `info`. */
  request(line: RequestLine): void;
  /** Writes the line of a finished probe, at the level `debug`. */
  probe(line: RequestLine): void;
}

/** The fields of a request's line in the log. */
export interface RequestLine {
  readonly requestId: string;
  readonly method: string;
  /** The route's name, never the raw path or query: those can contain what a user pasted. */
  readonly route: string;
  readonly status: number;
  /** In milliseconds, from the start of the request to the end of its response. */
  readonly durationMs: number;
}

/** pino's number for warnings. */
const warnLevel = 40;
/** The minimum number of bytes per write, because a write costs as much as a database lookup. */
const pieceBytes = 8_192;
/** In milliseconds: how long a line waits for others at most, so that the log can be followed live. */
const flushIntervalMs = 100;
/** Maximum bytes that are buffered while the log cannot be written, as on a full disk. They are written later; further lines are dropped. */
const maxUnwrittenBytes = 1024 * 1024;

/** The destination of pino. `flush` writes the buffered lines. */
interface Destination extends DestinationStream {
  flush?(): void;
}

/**
 * Creates the log. A warning or worse is written at once, with every line before it. A process that exits writes all lines; one that is killed can
 * lose the lines of the last 100 ms.
 * @param level The lowest level that is logged, such as `info`.
 * @param destination Defaults to standard output.
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
  return Object.assign(logger, {
    request: (line: RequestLine) => logger.info(line, 'request'),
    probe: (line: RequestLine) => logger.debug(line, 'probe'),
  });
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
  // Without a listener, a log that cannot be written would end the process. The error cannot be reported anywhere.
  output.on('error', () => undefined);
  // Not flushSync, which retries forever on a full disk.
  process.once('exit', () => output.flush());
  return output;
}
