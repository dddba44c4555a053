// Implements the five operations on registries over the use cases of the domain.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { Operation } from '../../core/authz/permissions.ts';
import type { Caller } from '../../core/authz/principal.ts';
import type { RegistryPage } from '../../core/registries/list.ts';
import type { Registries } from '../../core/registries/registries.ts';
import { parseRegistryPattern } from '../../core/registry/reference.ts';
import type { Registry, RegistryType } from '../../core/registry/registry.ts';
import { maxPageSize } from '../../core/shared/input.ts';
import { Problem } from '../../core/shared/problem.ts';
import { sendJson } from '../http/response.ts';
import { turns } from '../http/turns.ts';
import { decodeName, type RestPath } from './path.ts';
import { accountHeader, readBody, validateParameter } from './request.ts';
import { createBody, parseBody, toRegistryItem, updateBody, type UpdateBody } from './schemas.ts';

/** One authorized request. */
export interface RestCall {
  readonly registries: Registries;
  readonly caller: Caller;
  readonly path: RestPath;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** An operation, and the permission that it requires before any of the request is parsed. */
export interface RestOperation {
  readonly permission: Operation;
  run(call: RestCall): Promise<void>;
}

/** The operations by resource and method. */
export const operations: Readonly<Record<'collection' | 'registry', Readonly<Record<string, RestOperation>>>> = {
  collection: {
    GET: { permission: 'registry.list', run: answerList },
    POST: { permission: 'registry.create', run: createRegistry },
  },
  registry: {
    GET: { permission: 'registry.get', run: getRegistry },
    PUT: { permission: 'registry.update', run: updateRegistry },
    DELETE: { permission: 'registry.delete', run: deleteRegistry },
  },
};

async function createRegistry({ registries, caller, request, response }: RestCall): Promise<void> {
  const account = accountHeader(request);
  const validate = validateParameter(request.url ?? '');
  const body = parseBody(createBody, await readBody(request));
  const input = { ...inputOf(body), registry: body.registry, account };
  const { registry } = await registries.create(caller, input, { secureConnection: body.registry_verify, validate });
  sendJson(response, 200, [toRegistryItem(registry)]);
}

async function getRegistry(call: RestCall): Promise<void> {
  sendJson(call.response, 200, [toRegistryItem(await find(call))]);
}

async function updateRegistry(call: RestCall): Promise<void> {
  const { registries, caller, request, response } = call;
  const validate = validateParameter(request.url ?? '');
  const body = parseBody(updateBody, await readBody(request));
  const stored = await find(call);
  if (body.registry !== undefined && parseRegistryPattern(body.registry).registry !== stored.registry) {
    throw new Problem(
      'CONFLICT',
      'The registry pattern cannot change: registry in the body must be the one in the path. Create a new registry and delete this one.',
      {
        reason: 'RENAMED',
        field: ['registry'],
      },
    );
  }
  // The use case requires the TLS policy; in REST, an omitted key keeps its value.
  const settings = { secureConnection: body.registry_verify ?? stored.secureConnection, validate };
  const { registry } = await registries.update(caller, stored.id, inputOf(body), settings);
  sendJson(response, 200, [toRegistryItem(registry)]);
}

async function deleteRegistry(call: RestCall): Promise<void> {
  const { id } = await find(call);
  await call.registries.delete(call.caller, id);
  call.response.writeHead(204).end();
}

/** Returns the registry that the path names. @throws Problem `NOT_FOUND`, `INVALID_REGISTRY`. */
async function find({ registries, caller, path, request }: RestCall): Promise<Registry> {
  const account = accountHeader(request);
  const registry = await registries.get(caller, { registry: decodeName(path.encodedName), account });
  if (registry !== null) return registry;
  throw new Problem('NOT_FOUND', 'The registry does not exist in this account.', { field: ['registry'] });
}

/** Renames the keys of a body to the names of the domain. */
function inputOf({ registry_user, registry_pass, registry_type, registry_name }: UpdateBody) {
  return {
    username: registry_user,
    password: registry_pass,
    type: registry_type?.toUpperCase() as RegistryType | undefined,
    name: registry_name,
  };
}

type ReadPage = (after: string | undefined) => Promise<RegistryPage>;

/** Sends the whole list, by registry pattern. An error after the first page breaks the connection, so that a part of the list never looks complete. */
export async function answerList({ registries, caller, request, response }: RestCall): Promise<void> {
  const account = accountHeader(request);
  const read: ReadPage = (after) => registries.list(caller, { first: maxPageSize, after, account });
  // Read before the status is sent, so that an error has its own status.
  const first = await read(undefined);
  if (!first.hasNextPage) return sendJson(response, 200, first.nodes.map(toRegistryItem));
  response.writeHead(200, { 'Content-Type': 'application/json' });
  if (request.method === 'HEAD') response.end();
  else await pipeline(jsonArray(first, read), response);
}

async function* jsonArray(first: RegistryPage, read: ReadPage): AsyncGenerator<string> {
  let page = first;
  yield `[${jsonItems(page)}`;
  for (let last = page.nodes.at(-1); page.hasNextPage && last !== undefined; last = page.nodes.at(-1)) {
    // A client that reads fast would else get all pages in one turn of the event loop.
    await turns.later(undefined);
    page = await read(page.cursorOf(last));
    // The rows after the cursor may have been deleted in the meantime.
    if (page.nodes.length > 0) yield `,${jsonItems(page)}`;
  }
  yield ']';
}

function jsonItems({ nodes }: RegistryPage): string {
  return nodes.map((registry) => JSON.stringify(toRegistryItem(registry))).join(',');
}
