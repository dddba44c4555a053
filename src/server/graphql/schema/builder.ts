// The Pothos builder that every type file registers with: context, scalars, Relay's names and defaults.

import SchemaBuilder from '@pothos/core';
import RelayPlugin from '@pothos/plugin-relay';
import type { Accounts } from '../../../core/accounts/accounts.ts';
import type { Tokens } from '../../../core/accounts/tokens.ts';
import type { AuditTrailReader } from '../../../core/audit/trail.ts';
import type { Caller } from '../../../core/authz/principal.ts';
import type { ClientConfigs } from '../../../core/pulls/client-config.ts';
import type { UpstreamTokens } from '../../../core/pulls/upstream-token.ts';
import type { Uses } from '../../../core/pulls/usage.ts';
import type { Registries } from '../../../core/registries/registries.ts';
import type { Subscriptions } from '../../../core/registries/watch.ts';
import type { Secret } from '../../../core/shared/secret.ts';
import { dateTimeScalar, secretScalar } from './scalars.ts';

/** The use cases that this face serves. */
export interface UseCases {
  readonly registries: Registries;
  readonly uses: Uses;
  readonly watching: Pick<Subscriptions, 'changes' | 'validations'>;
  readonly pullTokens: UpstreamTokens;
  readonly pullConfigs: ClientConfigs;
  readonly accounts: Accounts;
  readonly tokens: Tokens;
  readonly auditReading: AuditTrailReader;
}

/** What resolvers get: who calls, and the use cases. */
export interface GraphqlContext extends UseCases {
  readonly caller: Caller;
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

export const builder = new SchemaBuilder<SchemaTypes>({
  plugins: [RelayPlugin],
  defaultFieldNullability: false,
  relay: {
    // Ids are already unique over all types (`reg_…`), so they stay readable and equal to those of the other faces.
    encodeGlobalID: (_typename, id) => String(id),
    decodeGlobalID: (id) => ({ typename: 'Registry', id }),
    cursorType: 'String',
    idFieldOptions: { description: 'Unique among all things of all types; stays the same.' },
    edgesFieldOptions: { nullable: { list: false, items: false }, description: 'The entries of this page, each with its cursor.' },
    nodeFieldOptions: { nullable: false, description: 'The entry at this place.' },
    nodesOnConnection: { description: 'The entries of this page, without cursors.' },
    cursorFieldOptions: { description: 'An opaque place in this order; give it as `after` or `before`.' },
    pageInfoFieldOptions: { description: 'Whether there is more, and the cursors to go on with.' },
    pageInfoTypeOptions: { description: "Where a page stands in its list (Relay's cursor connections)." },
    hasNextPageFieldOptions: { description: 'Whether more follows: ask again with `after: endCursor`.' },
    hasPreviousPageFieldOptions: { description: 'Whether more comes before: ask again with `last` and `before: startCursor`.' },
    startCursorFieldOptions: { description: 'Cursor of the first entry of this page; null when it is empty.' },
    endCursorFieldOptions: { description: 'Cursor of the last entry of this page; null when it is empty.' },
    firstArgOptions: { description: 'Take this many from the start (or after `after`). 50 when neither `first` nor `last` is given; 100 at most.' },
    lastArgOptions: { description: 'Take this many from the end (or before `before`); 100 at most. Not together with `first`.' },
    afterArgOptions: { description: 'Only what comes after this cursor.' },
    beforeArgOptions: { description: 'Only what comes before this cursor.' },
    nodeTypeOptions: { description: 'A thing with an id.', resolveType: () => 'Registry' },
    nodeQueryOptions: {
      description: 'A thing by its id; null when it is not there or not yours.',
      args: { id: { description: 'The id of a registry (`reg_…`).' } },
      resolve: (_root, { id }, { registries, caller }) => registries.get(caller, { id: id.id }),
    },
    nodesQueryOptions: false,
  },
});

builder.addScalarType('DateTime', dateTimeScalar);
builder.addScalarType('Secret', secretScalar);

builder.queryType({ description: 'Everything that reads. Nothing here ever shows a password.' });
builder.mutationType({ description: 'Everything that changes or checks something. What went wrong is in `errors` of the payload; it is empty on success.' });
builder.subscriptionType({ description: 'Live answers as Server-Sent Events: POST with `Accept: text/event-stream`.' });

/** Of the argument `account`. */
export const accountDescription = 'Another account than your own; for admins.';

/** Of the field `errors` of a payload. */
export const errorsDescription = 'What went wrong; empty on success.';
