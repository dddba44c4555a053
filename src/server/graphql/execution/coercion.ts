// Coercing the arguments of a field that is resolved again and again (GraphQL specification §6.4.1): what does not depend on variables is found once.

import { getArgumentValues, isNonNullType, Kind, valueFromAST, type FieldNode, type GraphQLArgument, type GraphQLField, type ValueNode } from 'graphql';

type CoerceArguments = (variables: Readonly<Record<string, unknown>>) => Record<string, unknown>;

interface VariableArgument {
  readonly name: string;
  readonly variable: string;
  readonly isRequired: boolean;
}

/**
 * As graphql-js's `getArgumentValues` of one field.
 * @param node the field in an operation that has no errors. @param variables coerced.
 * @throws GraphQLError in graphql-js's words when they do not fit.
 */
export type ReadArguments = (node: FieldNode, variables: Readonly<Record<string, unknown>>) => Record<string, unknown>;

/** Gives what reads the arguments of a field, and remembers of each node what it found. */
export function argumentsOf(field: GraphQLField<unknown, unknown>): ReadArguments {
  const known = new WeakMap<FieldNode, CoerceArguments>();
  return (node, variables) => {
    let coerce = known.get(node);
    if (coerce === undefined) {
      coerce = coercionOfArguments(field, node);
      known.set(node, coerce);
    }
    return coerce(variables);
  };
}

/** Whatever is out of the ordinary is left to graphql-js: an error, a default in the place of a variable that was not sent, a list or an object in the document. */
function coercionOfArguments(field: GraphQLField<unknown, unknown>, node: FieldNode): CoerceArguments {
  const inFull: CoerceArguments = (variables) => getArgumentValues(field, node, variables);
  const given = new Map(node.arguments?.map(({ name, value }) => [name.value, value]));
  const constants: Record<string, unknown> = {};
  const fromVariables: VariableArgument[] = [];
  for (const argument of field.args) {
    const value = given.get(argument.name);
    if (value?.kind === Kind.VARIABLE) fromVariables.push({ name: argument.name, variable: value.name.value, isRequired: isNonNullType(argument.type) });
    else if (!addConstant(constants, argument, value)) return inFull;
  }
  return (variables) => {
    const values = { ...constants };
    for (const { name, variable, isRequired } of fromVariables) {
      const value = Object.hasOwn(variables, variable) ? variables[variable] : undefined;
      if (value === undefined || (value === null && isRequired)) return inFull(variables);
      values[name] = value;
    }
    return values;
  };
}

/** Gives false for what may not be the same each time, or might be changed by who gets it. */
function addConstant(constants: Record<string, unknown>, { name, type, defaultValue }: GraphQLArgument, value: ValueNode | undefined): boolean {
  if (value === undefined && defaultValue === undefined) return !isNonNullType(type);
  // There may be variables in them, also where a scalar takes them.
  if (value?.kind === Kind.LIST || value?.kind === Kind.OBJECT) return false;
  const constant: unknown = value === undefined ? defaultValue : valueFromAST(value, type);
  if (constant === undefined || (typeof constant === 'object' && constant !== null)) return false;
  constants[name] = constant;
  return true;
}
