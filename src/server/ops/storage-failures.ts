// Reports failures of the storage to the operator: the first with a code at once, later ones counted once a minute, so that an outage does not flood the log.

import type { Timer } from '../../core/shared/time.ts';
import type { Log } from './log.ts';

/** Where the storage is, without any secret. */
export type StoragePlace =
  /** `host` is `host:port`, or several of them with commas. */
  | { readonly storage: 'postgresql'; readonly host: string; readonly database: string }
  | { readonly storage: 'sqlite'; readonly path: string };

/** The failure that lasts. */
export interface StorageFailure {
  /** The code of the last failed call. */
  readonly code: string;
  readonly since: Date;
}

/** The failures of the storage. */
export interface StorageFailures {
  /** Counts a failed call. @param code that of the driver, such as `ECONNREFUSED`. @param call its name, such as `access.tokenById`. */
  observe(code: string, call: string): void;
  /** Notes that the storage answers. */
  noteAnswer(): void;
  /** Returns the failure since the storage last answered; undefined if none was seen for a minute. */
  current(): StorageFailure | undefined;
  /** Logs what is counted, and ends the timers. */
  close(): void;
}

/** The dependencies of the failures. */
export interface StorageFailureOptions {
  readonly log: Pick<Log, 'error' | 'info'>;
  readonly place: StoragePlace;
  readonly count: (code: string) => void;
  readonly now: () => Date;
  /** Returns milliseconds of a clock that only runs forward. */
  readonly monotonicMs: () => number;
  readonly setTimer: Timer;
}

/** Milliseconds for which failures with one code are counted before the next line. */
const windowMs = 60_000;
/** Maximum number of codes that are distinguished while the process runs, in addition to those of damage. PostgreSQL alone has hundreds. */
const maxCodes = 50;
/** The code of all others. */
const otherCode = 'OTHER';
/** The codes of SQLite and PostgreSQL for a file whose content is wrong. */
const damaged = /^(SQLITE_(CORRUPT|NOTADB).*|XX00[12])$/;

interface Window {
  count: number;
  readonly call: string;
  cancel: () => void;
}

/** Creates the failures, with none so far. */
export function createStorageFailures(options: StorageFailureOptions): StorageFailures {
  const { log, place, count, now, monotonicMs, setTimer } = options;
  const codes = new Set<string>();
  const windows = new Map<string, Window>();
  let lasting: { code: string; readonly since: Date; readonly sinceMs: number; lastMs: number } | undefined;
  const logWindow = (code: string, window: Window): void => {
    if (window.count === 0) return;
    log.error(
      { ...place, code, call: window.call, count: window.count, seconds: windowMs / 1000 },
      'the storage failed again',
    );
  };
  const endWindow = (code: string, window: Window): void => {
    windows.delete(code);
    logWindow(code, window);
    if (window.count > 0) beginWindow(code, window.call);
  };
  const beginWindow = (code: string, call: string): void => {
    const window: Window = { count: 0, call, cancel: () => undefined };
    window.cancel = setTimer(() => endWindow(code, window), windowMs);
    windows.set(code, window);
  };
  return {
    observe(given, call) {
      const code = codes.has(given) || codes.size < maxCodes || damaged.test(given) ? given : otherCode;
      codes.add(code);
      count(code);
      const atMs = monotonicMs();
      if (lasting === undefined || atMs - lasting.lastMs > windowMs)
        lasting = { code, since: now(), sinceMs: atMs, lastMs: atMs };
      lasting.code = code;
      lasting.lastMs = atMs;
      const window = windows.get(code);
      if (window !== undefined) {
        window.count += 1;
        return;
      }
      log.error({ ...place, code, call }, sentenceFor(code));
      beginWindow(code, call);
    },
    noteAnswer() {
      if (lasting === undefined) return;
      const seconds = Math.round((monotonicMs() - lasting.sinceMs) / 1000);
      log.info({ ...place, code: lasting.code, seconds }, 'the storage answers again');
      lasting = undefined;
    },
    current() {
      if (lasting === undefined || monotonicMs() - lasting.lastMs > windowMs) return undefined;
      return { code: lasting.code, since: lasting.since };
    },
    close() {
      for (const [code, window] of windows) {
        window.cancel();
        logWindow(code, window);
      }
      windows.clear();
    },
  };
}

function sentenceFor(code: string): string {
  return damaged.test(code)
    ? 'the storage is damaged: run "regway verify" to see what, and restore a backup'
    : 'the storage failed';
}
