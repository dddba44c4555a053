// Renders the filters above the list. Sends a search text once typing pauses.

import { useEffect, useState } from 'react';
import { Input, Label, SearchField } from 'react-aria-components';
import { Choice } from '../components/controls.tsx';
import type { ListState } from './list-state.ts';
import { outcomeLabels, typeLabels } from '../shared/words.ts';

/** Milliseconds without typing before a search: long enough that a word is one request, short enough to feel immediate. */
const typingPauseMs = 250;

interface ListToolsProps {
  readonly state: ListState;
  readonly onShow: (change: Partial<ListState>, replace?: boolean) => void;
}

/** The filters of the list. */
export function ListTools({ state, onShow }: ListToolsProps) {
  const [search, setSearch] = useState(state.search);
  // The back button changes the address, so the typed text follows it.
  useEffect(() => setSearch(state.search), [state.search]);
  useEffect(() => {
    if (search === state.search) return undefined;
    const timer = setTimeout(() => onShow({ search }, true), typingPauseMs);
    return () => clearTimeout(timer);
  });
  return (
    <search className="tools">
      <SearchField className="field grow" value={search} onChange={setSearch}>
        <Label>Search</Label>
        <Input placeholder="Registry, name, or username" autoComplete="off" />
      </SearchField>
      <Choice
        label="Type"
        value={state.type ?? ''}
        onChange={(type) => onShow({ type: type || null })}
        options={typeLabels}
        none="All types"
      />
      <Choice
        label="Status"
        value={state.outcome ?? ''}
        onChange={(outcome) => onShow({ outcome: outcome || null })}
        options={outcomeLabels}
        none="Any status"
      />
    </search>
  );
}
