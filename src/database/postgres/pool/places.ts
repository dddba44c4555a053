// Counts the connections of a pool that callers may use, and lets the others wait in their order.

export type Places = ReturnType<typeof createPlaces>;

/** Creates places for `max` callers at a time; others wait in their order. pg's own queue gives up after the time that connecting may take. */
export function createPlaces(max: number) {
  const waiting: (() => void)[] = [];
  let free = max;
  return {
    take(): Promise<void> {
      if (free > 0) {
        free -= 1;
        return Promise.resolve();
      }
      return new Promise((resolve) => {
        waiting.push(resolve);
      });
    },
    free(): void {
      const next = waiting.shift();
      if (next === undefined) free += 1;
      else next();
    },
    waiting: () => waiting.length,
  };
}
