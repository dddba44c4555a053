// The Pothos builder that every type file registers with: context, scalars, Relay options, and descriptions shared by several types.

import SchemaBuilder from '@pothos/core';
import RelayPlugin from '@pothos/plugin-relay';
import type { GraphQLField } from 'graphql';
import type { Accounts } from '../../../core/accounts/accounts.ts';
import type { Tokens } from '../../../core/accounts/tokens.ts';
import type { AuditTrailReader } from '../../../core/audit/trail.ts';
import type { Caller } from '../../../core/authz/principal.ts';
import type { ClientConfigs } from '../../../core/pulls/client-config.ts';
import type { UpstreamTokens } from '../../../core/pulls/upstream-token.ts';
import type { Uses } from '../../../core/pulls/usage/uses.ts';
import type { Registries } from '../../../core/registries/registries.ts';
import type { Subscriptions } from '../../../core/registries/watch.ts';
import { defaultPageSize, maxPageSize } from '../../../core/shared/input.ts';
import type { Page } from '../../../core/shared/page.ts';
import type { Secret } from '../../../core/shared/secret.ts';
import type { Turns } from '../../http/turns.ts';
import { dateTimeScalar, secretScalar } from './scalars.ts';

/** The use cases behind this API. */
export interface UseCases {
  readonly registries: Registries;
  readonly uses: Uses;
  readonly subscriptions: Pick<Subscriptions, 'changes' | 'validations'>;
  readonly upstreamTokens: UpstreamTokens;
  readonly clientConfigs: ClientConfigs;
  readonly accounts: Accounts;
  readonly tokens: Tokens;
  readonly auditTrail: AuditTrailReader;
}

/** The context of resolvers: the caller and the use cases. */
export interface GraphqlContext extends UseCases {
  readonly caller: Caller;
  /** Set for a large operation, whose lists are divided among turns of the event loop. */
  readonly turns?: Turns | undefined;
}

interface SchemaTypes {
  Context: GraphqlContext;
  DefaultFieldNullability: false;
  DefaultEdgesNullability: { list: false; items: false };
  DefaultNodeNullability: false;
  Scalars: {
    ID: { Input: string; Output: string };
    DateTime: { Input: Date; Output: Date };
    Secret: { Input: Secret; Output: never };
    _Any: { Input: unknown; Output: never };
  };
}

/**
 * How many entries a field can return. Declared where the field is defined, so that the cost of a request is known before it runs. A field that
 * returns a list or a connection must declare it; a test walks the schema.
 */
export interface ListSize {
  /** The most entries of one list or page. */
  readonly most: number;
  /** The entries if no argument names a number. */
  readonly usual: number;
  /** The arguments that name the number of entries, or are a list with an item for each. */
  readonly arguments: readonly string[];
  /** Whether each entry is a row that is read from the database, and not a part of one. */
  readonly areRows: boolean;
}

/** The extensions of a field with a page of rows, whose size the arguments `first` and `last` name. @param usual Defaults to 50. */
export function pageOfRows(usual = defaultPageSize): { readonly listSize: ListSize } {
  return { listSize: { most: maxPageSize, usual, arguments: ['first', 'last'], areRows: true } };
}

/** The extensions of a field with rows whose number has no argument. */
export function rowsAtMost(most: number): { readonly listSize: ListSize } {
  return { listSize: { most, usual: most, arguments: [], areRows: true } };
}

/** The extensions of a list that is a part of its row, such as the steps of a report. */
export function entriesAtMost(most: number): { readonly listSize: ListSize } {
  return { listSize: { most, usual: most, arguments: [], areRows: false } };
}

/** The extensions of a field that reads all entries of a list to count them. */
export const scan = { isScan: true };

/** Returns whether a field is declared to read all entries of a list. */
export function isScan({ extensions }: GraphQLField<unknown, unknown>): boolean {
  return extensions['isScan'] === true;
}

/** Returns the declared size of a field; `PAGE` if its entries are the page that the field of its connection declares. */
export function listSizeOf({ extensions }: GraphQLField<unknown, unknown>): ListSize | 'PAGE' | undefined {
  return extensions['listSize'] as ListSize | 'PAGE' | undefined;
}

/** The builder of the one schema. */
export const builder = new SchemaBuilder<SchemaTypes>({
  plugins: [RelayPlugin],
  defaultFieldNullability: false,
  relay: {
    // IDs are unique across types already (`reg_…`), so they stay readable and equal to those of the other APIs.
    encodeGlobalID: (_typename, id) => String(id),
    decodeGlobalID: (id) => ({ typename: 'Registry', id }),
    cursorType: 'String',
    idFieldOptions: { description: 'Globally unique and immutable.' },
    edgesFieldOptions: {
      nullable: { list: false, items: false },
      description: 'The entries of this page, each with its cursor.',
      extensions: { listSize: 'PAGE' },
    },
    nodeFieldOptions: { nullable: false, description: 'The entry.' },
    nodesOnConnection: { description: 'The entries of this page, without cursors.', extensions: { listSize: 'PAGE' } },
    cursorFieldOptions: { description: 'An opaque position in this order. Pass it as `after` or `before`.' },
    pageInfoFieldOptions: { description: 'Whether there are more pages, and the cursors to fetch them.' },
    pageInfoTypeOptions: { description: "The position of a page in its list (Relay's cursor connections)." },
    hasNextPageFieldOptions: { description: 'Whether more entries follow. Fetch them with `after: endCursor`.' },
    hasPreviousPageFieldOptions: {
      description: 'Whether entries precede this page. Fetch them with `last` and `before: startCursor`.',
    },
    startCursorFieldOptions: { description: 'The cursor of the first entry of this page; null if the page is empty.' },
    endCursorFieldOptions: { description: 'The cursor of the last entry of this page; null if the page is empty.' },
    firstArgOptions: {
      description:
        'The maximum number of entries to return, from the start or after `after`. Defaults to 50 if `last` is omitted too; at most 100.',
    },
    lastArgOptions: {
      description:
        'The maximum number of entries to return, from the end or before `before`. At most 100. Cannot be combined with `first`.',
    },
    afterArgOptions: { description: 'Only entries after this cursor.' },
    beforeArgOptions: { description: 'Only entries before this cursor.' },
    nodeTypeOptions: { description: 'An object with a global ID.', resolveType: () => 'Registry' },
    nodeQueryOptions: {
      description: 'Fetches an object by its ID; null if it does not exist or you do not have access.',
      args: { id: { description: 'The ID of a registry (`reg_…`).' } },
      resolve: (_root, { id }, { registries, caller }) => registries.get(caller, { id: id.id }),
    },
    nodesQueryOptions: false,
  },
});

builder.addScalarType('DateTime', dateTimeScalar);
builder.addScalarType('Secret', secretScalar);

builder.queryType({ description: 'Read operations. No query returns a stored password.' });
builder.mutationType({
  description:
    "Operations that change data or validate a credential. Expected failures are in the payload's `errors`, which is empty on success.",
});
builder.subscriptionType({
  description: 'Live updates as Server-Sent Events. Send a POST request with `Accept: text/event-stream`.',
});

/** Returns a page as Relay's connection. The page itself stays in it, for further fields of the connection. */
export function connectionOf<Node, PageOfNodes extends Page<Node>>(page: PageOfNodes & Page<Node>) {
  const edges = page.nodes.map((node) => ({ node, cursor: page.cursorOf(node) }));
  return {
    page,
    edges,
    pageInfo: {
      hasNextPage: page.hasNextPage,
      hasPreviousPage: page.hasPreviousPage,
      startCursor: edges.at(0)?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}

/** The description of the argument `account`. */
export const accountDescription = 'The account to act in. Defaults to your own; only admins can name another.';

/** The options of the field `errors` of a payload. An input has at most some dozen fields, each with a failure. */
export const errorsField = { description: 'Expected failures; empty on success.', extensions: entriesAtMost(20) };
