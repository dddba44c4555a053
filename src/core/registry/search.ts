// Folds names for search and order, so that case, accents, and compatibility forms do not matter.

import type { Registry } from './registry.ts';

/** Ends each part of a stored text. It is white space, so no word of a search contains it. */
const separator = '\n';

/** UTF-16 code units of a folded name in its sort key. With the name itself the key stays within the 2,704 bytes of a PostgreSQL index entry. */
const maxFoldedKeyLength = 400;

/**
 * Returns a text in compatibility decomposition (NFKD, UAX #15) without marks, in lower case. Two texts that a reader takes for the same word
 * have one folded form, on every database.
 */
export function fold(text: string): string {
  const letters = text
    .toWellFormed()
    .normalize('NFKD')
    .replaceAll(/\p{M}+/gu, '');
  // Lower case has two forms of sigma, and which one depends on the letters around it.
  return letters.toLowerCase().replaceAll('ς', 'σ');
}

/** Returns what a search of registries looks into: the folded pattern, display name, and username. */
export function searchText({ registry, name, username }: Pick<Registry, 'registry' | 'name' | 'username'>): string {
  return [registry, name, username].map(fold).join(separator);
}

/**
 * Returns the folded words of a search. A registry matches if its search text contains each of them.
 * The longest come first; words inside of another word are left out. Empty for a text without letters, which every registry matches.
 */
export function searchWords(search: string): string[] {
  const words = [...new Set(fold(search).split(/\s+/u))].filter((word) => word !== '');
  const longestFirst = words.toSorted((one, other) => other.length - one.length);
  return longestFirst.filter((word, index) => !longestFirst.slice(0, index).some((longer) => longer.includes(word)));
}

/** Returns what names are ordered by, byte by byte: the folded name, then the name itself. */
export function nameKey(name: string): string {
  return `${fold(name).slice(0, maxFoldedKeyLength).toWellFormed()}${separator}${name}`;
}

/** Returns whether a text has the form of a sort key of a name. */
export function isNameKey(text: string): boolean {
  return text.includes(separator);
}
