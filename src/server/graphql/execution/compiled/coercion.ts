// Coerces arguments (GraphQL specification §6.4.1) and variables (§6.1.2) of a query that runs again and again: whatever does not depend on variables is computed once.

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
 * Returns the argument values of one field, as graphql-js's `getArgumentValues` does.
 * @param node the field in an operation without errors.
 * @param variables the coerced variables.
 * @throws GraphQLError in graphql-js's words if a value does not fit.
 */
export type ReadArguments = (node: FieldNode, variables: Readonly<Record<string, unknown>>) => Record<string, unknown>;

/** Creates the function that reads the arguments of a field. It caches per node whatever does not depend on variables. */
export function createArgumentReader(field: GraphQLField<unknown, unknown>): ReadArguments {
  const known = new WeakMap<FieldNode, CoerceArguments>();
  return (node, variables) => {
    let coerce = known.get(node);
    if (coerce === undefined) {
      coerce = createArgumentCoercion(field, node);
      known.set(node, coerce);
    }
    return coerce(variables);
  };
}

/** Leaves every unusual case to graphql-js: an error, a default for a variable that was not sent, a list or an object in the document. */
function createArgumentCoercion(field: GraphQLField<unknown, unknown>, node: FieldNode): CoerceArguments {
  const coerceInFull: CoerceArguments = (variables) => getArgumentValues(field, node, variables);
  const written = new Map(node.arguments?.map(({ name, value }) => [name.value, value]));
  const constants: Record<string, unknown> = {};
  const fromVariables: VariableArgument[] = [];
  for (const argument of field.args) {
    const value = written.get(argument.name);
    if (value?.kind === Kind.VARIABLE)
      fromVariables.push({ name: argument.name, variable: value.name.value, isRequired: isNonNullType(argument.type) });
    else if (!addConstant(constants, argument, value)) return coerceInFull;
  }
  return (variables) => {
    const values = { ...constants };
    for (const { name, variable, isRequired } of fromVariables) {
      const value = Object.hasOwn(variables, variable) ? variables[variable] : undefined;
      if (value === undefined || (value === null && isRequired)) return coerceInFull(variables);
      values[name] = value;
    }
    return values;
  };
}

/** Adds the value of an argument that is the same on every run. Returns false if it may differ, or if a resolver could modify it. */
function addConstant(
  constants: Record<string, unknown>,
  { name, type, defaultValue }: GraphQLArgument,
  value: ValueNode | undefined,
): boolean {
  if (value === undefined && defaultValue === undefined) return !isNonNullType(type);
  // They may contain variables, even as the value of a scalar.
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

/** Returns the coerced variables, or undefined if one does not fit; graphql-js then words the error. */
export type CoerceVariables = (inputs: Readonly<Record<string, unknown>>) => Record<string, unknown> | undefined;

/**
 * Creates the function that coerces the variables of an operation.
 * @param operation an operation without errors and without a variable named `__proto__`.
 */
export function createVariableCoercion(
  schema: GraphQLSchema,
  { variableDefinitions = [] }: OperationDefinitionNode,
): CoerceVariables {
  const variables = variableDefinitions.map(({ variable, type: typeNode, defaultValue }): Variable => {
    const type = typeFromAST(schema, typeNode);
    if (!isInputType(type)) throw new Error('a variable of an operation without errors must have an input type');
    return { name: variable.name.value, type, defaultValue };
  });
  return (inputs) => {
    const values: Record<string, unknown> = {};
    try {
      for (const variable of variables) coerceVariable(variable, inputs, values);
    } catch {
      // Also whatever a scalar throws: graphql-js meets it again and words it.
      return undefined;
    }
    return values;
  };
}

/** Coerces one variable into `values`. @throws Error if the value does not fit. */
function coerceVariable(
  { name, type, defaultValue }: Variable,
  inputs: Readonly<Record<string, unknown>>,
  values: Record<string, unknown>,
): void {
  if (Object.hasOwn(inputs, name)) values[name] = coerceInputValue(inputs[name], type, reject);
  else if (defaultValue !== undefined) values[name] = valueFromAST(defaultValue, type);
  else if (isNonNullType(type)) reject();
}

function reject(): never {
  throw new Error('the value does not fit');
}
