// Gives names turns at the threads that resolve them: proven names always find one, and names that hang share few.

/** `PROVEN`: it was resolved quickly before. `SLOW`: it was slow before. `UNKNOWN`: anything else. */
export type Lane = 'PROVEN' | 'SLOW' | 'UNKNOWN';

interface Turn<Result> {
  readonly result: Promise<Result>;
  /** Begins, or waits for a thread. */
  begin(): void;
  /** Takes it out of the queue. Returns false if it has begun. */
  cancel(): boolean;
}

export interface Turns<Result> {
  /** Adds a name. Returns undefined if too many are waiting. @param run Holds a thread until it settles. */
  enter(name: string, lane: Lane, run: () => Promise<Result>): Turn<Result> | undefined;
  counts(): { readonly running: number; readonly waiting: number };
}

interface Entry {
  readonly lane: Lane;
  readonly site: string;
  start(): void;
}

/** Maximum number of waiting names. Each waits at most a few seconds. */
const maxWaiting = 256;

/** Maximum number of waiting names of one site, so that none fills the queue. */
const maxWaitingPerSite = 128;

/** Creates turns. @param threads Threads of libuv's pool, which also reads files, compresses, and hashes passwords. */
export function createTurns<Result>(threads: number): Turns<Result> {
  const running = new Set<Entry>();
  const queue = createQueue();
  const mayRun = createLimits(threads, running);
  const startNext = (): void => {
    for (let next = queue.next(mayRun); next !== undefined; next = queue.next(mayRun)) start(next);
  };
  const start = (entry: Entry): void => {
    queue.remove(entry);
    running.add(entry);
    entry.start();
  };
  return {
    counts: () => ({ running: running.size, waiting: queue.size() }),
    enter(name, lane, run) {
      const { promise: result, resolve } = Promise.withResolvers<Result>();
      const entry: Entry = {
        lane,
        site: siteOf(name),
        start() {
          const work = run();
          resolve(work);
          const end = (): void => {
            running.delete(entry);
            startNext();
          };
          work.then(end, end);
        },
      };
      if (!mayRun(entry) && queue.isFullFor(entry)) return undefined;
      return {
        result,
        begin: () => (mayRun(entry) ? start(entry) : queue.add(entry)),
        cancel: () => queue.remove(entry),
      };
    },
  };
}

/** Returns the rule by which an entry may have a thread beside those that run. */
function createLimits(threads: number, running: ReadonlySet<Entry>): (entry: Entry) => boolean {
  // libuv itself gives lookups no more than that: `slow_work_thread_threshold` in src/threadpool.c.
  const maxRunning = Math.ceil(threads / 2);
  const maxUnproven = Math.max(1, Math.floor(maxRunning / 2));
  const maxSlow = Math.max(1, Math.floor(maxRunning / 4));
  return ({ lane, site }) => {
    if (running.size >= maxRunning) return false;
    if (lane === 'PROVEN') return true;
    const unproven = [...running].filter((other) => other.lane !== 'PROVEN');
    const slow = unproven.filter((other) => other.lane === 'SLOW');
    return (
      unproven.length < maxUnproven &&
      unproven.every((other) => other.site !== site) &&
      (lane !== 'SLOW' || slow.length < maxSlow)
    );
  };
}

interface Queue {
  size(): number;
  isFullFor(entry: Entry): boolean;
  add(entry: Entry): void;
  /** Returns false if it does not wait. */
  remove(entry: Entry): boolean;
  /** Returns the entry whose turn is next: a proven name, else the first of the site that waited longest. */
  next(mayRun: (entry: Entry) => boolean): Entry | undefined;
}

function createQueue(): Queue {
  // The sites in the order of their turns.
  const sites = new Map<string, Entry[]>();
  const all = (): Entry[] => [...sites.values()].flat();
  return {
    size: () => all().length,
    isFullFor: ({ site }) => all().length >= maxWaiting || (sites.get(site)?.length ?? 0) >= maxWaitingPerSite,
    add: (entry) => void sites.set(entry.site, [...(sites.get(entry.site) ?? []), entry]),
    remove(entry) {
      const entries = sites.get(entry.site) ?? [];
      if (!entries.includes(entry)) return false;
      sites.delete(entry.site);
      const others = entries.filter((other) => other !== entry);
      // Its site goes to the end.
      if (others.length > 0) sites.set(entry.site, others);
      return true;
    },
    next(mayRun) {
      const ready = all().filter(mayRun);
      return ready.find(({ lane }) => lane === 'PROVEN') ?? ready[0];
    },
  };
}

/** Returns the last two labels of a name, which are often all that names of one owner share. */
function siteOf(name: string): string {
  return name.split('.').filter(Boolean).slice(-2).join('.');
}
