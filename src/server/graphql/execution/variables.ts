// Coercing the variables of an operation that comes again and again (GraphQL specification §6.1.2): the types are found once, not with each request.

import { coerceInputValue, isInputType, isNonNullType, typeFromAST, valueFromAST, type GraphQLInputType, type GraphQLSchema, type OperationDefinitionNode, type ValueNode } from 'graphql';

interface Variable {
  readonly name: string;
  readonly type: GraphQLInputType;
  readonly defaultValue: ValueNode | undefined;
}

/** Gives the coerced values; undefined when they do not fit. What does not fit, graphql-js says in its own words. */
export type CoerceVariables = (inputs: Readonly<Record<string, unknown>>) => Record<string, unknown> | undefined;

/** @param operation one that has no errors, and none of whose variables is called `__proto__`. */
export function coercionOf(schema: GraphQLSchema, { variableDefinitions = [] }: OperationDefinitionNode): CoerceVariables {
  const variables = variableDefinitions.map(({ variable, type: typeNode, defaultValue }): Variable => {
    const type = typeFromAST(schema, typeNode);
    if (!isInputType(type)) throw new Error('a variable of an operation without errors has an input type');
    return { name: variable.name.value, type, defaultValue };
  });
  return (inputs) => {
    const values: Record<string, unknown> = {};
    try {
      for (const variable of variables) coerce(variable, inputs, values);
    } catch {
      // Also what a scalar throws: it is met again, and said, by graphql-js.
      return undefined;
    }
    return values;
  };
}

/** @throws Error when the value does not fit. */
function coerce({ name, type, defaultValue }: Variable, inputs: Readonly<Record<string, unknown>>, values: Record<string, unknown>): void {
  if (Object.hasOwn(inputs, name)) values[name] = coerceInputValue(inputs[name], type, refuse);
  else if (defaultValue !== undefined) values[name] = valueFromAST(defaultValue, type);
  else if (isNonNullType(type)) refuse();
}

function refuse(): never {
  throw new Error('the value does not fit');
}
