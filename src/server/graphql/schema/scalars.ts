// The custom scalars: DateTime, and Secret, which is accepted as input and never returned.

import { GraphQLError, GraphQLScalarType, Kind, type ValueNode } from 'graphql';
import { GraphQLDateTime } from 'graphql-scalars';
import { Secret } from '../../../core/shared/secret.ts';

/**
 * The DateTime of graphql-scalars (RFC 3339 §5.6), except that a result is text at once: `JSON.stringify` prints the same text from
 * a Date, but in a third more time, and a page has 150 dates.
 */
export const dateTimeScalar = new GraphQLScalarType<Date, string>({
  ...GraphQLDateTime.toConfig(),
  serialize: (value) => (value instanceof Date ? value : GraphQLDateTime.serialize(value)).toISOString(),
});

/** A secret as input: a string, wrapped in a `Secret` before anything else sees it. Its errors never contain the value. */
export const secretScalar: GraphQLScalarType<Secret, never> = new GraphQLScalarType<Secret, never>({
  name: 'Secret',
  description:
    'A password or token as a string. Pass it in a variable, not in the document. Input only: no response, error, or log ever contains it.',
  parseValue(value) {
    if (typeof value !== 'string') throw notAString();
    return new Secret(value);
  },
  parseLiteral(node) {
    // A plain Error here would make graphql-js print the literal.
    if (node.kind !== Kind.STRING) throw notAString(node);
    return new Secret(node.value);
  },
  serialize() {
    throw new Error('A Secret is never returned.');
  },
});

function notAString(node?: ValueNode): GraphQLError {
  return new GraphQLError('A Secret must be a string.', { nodes: node ?? null });
}
