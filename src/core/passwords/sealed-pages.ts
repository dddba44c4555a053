// Walks all registries with their passwords, a page at a time.

import type { KeyRotationStore, SealedRegistry } from './key-store.ts';

/** Every registry of every account, by id. Gives at least one page, which may be empty. @param pageSize the most that one page holds. */
export async function* sealedPages({ sealedAfter }: Pick<KeyRotationStore, 'sealedAfter'>, pageSize: number): AsyncGenerator<SealedRegistry[]> {
  for (let last = ''; ; ) {
    const page = await sealedAfter(last, pageSize);
    yield page;
    if (page.length < pageSize) return;
    last = page.at(-1)?.registry.id ?? '';
  }
}
