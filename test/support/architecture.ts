// Reads imports as arrows between rooms, and finds the arrows and circles that a layout forbids.

import { dirname, join, normalize } from 'node:path';

export interface Import {
  readonly from: string;
  /** A path below `src`, or the name of a package. */
  readonly to: string;
  readonly isTypeOnly: boolean;
}

/** A sibling by its name, or a path below `src`. */
export type Room = string;

const statement =
  /(?:^|\n)\s*(?:import|export)\s+(type\s+)?([^'";]*?)\s*from\s*'([^']+)'|\bimport\s*\(\s*'([^']+)'|(?:^|\n)import\s*'([^']+)'/g;

/** Returns every import of one file, dynamic ones and re-exports included. */
export function importsOf(file: string, text: string): Import[] {
  return [...text.matchAll(statement)].map(([, typeKeyword, names = '', named, dynamic, bare]) => {
    const specifier = named ?? dynamic ?? bare ?? '';
    return {
      from: file,
      to: specifier.startsWith('.') ? normalize(join(dirname(file), specifier)) : specifier,
      isTypeOnly: typeKeyword !== undefined || /^\{\s*(?:type \w+(?: as \w+)?,?\s*)+\}$/.test(names.trim()),
    };
  });
}

/** Returns the imports that no row allows, as `from → to`. */
export function forbiddenArrows(
  imports: readonly Import[],
  rooms: Readonly<Record<string, readonly Room[]>>,
): string[] {
  return imports
    .filter(({ from, to }) => isOurs(to) && !isAllowed(from, to, rooms))
    .map(({ from, to }) => `${from} → ${to}`)
    .toSorted();
}

function isOurs(path: string): boolean {
  return /\.tsx?$/.test(path);
}

/**
 * An arrow leaves one room for another below their common room. It needs a row of each room that it leaves, up to that common room.
 */
function isAllowed(from: string, to: string, rooms: Readonly<Record<string, readonly Room[]>>): boolean {
  const source = from.split('/');
  const target = to.split('/');
  let common = 0;
  while (source[common] === target[common]) common += 1;
  const room = source.slice(0, common + 1).join('/');
  // A file that lies beside rooms is the roof over them: it may use every room of its own folder.
  if (source.length === common + 1 && common > 0) return true;
  const row = rooms[room];
  if (row === undefined) return false;
  const parent = source.slice(0, common).join('/');
  return row.some((allowed) => {
    const path = parent === '' ? allowed : `${parent}/${allowed}`;
    return [path, allowed].some((name) => to === name || to.startsWith(`${name}/`));
  });
}

/** Returns each circle once, as `a → b → a`. */
export function circles(arrows: readonly { readonly from: string; readonly to: string }[]): string[] {
  const next = new Map<string, Set<string>>();
  for (const { from, to } of arrows) {
    if (from === to) continue;
    const known = next.get(from) ?? new Set<string>();
    next.set(from, known.add(to));
  }
  const found = new Set<string>();
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (node: string): void => {
    const start = path.indexOf(node);
    if (start >= 0) {
      const circle = path.slice(start);
      const least = circle.indexOf(circle.toSorted()[0] ?? '');
      const turned = [...circle.slice(least), ...circle.slice(0, least)];
      found.add([...turned, turned[0]].join(' → '));
      return;
    }
    if (done.has(node)) return;
    path.push(node);
    for (const to of next.get(node) ?? []) visit(to);
    path.pop();
    done.add(node);
  };
  for (const node of next.keys()) visit(node);
  return [...found].toSorted();
}
