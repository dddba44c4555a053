// Where in the console one is: the address of the browser, as state.

import { useSyncExternalStore } from 'react';

const moved = new EventTarget();
let isMoved = false;

/** Goes to an address of the console. `replace` leaves no step for the back button. */
export function go(address: string, { replace = false } = {}): void {
  if (replace) history.replaceState(null, '', address);
  else history.pushState(null, '', address);
  isMoved = true;
  moved.dispatchEvent(new Event('move'));
}

/** Whether one went anywhere since the console was loaded. */
export function hasMoved(): boolean {
  return isMoved;
}

/** Path and query of the address; what uses it is drawn again when they change. */
export function useAddress(): { readonly path: string; readonly query: string } {
  const address = useSyncExternalStore(subscribe, () => location.pathname + location.search);
  const [path = '/', ...query] = address.split('?');
  return { path, query: query.length === 0 ? '' : `?${query.join('?')}` };
}

/** The id of the registry that the path is of, or null for the list. */
export function registryIdOf(path: string): string | null {
  const [, id] = /^\/registries\/([^/]+)$/.exec(path) ?? [];
  return id === undefined ? null : decodeURIComponent(id);
}

/** The screens beside the registries, by the path of each. */
export const screens = { tokens: '/tokens', audit: '/audit', accounts: '/accounts' } as const;

export function registryAddress(id: string): string {
  return `/registries/${encodeURIComponent(id)}`;
}

function subscribe(listener: () => void): () => void {
  moved.addEventListener('move', listener);
  const travel = (): void => {
    isMoved = true;
    listener();
  };
  addEventListener('popstate', travel);
  return () => {
    moved.removeEventListener('move', listener);
    removeEventListener('popstate', travel);
  };
}
