// Records what callers know about the registries of a server: the states that must be stored, and those that may be while a response is missing.

/** A registry's stored name; null when there is no such registry. */
export type Stored = string | null;

/** The possible states of each registry pattern. Only one after an acknowledgment. */
export type Possibilities = ReadonlyMap<string, ReadonlySet<Stored>>;

export interface Knowledge {
  /** Notes that a write is on its way. The answer: acknowledged, refused, or neither when the connection broke. */
  begin(registry: string, next: Stored): { acknowledged(): void; refused(): void };
  /** Acknowledged writes so far, and those whose answer never came. */
  counts(): { acknowledged: number; inDoubt: number };
  possibilities(): Possibilities;
}

export function createKnowledge(): Knowledge {
  const states = new Map<string, ReadonlySet<Stored>>();
  let acknowledged = 0;
  let begun = 0;
  let refused = 0;
  return {
    begin(registry, next) {
      const before = states.get(registry) ?? new Set([null]);
      states.set(registry, new Set([...before, next]));
      begun += 1;
      return {
        acknowledged() {
          states.set(registry, new Set([next]));
          acknowledged += 1;
        },
        refused() {
          states.set(registry, before);
          refused += 1;
        },
      };
    },
    counts: () => ({ acknowledged, inDoubt: begun - acknowledged - refused }),
    possibilities: () => new Map(states),
  };
}

/** Returns a sentence about every registry whose stored state contradicts a response; none if nothing was lost. */
export function contradictions(possibilities: Possibilities, stored: ReadonlyMap<string, string>): string[] {
  const strangers = [...stored.keys()].filter((registry) => !possibilities.has(registry));
  return [
    ...strangers.map((registry) => `${registry} is stored, but was never created`),
    ...[...possibilities].flatMap(([registry, possible]) => {
      const found = stored.get(registry) ?? null;
      return possible.has(found) ? [] : [`${registry} should be ${[...possible].join(' or ')}, and is ${found}`];
    }),
  ];
}
