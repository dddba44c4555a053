// The executable schema. Importing a type file registers its types, queries, and mutations with the builder.

import type { GraphQLSchema } from 'graphql';
import { builder } from './builder.ts';
// oxlint-disable import/no-unassigned-import -- these imports register types
import './access/accounts.ts';
import './access/principal.ts';
import './access/tokens.ts';
import './audit.ts';
import './federation.ts';
import './pulls.ts';
import './registry-mutations.ts';
import './registry.ts';
import './subscriptions.ts';

/** The schema with fields in alphabetical order: the API and the two root fields for federation gateways. */
export const schema: GraphQLSchema = builder.toSchema({ sortSchema: true });
