// Spells a search of registries in SQL: every word must be in the folded text, and an index of trigrams finds the texts that may contain the long ones.

import { and, eq, type SQL, sql } from 'drizzle-orm';
import { searchWords } from '../../../core/registry/search.ts';
import type { RegistryFilter } from '../../../core/registry/store.ts';
import { type Dialect, given } from '../../database.ts';

/** Letters of the shortest word that the index finds. */
const trigramLength = 3;
/** Words with placeholders of their own. The others, which are rare, are read from a list, which takes several times longer. */
const maxNamedWords = 4;
/** Trigrams that the index is asked for. More of them make the answer hardly smaller, and each is a list to read. */
const maxTrigrams = 12;

const wordNames = Array.from({ length: maxNamedWords }, (_, index) => `word${index}`);

/** How a search is answered: not at all, by reading texts, or by the index of trigrams first. */
export type SearchKind = 'NONE' | 'SHORT' | 'LONG';

/** The values of a search for the placeholders of its statements. */
export interface SearchValues {
  readonly kind: SearchKind;
  readonly values: Record<string, unknown>;
}

/** Returns the values of the search in a filter. */
export function searchValues(dialect: Dialect, { search = '' }: RegistryFilter): SearchValues {
  const words = searchWords(search);
  const trigrams = words.flatMap((word) => trigramsOf(word)).slice(0, maxTrigrams);
  const named = wordNames.map((name, index) => [name, dialect.wordParameter(words[index] ?? '')]);
  const others = words.slice(maxNamedWords).map((word) => dialect.wordParameter(word));
  return {
    kind: words.length === 0 ? 'NONE' : trigrams.length === 0 ? 'SHORT' : 'LONG',
    values: {
      ...Object.fromEntries(named),
      otherWords: JSON.stringify(others),
      trigrams: trigrams.map((trigram) => `"${trigram.replaceAll('"', '""')}"`).join(' AND '),
    },
  };
}

/** Returns trigrams that cover a word. Those between them would be found with them nearly always. */
function trigramsOf(word: string): string[] {
  // Enough for all that are asked for, whatever the length of the word.
  const letters = Array.from(word.slice(0, 2 * trigramLength * maxTrigrams));
  const starts = Array.from(
    { length: Math.floor(letters.length / trigramLength) },
    (_, index) => index * trigramLength,
  );
  if (starts.length > 0) starts.push(letters.length - trigramLength);
  return [...new Set(starts.map((start) => letters.slice(start, start + trigramLength).join('')))];
}

/** True for rows of `registry_search` in the account whose text contains every word. */
export function isFound(dialect: Dialect): SQL | undefined {
  const { account, text } = dialect.tables.registrySearch;
  const lacksOther = sql`SELECT 1 FROM ${dialect.textsOf(given('otherWords'))} WHERE NOT (${dialect.contains(text, sql`entry.value`)})`;
  return and(
    eq(account, sql.placeholder('account')),
    ...wordNames.map((name) => dialect.contains(text, given(name))),
    sql`(${given('otherWords')} = '[]' OR NOT EXISTS (${lacksOther}))`,
  );
}

/** A FROM clause and its conditions that give the rows of `registry_search` that are found, from the index if the search has a long word. */
export function foundTexts(
  dialect: Dialect,
  kind: SearchKind,
): { readonly from: SQL; readonly where: SQL | undefined } {
  const { registrySearch } = dialect.tables;
  if (kind !== 'LONG' || dialect.trigrams === undefined)
    return { from: sql`${registrySearch}`, where: isFound(dialect) };
  return {
    from: sql`${dialect.trigrams(given('trigrams'))} CROSS JOIN ${registrySearch}`,
    where: and(eq(registrySearch.number, sql`candidate.number`), isFound(dialect)),
  };
}
