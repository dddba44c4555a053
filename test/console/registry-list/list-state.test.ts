// Keeps the state of the list in the address: every state survives, and no typed address breaks the page.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isFiltered,
  listVariables,
  pageSizes,
  parseListState,
  printListState,
  type ListState,
} from '../../../src/console/registry-list/list-state.ts';
import { outcomeLabels, typeLabels } from '../../../src/console/shared/words.ts';

const usual = parseListState('');

const keys = <Name extends string>(words: Readonly<Record<Name, string>>) =>
  fc.constantFrom(...(Object.keys(words) as Name[]));
const cursor = fc.string({ minLength: 1 }).filter((text) => text.isWellFormed());
const states: fc.Arbitrary<ListState> = fc.record({
  search: fc.string({ unit: 'grapheme' }),
  type: fc.option(keys(typeLabels)),
  outcome: fc.option(keys(outcomeLabels)),
  sort: fc.constantFrom('registry', 'name', 'created', 'updated'),
  descending: fc.boolean(),
  size: fc.constantFrom(...pageSizes),
  position: fc.oneof(
    fc.constantFrom('first' as const, 'last' as const),
    fc.record({ after: cursor }),
    fc.record({ before: cursor }),
  ),
});

describe('the address', () => {
  it('holds every state of the list', () => {
    fc.assert(
      fc.property(states, (state) => {
        expect(parseListState(printListState(state))).toEqual(state);
      }),
    );
  });

  it('is short while everything is as usual', () => {
    expect(printListState(usual)).toBe('');
    expect(printListState({ ...usual, search: 'anchore', sort: 'updated', descending: true })).toBe(
      '?q=anchore&sort=-updated',
    );
  });

  it('with any content shows a list', () => {
    fc.assert(
      fc.property(fc.string(), (query) => {
        expect(pageSizes).toContain(parseListState(query).size);
      }),
    );
  });

  it.each([
    '?type=constructor',
    '?type=__proto__',
    '?status=toString',
    '?sort=password',
    '?sort=-hasOwnProperty',
    '?size=100000',
    '?size=-1',
    '?size=NaN',
    '?page=7',
    '?after=',
  ])('%s is as if it were not there', (query) => expect(parseListState(query)).toEqual(usual));
});

describe('the question to the server', () => {
  it.each([
    ['the first page', {}, { first: 50 }],
    ['the last page', { position: 'last' }, { last: 50 }],
    ['the page after', { position: { after: 'x' } }, { first: 50, after: 'x' }],
    ['the page before', { position: { before: 'x' } }, { last: 50, before: 'x' }],
    ['newest first', { sort: 'updated', descending: true }, { orderBy: { field: 'UPDATED_AT', direction: 'DESC' } }],
    ['a text', { search: ' anchore ' }, { filter: { search: 'anchore', type: null, outcome: null } }],
  ] satisfies [string, Partial<ListState>, object][])('for %s', (_, change, expected) => {
    expect(listVariables({ ...usual, ...change })).toMatchObject(expected);
  });

  it('never requests both ends at once', () => {
    fc.assert(
      fc.property(states, (state) => {
        expect('first' in listVariables(state)).not.toBe('last' in listVariables(state));
      }),
    );
  });
});

it('a text of spaces narrows nothing', () => {
  expect([isFiltered(usual), isFiltered({ ...usual, search: '  ' }), isFiltered({ ...usual, type: 'GCR' })]).toEqual([
    false,
    false,
    true,
  ]);
});
