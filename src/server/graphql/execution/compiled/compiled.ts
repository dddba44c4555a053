// Runs operations: with graphql-js, and those queries that come again and again compiled to JavaScript (graphql-jit), which takes a tenth of the time.
// What the compiled form answers is used only when nothing went wrong: it words, orders and nulls errors in other ways than graphql-js does.

import { isPromise, MapperKind, mapSchema } from '@graphql-tools/utils';
import {
  defaultFieldResolver,
  defaultTypeResolver,
  type DocumentNode,
  execute,
  type ExecutionResult,
  type FieldNode,
  GraphQLInterfaceType,
  GraphQLObjectType,
  type GraphQLResolveInfo,
  GraphQLScalarType,
  GraphQLSchema,
  GraphQLUnionType,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  parse,
  type TypeNode,
  visit,
} from 'graphql';
import type { CompiledQuery, compileQuery as Compile } from 'graphql-jit';
import { argumentsOf, coercionOf } from './coercion.ts';
import { createRecentMap, type PreparedDocument } from './document-cache.ts';

/** Clients have some dozens of queries, and one compiled takes some 10 KB. */
const maxCompiled = 200;
/** Compiling takes milliseconds: not for a query that comes once. */
const defaultSightings = 3;

/** One operation of a document that has no errors. */
export interface Planned {
  readonly prepared: PreparedDocument;
  readonly operation: OperationDefinitionNode;
}

/** Runs a query or mutation as graphql-js would. Without `data` in the result nothing has run: the variables do not fit. */
export type RunOperation = (
  planned: Planned,
  contextValue: unknown,
  variables: Record<string, unknown>,
) => Promise<ExecutionResult>;

/**
 * Makes the function that runs the operations of a schema.
 * A field without a resolver must read plain data: of a promise or a getter that throws, the compiled form knows nothing.
 * @param sightings how often a query comes before it is compiled.
 */
export function createExecution(schema: GraphQLSchema, sightings = defaultSightings): RunOperation {
  const findCompiled = createCompiledQueries(schema, sightings);
  return async (planned, contextValue, variables) => {
    const result = await findCompiled(planned)?.(contextValue, variables);
    // A query changes nothing, so it may run again to say in graphql-js's words what went wrong.
    if (result !== undefined && result.errors === undefined) return result;
    const { prepared, operation } = planned;
    return execute({
      schema,
      document: prepared.document,
      contextValue,
      variableValues: variables,
      operationName: operation.name?.value,
    });
  };
}

/** Gives undefined when the variables do not fit. */
type RunCompiled = (
  contextValue: unknown,
  variables: Record<string, unknown>,
) => ExecutionResult | Promise<ExecutionResult> | undefined;

/** Gives the compiled form, or undefined where there is none: for mutations, for what came only now and then, for documents that are not kept. */
function createCompiledQueries(
  schema: GraphQLSchema,
  sightingsBefore: number,
): (planned: Planned) => RunCompiled | undefined {
  const compiled = createRecentMap<OperationDefinitionNode, RunCompiled | 'none'>(maxCompiled);
  const sightings = new WeakMap<OperationDefinitionNode, number>();
  const compiler = createLazyCompiler(schema);
  return ({ prepared: { text, weight, isKept }, operation }) => {
    // What is compiled stays, so it holds no text of the caller's; and it is compiled over another form of the schema, which nobody may see.
    if (!isKept || weight.asksForSchema || weight.asksForType || operation.operation !== OperationTypeNode.QUERY)
      return undefined;
    const known = compiled.get(operation);
    if (known !== undefined) return known === 'none' ? undefined : known;
    const seen = (sightings.get(operation) ?? 0) + 1;
    sightings.set(operation, seen);
    const compile = seen < sightingsBefore ? undefined : compiler();
    if (compile === undefined) return undefined;
    const run = compile(text, operation);
    compiled.set(operation, run ?? 'none');
    return run;
  };
}

/** Gives undefined for what cannot be compiled. */
type Compiler = (text: string, operation: OperationDefinitionNode) => RunCompiled | undefined;

/** Loads the compiler when it is first asked for, and gives none until it is there: a start does not wait for it. */
function createLazyCompiler(schema: GraphQLSchema): () => Compiler | undefined {
  let compiler: Compiler | undefined;
  let loading: Promise<void> | undefined;
  const load = async (): Promise<void> => {
    const { compileQuery } = await import('graphql-jit');
    compiler = createCompiler(schema, compileQuery);
  };
  return () => {
    loading ??= load();
    return compiler;
  };
}

/** Variables and arguments are coerced by graphql-js, so the compiled form takes each variable as it is. Its own coercion differs, and does not end on an input type that holds itself. */
function createCompiler(schema: GraphQLSchema, compileQuery: typeof Compile): Compiler {
  const coerced = new GraphQLScalarType({ name: 'RegwayCoerced', parseValue: (value) => value });
  const compileSchema = withOwnArguments(withSafeTypes(withType(schema, coerced)));
  return (text, operation) => {
    const document = documentToCompile(text, coerced.name);
    const result =
      document && compileQuery(compileSchema, document, operation.name?.value, { disablingCapturingStackErrors: true });
    if (result === undefined || !isCompiled(result)) return undefined;
    const coerce = coercionOf(schema, operation);
    return (contextValue, variables) => {
      const values = coerce(variables);
      return values && result.query(undefined, contextValue, values);
    };
  };
}

/** The compiler would write arguments into the code, and can be made to write a text as code: so it sees none. */
function withOwnArguments(schema: GraphQLSchema): GraphQLSchema {
  return mapSchema(schema, {
    [MapperKind.OBJECT_FIELD]: (config, name, typeName) => {
      const field = (schema.getType(typeName) as GraphQLObjectType).getFields()[name];
      if (field === undefined || field.args.length === 0) return config;
      const { resolve = defaultFieldResolver } = field;
      const read = argumentsOf(field);
      return {
        ...config,
        args: {},
        resolve: (parent, _args, context, info) =>
          resolve(parent, read(firstNode(info), info.variableValues), context, info),
      };
    },
  });
}

function firstNode({ fieldNodes: [node] }: GraphQLResolveInfo): FieldNode {
  if (node === undefined) throw new Error('a field that is resolved stands in the document');
  return node;
}

function withType(schema: GraphQLSchema, type: GraphQLScalarType): GraphQLSchema {
  const { types, ...config } = schema.toConfig();
  return new GraphQLSchema({ ...config, types: [...types, type], assumeValid: true });
}

/** The compiled form neither catches what tells types apart nor waits for it; so a type that is not told at once and without a failure is none, which is an error. */
function withSafeTypes(schema: GraphQLSchema): GraphQLSchema {
  return mapSchema(schema, {
    [MapperKind.INTERFACE_TYPE]: (type) =>
      new GraphQLInterfaceType({ ...type.toConfig(), resolveType: safely(type.resolveType ?? defaultTypeResolver) }),
    [MapperKind.UNION_TYPE]: (type) =>
      new GraphQLUnionType({ ...type.toConfig(), resolveType: safely(type.resolveType ?? defaultTypeResolver) }),
    [MapperKind.OBJECT_TYPE]: (type) =>
      type.isTypeOf ? new GraphQLObjectType({ ...type.toConfig(), isTypeOf: safely(type.isTypeOf) }) : type,
  });
}

function safely<Parameters extends unknown[], Value>(
  tell: (...parameters: Parameters) => Value | Promise<Value>,
): (...parameters: Parameters) => Value {
  return (...parameters) => {
    try {
      const value = tell(...parameters);
      if (!isPromise(value)) return value;
      value.catch(() => undefined);
    } catch {
      // graphql-js meets the same failure, and says what it is.
    }
    return undefined as Value;
  };
}

/** The document anew, as the compiler writes into the nodes that it reads, with each variable of one type. Undefined for what the compiler gets wrong. */
function documentToCompile(text: string, variableType: string): DocumentNode | undefined {
  const type: TypeNode = { kind: Kind.NAMED_TYPE, name: { kind: Kind.NAME, value: variableType } };
  let isRight = true;
  const document = visit(parse(text, { noLocation: true }), {
    VariableDefinition: ({ kind, variable }) => ({ kind, variable, type }),
    // Where a field is asked for twice, once with a condition, it mixes up what is asked below.
    Directive() {
      isRight = false;
    },
    // As a key in an object literal this is no key.
    Name({ value }) {
      isRight &&= value !== '__proto__';
    },
  });
  return isRight ? document : undefined;
}

function isCompiled(result: CompiledQuery | ExecutionResult): result is CompiledQuery {
  return 'query' in result;
}
