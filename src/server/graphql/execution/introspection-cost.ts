// Counts the fields of an introspection by reading the schema itself, because lists of types and fields have no other bound than their own length.

import {
  type FieldNode,
  getNamedType,
  type GraphQLField,
  type GraphQLObjectType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  isObjectType,
  type SelectionSetNode,
} from 'graphql';

/** What the count needs to know. */
export interface IntrospectionCounting {
  readonly schema: GraphQLSchema;
  /** Collects the fields that are selected on a type, by response name. */
  readonly merge: (
    selections: readonly SelectionSetNode[],
    type: GraphQLObjectType,
  ) => ReadonlyMap<string, readonly [FieldNode, ...FieldNode[]]>;
  /** The count stops above this number, so that counting costs no more than what may run. */
  readonly most: number;
}

/**
 * Counts the fields below `__schema` or `__type`. Deprecated fields count whether or not they are requested.
 * @param args the arguments of the field.
 */
export function countIntrospection(
  { schema, merge, most }: IntrospectionCounting,
  field: GraphQLField<unknown, unknown>,
  nodes: readonly FieldNode[],
  args: object,
): number {
  let count = 0;
  const visit = (
    { resolve, type }: GraphQLField<unknown, unknown>,
    source: unknown,
    selected: readonly FieldNode[],
    values: object,
  ): void => {
    const named = getNamedType(type);
    if (!isObjectType(named) || resolve === undefined) return;
    // These resolvers are graphql-js's own: they read the schema and nothing else.
    const result: unknown = resolve(source, values, undefined, { schema } as GraphQLResolveInfo);
    const entries = Array.isArray(result) ? result : [result];
    const fields = merge(
      selected.flatMap(({ selectionSet }) => selectionSet ?? []),
      named,
    );
    for (const entry of entries) {
      if (entry === null || entry === undefined) continue;
      for (const below of fields.values()) {
        count += 1;
        if (count > most) return;
        const definition = named.getFields()[below[0].name.value];
        if (definition !== undefined) visit(definition, entry, below, { includeDeprecated: true });
      }
    }
  };
  visit(field, undefined, nodes, args);
  return count;
}
