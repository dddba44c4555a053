// Several of a kind as one: each call goes to the next of them, as requests do behind a balancer.

/**
 * @param targets The objects to call in turn, with the objects in their properties.
 * @param toAll names of methods that all are called with, such as `close`.
 * @returns the one target itself, when there is only one.
 */
export function inTurn<T extends object>(targets: readonly T[], toAll: readonly string[] = []): T {
  let turn = 0;
  const next = () => turn++ % targets.length;
  return targets.length === 1 && targets[0] !== undefined ? targets[0] : oneOf(targets, next, toAll);
}

/** Reads a member of the first; a function is called on whichever comes next by then. */
function oneOf<T extends object>(targets: readonly T[], next: () => number, toAll: readonly string[]): T {
  return new Proxy(targets[0] as T, {
    get(first, name: string & keyof T) {
      if (typeof first[name] === 'function')
        return (...values: unknown[]) =>
          toAll.includes(name) ? callAll(targets, name, values) : call(targets[next()] as T, name, values);
      return typeof first[name] === 'object' && first[name] !== null
        ? oneOf(
            targets.map((target) => target[name] as object),
            next,
            toAll,
          )
        : first[name];
    },
  });
}

function call<T extends object>(target: T, name: keyof T, values: readonly unknown[]): unknown {
  return (target[name] as (...values: readonly unknown[]) => unknown)(...values);
}

function callAll<T extends object>(targets: readonly T[], name: keyof T, values: readonly unknown[]): unknown {
  const results = targets.map((target) => call(target, name, values));
  return results[0] instanceof Promise ? Promise.all(results).then(([first]) => first) : results[0];
}
