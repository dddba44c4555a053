// Every registry of an account in one answer, read and written a page at a time so that memory does not grow with their number.

import { pipeline } from 'node:stream/promises';
import { maxPageSize } from '../../core/input.ts';
import type { RegistryPage } from '../../core/registries/registries.ts';
import { accountHeader, sendJson, startJson } from './request.ts';
import type { RestCall } from './registries.ts';
import { shownRegistry } from './schemas.ts';

type ReadPage = (after: string | undefined) => Promise<RegistryPage>;

/** Answers with the whole list, by text. A fault after the first page cuts the connection: half a list must not look whole. */
export async function answerList({ registries, caller, request, response }: RestCall): Promise<void> {
  const account = accountHeader(request);
  const read: ReadPage = (after) => registries.list(caller, { first: maxPageSize, after, account });
  // Read before the status is sent, so that a refusal has its own.
  const first = await read(undefined);
  if (!first.hasNextPage) return sendJson(response, 200, first.nodes.map(shownRegistry));
  startJson(response);
  if (request.method === 'HEAD') response.end();
  else await pipeline(jsonArray(first, read), response);
}

async function* jsonArray(first: RegistryPage, read: ReadPage): AsyncGenerator<string> {
  let page = first;
  yield `[${jsonItems(page)}`;
  for (let last = page.nodes.at(-1); page.hasNextPage && last !== undefined; last = page.nodes.at(-1)) {
    page = await read(page.cursorOf(last));
    // The rows after the cursor may have been deleted meanwhile.
    if (page.nodes.length > 0) yield `,${jsonItems(page)}`;
  }
  yield ']';
}

function jsonItems({ nodes }: RegistryPage): string {
  return nodes.map((registry) => JSON.stringify(shownRegistry(registry))).join(',');
}
