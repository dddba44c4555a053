// Coercing the arguments of a field that is resolved again and again (GraphQL specification §6.4.1): what does not depend on variables is found once.

import {
  coerceInputValue,
  type FieldNode,
  getArgumentValues,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLSchema,
  isInputType,
  isNonNullType,
  Kind,
  type OperationDefinitionNode,
  typeFromAST,
  valueFromAST,
  type ValueNode,
} from 'graphql';

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
    if (value?.kind === Kind.VARIABLE)
      fromVariables.push({ name: argument.name, variable: value.name.value, isRequired: isNonNullType(argument.type) });
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
function addConstant(
  constants: Record<string, unknown>,
  { name, type, defaultValue }: GraphQLArgument,
  value: ValueNode | undefined,
): boolean {
  if (value === undefined && defaultValue === undefined) return !isNonNullType(type);
  // There may be variables in them, also where a scalar takes them.
  if (value?.kind === Kind.LIST || value?.kind === Kind.OBJECT) return false;
  const constant: unknown = value === undefined ? defaultValue : valueFromAST(value, type);
  if (constant === undefined || (typeof constant === 'object' && constant !== null)) return false;
  constants[name] = constant;
  return true;
}

interface Variable {
  readonly name: string;
  readonly type: GraphQLInputType;
  readonly defaultValue: ValueNode | undefined;
}

/** Gives the coerced values; undefined when they do not fit. What does not fit, graphql-js says in its own words. */
export type CoerceVariables = (inputs: Readonly<Record<string, unknown>>) => Record<string, unknown> | undefined;

/** @param operation one that has no errors, and none of whose variables is called `__proto__`. */
export function coercionOf(
  schema: GraphQLSchema,
  { variableDefinitions = [] }: OperationDefinitionNode,
): CoerceVariables {
  const variables = variableDefinitions.map(({ variable, type: typeNode, defaultValue }): Variable => {
    const type = typeFromAST(schema, typeNode);
    if (!isInputType(type)) throw new Error('a variable of an operation without errors has an input type');
    return { name: variable.name.value, type, defaultValue };
  });
  return (inputs) => {
    const values: Record<string, unknown> = {};
    try {
      for (const variable of variables) coerceVariable(variable, inputs, values);
    } catch {
      // Also what a scalar throws: it is met again, and said, by graphql-js.
      return undefined;
    }
    return values;
  };
}

/** @throws Error when the value does not fit. */
function coerceVariable(
  { name, type, defaultValue }: Variable,
  inputs: Readonly<Record<string, unknown>>,
  values: Record<string, unknown>,
): void {
  if (Object.hasOwn(inputs, name)) values[name] = coerceInputValue(inputs[name], type, refuse);
  else if (defaultValue !== undefined) values[name] = valueFromAST(defaultValue, type);
  else if (isNonNullType(type)) refuse();
}

function refuse(): never {
  throw new Error('the value does not fit');
}
