// Provides the address of the browser as React state, and moves within the console without reloading the page.

import { useSyncExternalStore } from 'react';

const moved = new EventTarget();
let isMoved = false;

/** Moves to an address of the console. `replace` adds no entry to the browser history. */
export function go(address: string, { replace = false } = {}): void {
  if (replace) history.replaceState(null, '', address);
  else history.pushState(null, '', address);
  isMoved = true;
  moved.dispatchEvent(new Event('move'));
}

/** Returns whether the address has changed since the console was loaded. */
export function hasMoved(): boolean {
  return isMoved;
}

/** Returns the path and query of the address (`?…` or empty), and rerenders when they change. */
export function useAddress(): { readonly path: string; readonly query: string } {
  const address = useSyncExternalStore(subscribe, () => location.pathname + location.search);
  const [path = '/', ...query] = address.split('?');
  return { path, query: query.length === 0 ? '' : `?${query.join('?')}` };
}

/** Returns the registry ID in a path of the form `/registries/<id>`, or null for any other path. */
export function registryIdOf(path: string): string | null {
  const [, id] = /^\/registries\/([^/]+)$/.exec(path) ?? [];
  return id === undefined ? null : decodeURIComponent(id);
}

/** The paths of the screens other than the registries. */
export const screens = { tokens: '/tokens', audit: '/audit', accounts: '/accounts' } as const;

/** Returns the path of the page of one registry. */
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
