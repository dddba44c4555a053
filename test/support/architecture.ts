// Reads a source tree as arrows between rooms, and finds violations of its laws. Each law reads the whole tree, so that a test can plant a fault in it.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

/** Every file below `src` by its path from there, with its text. */
export type Sources = ReadonlyMap<string, string>;

export interface Import {
  readonly from: string;
  /** A path below `src`, or the name of a package. */
  readonly to: string;
  /** An import that vanishes at run time. */
  readonly isTypeOnly: boolean;
  readonly isReExport: boolean;
  /** The imported names, or none for a bare or dynamic import. */
  readonly names: readonly string[];
}

/** What each room may import besides itself: a name beside it, or a path below `src`. */
export type Rooms = Readonly<Record<string, readonly string[]>>;

/** Reads every file below a directory. */
export function readSources(root: string): Sources {
  const entries = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(
    entries.map(({ parentPath, name }) => {
      const path = join(parentPath, name);
      return [path.slice(root.length + 1), readFileSync(path, 'utf8')];
    }),
  );
}

const statement =
  /^\s*(?<keyword>import|export)\s+(?<type>type\s)?\s*(?<names>\*(?: as \w+)?|(?:\w+,\s*)?\{[^}]*\}|\w+)?\s*(?:from\s*)?'(?<path>[^']+)'|\bimport\(\s*'(?<dynamic>[^']+)'/gm;

/** Returns every import of a tree: static, dynamic, and re-exports. */
export function importsOf(sources: Sources): Import[] {
  return [...sources].filter(([file]) => isCode(file)).flatMap(([file, text]) => importsOfFile(file, text));
}

function importsOfFile(file: string, text: string): Import[] {
  return [...text.matchAll(statement)].map(({ groups = {} }) => {
    const specifier = groups['path'] ?? groups['dynamic'] ?? '';
    const names = (groups['names'] ?? '').replaceAll(/[{}]/g, '').split(',');
    const named = names.map((name) => name.trim()).filter((name) => name !== '');
    return {
      from: file,
      to: specifier.startsWith('.') ? normalize(join(dirname(file), specifier)) : specifier,
      isTypeOnly: groups['type'] !== undefined || (named.length > 0 && named.every((name) => name.startsWith('type '))),
      isReExport: groups['keyword'] === 'export',
      names: named.map((name) => name.replace(/^type /, '').replace(/ as .*/, '')),
    };
  });
}

function isCode(path: string): boolean {
  return /\.tsx?$/.test(path);
}

function shown({ from, to }: Pick<Import, 'from' | 'to'>): string {
  return `${from} → ${to}`;
}

/** Returns the arrows that no row allows. */
export function forbiddenArrows(sources: Sources, rooms: Rooms): string[] {
  const ours = importsOf(sources).filter(({ to }) => sources.has(to) && isCode(to));
  return ours.filter(({ from, to }) => rowEntryFor(from, to, rooms) === undefined).map(shown);
}

/** Returns the entries of rows that no import needs, and rows of rooms that do not exist. */
export function unusedEntries(sources: Sources, rooms: Rooms): string[] {
  const used = new Set(importsOf(sources).map(({ from, to }) => rowEntryFor(from, to, rooms)));
  return Object.entries(rooms).flatMap(([room, row]) =>
    existsIn(sources, room) ? row.map((entry) => `${room}: ${entry}`).filter((entry) => !used.has(entry)) : [room],
  );
}

/** Returns the rooms without a row. */
export function roomsWithoutRow(sources: Sources, rooms: Rooms): string[] {
  const folders = [...sources.keys()].filter(isCode).map((file) => dirname(file));
  return [...new Set(folders)].filter((folder) => folder !== '.' && rooms[folder] === undefined);
}

function existsIn(sources: Sources, room: string): boolean {
  return sources.has(room) || [...sources.keys()].some((file) => file.startsWith(`${room}/`));
}

/**
 * Finds what allows an arrow: `<room>: <entry>`, `inside` for one that needs no permission, or undefined. Where two files part, the child of
 * their common folder on the side of the importer needs a row; a file that lies beside rooms is the roof over them and may import them all.
 */
function rowEntryFor(from: string, to: string, rooms: Rooms): string | undefined {
  const [source, target] = [from.split('/'), to.split('/')];
  const common = source.findIndex((name, index) => name !== target[index]);
  const folder = source.slice(0, common).join('/');
  const isRoof = common > 0 && source.length === common + 1;
  if (isRoof) return 'inside';
  const room = source.slice(0, common + 1).join('/');
  const entry = rooms[room]?.find((allowed) => {
    const beside = folder === '' ? allowed : `${folder}/${allowed}`;
    return [beside, allowed].some((path) => to === path || to.startsWith(`${path}/`));
  });
  return entry === undefined ? undefined : `${room}: ${entry}`;
}

/** Returns every circle of imports among files, types included. */
export function circlesOfFiles(sources: Sources): string[] {
  return circles(importsOf(sources).filter(({ to }) => sources.has(to)));
}

/** Returns every circle among the files and folders that lie side by side in any folder. */
export function circlesOfRooms(sources: Sources): string[] {
  const arrows = importsOf(sources).filter(({ to }) => sources.has(to));
  const folders = new Set([...sources.keys()].flatMap((file) => ancestorsOf(file)));
  return [...folders].flatMap((folder) => {
    const depth = folder === '' ? 0 : folder.split('/').length;
    const childOf = (path: string): string =>
      path
        .split('/')
        .slice(0, depth + 1)
        .join('/');
    const inside = arrows.filter(({ from, to }) => isBelow(from, folder) && isBelow(to, folder));
    return circles(inside.map(({ from, to }) => ({ from: childOf(from), to: childOf(to) })));
  });
}

function isBelow(path: string, folder: string): boolean {
  return folder === '' || path.startsWith(`${folder}/`);
}

function ancestorsOf(path: string): string[] {
  const names = path.split('/').slice(0, -1);
  return ['', ...names.map((_, index) => names.slice(0, index + 1).join('/'))];
}

/** Returns each circle once, from its first name in the alphabet, as `a → b → a`. */
function circles(arrows: readonly { readonly from: string; readonly to: string }[]): string[] {
  const next = new Map<string, Set<string>>();
  for (const { from, to } of arrows) {
    if (from !== to) next.set(from, (next.get(from) ?? new Set<string>()).add(to));
  }
  const found = new Set<string>();
  const finished = new Set<string>();
  const path: string[] = [];
  const visit = (node: string): void => {
    if (path.includes(node)) {
      const circle = path.slice(path.indexOf(node));
      const first = circle.indexOf(circle.toSorted()[0] ?? node);
      const turned = [...circle.slice(first), ...circle.slice(0, first)];
      found.add([...turned, turned[0]].join(' → '));
    } else if (!finished.has(node)) {
      path.push(node);
      for (const to of next.get(node) ?? []) visit(to);
      path.pop();
      finished.add(node);
    }
  };
  for (const node of next.keys()) visit(node);
  return [...found];
}

const impure =
  /\bprocess\.\w|\bDate\.now\(|\bnew Date\(\)|\bMath\.random\b|\bcrypto\.|\bfetch\(|\bperformance\.|\bsetTimeout\b|\bsetInterval\b|\bsetImmediate\b/;

/** Returns what makes the domain depend on the world: a package other than zod, another room, or a clock, randomness, or the network. */
export function impuritiesOfCore(sources: Sources): string[] {
  const inCore = (file: string): boolean => file.startsWith('core/');
  const outward = importsOf(sources).filter(({ from, to }) => inCore(from) && !inCore(to) && to !== 'zod');
  const impureFiles = [...sources].filter(([file, text]) => inCore(file) && impure.test(withoutComments(text)));
  return [...outward.map(shown), ...impureFiles.map(([file]) => file)];
}

const network = /^(?:node:)?(?:undici|https?|http2|net|tls|dns|dgram)(?:\/.*)?$/;

/**
 * Returns every value that can open a connection, in a place that has no permission: imports of network modules, and `fetch`.
 * @param permitted rooms and files that may use all of them, or, by `file: name`, one name that only reads text.
 */
export function doorsToTheOutside(sources: Sources, permitted: readonly string[]): string[] {
  const isPermitted = (file: string, name?: string): boolean =>
    permitted.some((entry) =>
      entry.includes(': ') ? entry === `${file}: ${name}` : file === entry || isBelow(file, entry),
    );
  const imported = importsOf(sources)
    .filter(({ to, isTypeOnly }) => network.test(to) && !isTypeOnly)
    .filter(({ from, names }) => names.length === 0 || names.some((name) => !isPermitted(from, name)))
    .filter(({ from }) => !isPermitted(from));
  const fetching = [...sources].filter(
    ([file, text]) => isCode(file) && /(?<![.\w])fetch\(/.test(withoutComments(text)) && !isPermitted(file),
  );
  return [...imported.map(shown), ...fetching.map(([file]) => `${file} → fetch`)];
}

/** Returns the files whose code, without comments, has a piece of text. */
export function filesWith(sources: Sources, piece: RegExp): string[] {
  return [...sources].filter(([file, text]) => isCode(file) && piece.test(withoutComments(text))).map(([file]) => file);
}

/** Returns the files that import a package or a module of Node. */
export function importersOf(sources: Sources, name: string): string[] {
  const importers = importsOf(sources).filter(({ to }) => to === name);
  return [...new Set(importers.map(({ from }) => from))];
}

/** Returns re-exports and `index` files: each name has one home, so that every arrow is visible. */
export function reExports(sources: Sources): string[] {
  const indexes = [...sources.keys()].filter((file) => /(?:^|\/)index\.tsx?$/.test(file));
  const named = importsOf(sources)
    .filter(({ isReExport }) => isReExport)
    .map(shown);
  return [...indexes, ...named];
}

/** Returns the folders with more than `most` names, as `folder: count`. */
export function crowdedFolders(sources: Sources, most: number): string[] {
  const names = new Map<string, Set<string>>();
  for (const file of sources.keys()) {
    for (const folder of ancestorsOf(file)) {
      const child = file.slice(folder === '' ? 0 : folder.length + 1).split('/')[0] ?? '';
      names.set(folder, (names.get(folder) ?? new Set<string>()).add(child));
    }
  }
  return [...names].filter(([, children]) => children.size > most).map(([folder, { size }]) => `${folder}: ${size}`);
}

/** Returns the files of more than `most` lines, as `file: lines`. */
export function longFiles(sources: Sources, most: number): string[] {
  const lines = (text: string): number => text.split('\n').length - 1;
  return [...sources]
    .filter(([file, text]) => isCode(file) && lines(text) > most)
    .map(([file, text]) => `${file}: ${lines(text)}`);
}

/** Returns the files that do not open with a sentence. */
export function withoutOpening(sources: Sources): string[] {
  const opening = /^(?:#!.*\n)?\/\/ [A-Z`][\s\S]*?[.:!]$/m;
  return [...sources].filter(([file, text]) => isCode(file) && text.search(opening) !== 0).map(([file]) => file);
}

/** A pattern such as `docker.io/anchore/*` in a text begins no comment. */
function withoutComments(text: string): string {
  return text.replaceAll(/(?<=^|\s)\/\*[\s*][\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, '');
}
