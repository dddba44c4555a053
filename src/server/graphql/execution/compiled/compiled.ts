// Runs queries that come again and again as compiled JavaScript (graphql-jit). README.md in this folder says what it is, what it saves, and how to turn it off.

import { isPromise, MapperKind, mapSchema } from '@graphql-tools/utils';
import {
  defaultFieldResolver,
  defaultTypeResolver,
  type DocumentNode,
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
import { LRUCache } from 'lru-cache';
import type { PlannedOperation, RunOperation } from '../run-operation.ts';
import { createArgumentReader, createVariableCoercion } from './coercion.ts';

/** Maximum number of compiled queries. Clients have some dozens, and a compiled one takes some 10 KB. */
const maxCompiled = 200;
/** Maximum number of fields of a compiled document. Compiling takes a tenth of a millisecond for each, in one turn of the event loop. */
const maxCompiledFields = 250;
/** The run on which a query is compiled. Compiling takes milliseconds, which a query that comes once does not repay. */
const defaultSightings = 3;

/**
 * Creates the function that runs the operations of a schema, compiled where possible. Its results are those of graphql-js, byte for byte.
 * A field without a resolver must read plain data: the compiled form handles neither a promise nor a throwing getter there.
 * @param interpret runs an operation with graphql-js.
 * @param sightings the run on which a query is compiled. Defaults to 3.
 */
export function createCompiledExecution(
  schema: GraphQLSchema,
  interpret: RunOperation,
  sightings = defaultSightings,
): RunOperation {
  const findCompiled = createCompiledQueries(schema, sightings);
  return async (planned, contextValue, variables) => {
    const result = await findCompiled(planned)?.(contextValue, variables);
    // The compiled form words, orders, and nulls errors differently. A query changes nothing, so graphql-js may run it again.
    if (result !== undefined && result.errors === undefined) return result;
    return interpret(planned, contextValue, variables);
  };
}

/** Returns undefined if the variables do not fit. */
type RunCompiled = (
  contextValue: unknown,
  variables: Record<string, unknown>,
) => ExecutionResult | Promise<ExecutionResult> | undefined;

/** Returns the compiled form of an operation, or undefined for mutations, for queries seen too seldom, and for documents that may not be cached. */
function createCompiledQueries(
  schema: GraphQLSchema,
  sightingsBefore: number,
): (planned: PlannedOperation) => RunCompiled | undefined {
  const compiled = new LRUCache<OperationDefinitionNode, RunCompiled | 'none'>({ max: maxCompiled });
  const sightings = new WeakMap<OperationDefinitionNode, number>();
  const compiler = createLazyCompiler(schema);
  return ({ prepared: { text, weight, isCacheable }, operation }) => {
    // Compiled code is cached, so it must contain no string of a caller. It is compiled over another form of the schema, which introspection must not show.
    if (!isCacheable || weight.asksForSchema || weight.asksForType || operation.operation !== OperationTypeNode.QUERY)
      return undefined;
    if (weight.fields > maxCompiledFields) return undefined;
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

/** Returns undefined for an operation that cannot be compiled. */
type Compiler = (text: string, operation: OperationDefinitionNode) => RunCompiled | undefined;

/** Loads the compiler on first use and returns undefined until it is loaded, so that a start does not wait for it. */
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

/** Leaves all coercion to graphql-js: the compiled form accepts each variable as it is. graphql-jit's own coercion differs, and never ends on an input type that contains itself. */
function createCompiler(schema: GraphQLSchema, compileQuery: typeof Compile): Compiler {
  const coerced = new GraphQLScalarType({ name: 'RegwayCoerced', parseValue: (value) => value });
  const compileSchema = withoutArguments(withSafeTypes(withType(schema, coerced)));
  return (text, operation) => {
    const document = documentToCompile(text, coerced.name);
    const result =
      document && compileQuery(compileSchema, document, operation.name?.value, { disablingCapturingStackErrors: true });
    if (result === undefined || !isCompiled(result)) return undefined;
    const coerce = createVariableCoercion(schema, operation);
    return (contextValue, variables) => {
      const values = coerce(variables);
      return values && result.query(undefined, contextValue, values);
    };
  };
}

/** Hides all arguments from the compiler, which writes them into the code and can be made to write a string as code. */
function withoutArguments(schema: GraphQLSchema): GraphQLSchema {
  return mapSchema(schema, {
    [MapperKind.OBJECT_FIELD]: (config, name, typeName) => {
      const field = (schema.getType(typeName) as GraphQLObjectType).getFields()[name];
      if (field === undefined || field.args.length === 0) return config;
      const { resolve = defaultFieldResolver } = field;
      const readArguments = createArgumentReader(field);
      return {
        ...config,
        args: {},
        resolve: (parent, _args, context, info) =>
          resolve(parent, readArguments(firstNode(info), info.variableValues), context, info),
      };
    },
  });
}

function firstNode({ fieldNodes: [node] }: GraphQLResolveInfo): FieldNode {
  if (node === undefined) throw new Error('a field that is resolved must be in the document');
  return node;
}

function withType(schema: GraphQLSchema, type: GraphQLScalarType): GraphQLSchema {
  const { types, ...config } = schema.toConfig();
  return new GraphQLSchema({ ...config, types: [...types, type], assumeValid: true });
}

/** Makes every type resolver synchronous and unable to throw, because the compiled form neither awaits nor catches. An unresolved type is an error, which graphql-js then words. */
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
  resolve: (...parameters: Parameters) => Value | Promise<Value>,
): (...parameters: Parameters) => Value {
  return (...parameters) => {
    try {
      const value = resolve(...parameters);
      if (!isPromise(value)) return value;
      value.catch(() => undefined);
    } catch {
      // graphql-js meets the same failure when it runs the query again, and words it.
    }
    return undefined as Value;
  };
}

/** Parses the document again, because the compiler writes into the nodes it reads, with one type for all variables. Returns undefined for a document that the compiler gets wrong. */
function documentToCompile(text: string, variableType: string): DocumentNode | undefined {
  const type: TypeNode = { kind: Kind.NAMED_TYPE, name: { kind: Kind.NAME, value: variableType } };
  let isCompilable = true;
  const document = visit(parse(text, { noLocation: true }), {
    VariableDefinition: ({ kind, variable }) => ({ kind, variable, type }),
    // Where a field is selected twice, once with a condition, the compiler mixes up the two selection sets.
    Directive() {
      isCompilable = false;
    },
    // In the object literals that the compiler writes, `__proto__` is no key.
    Name({ value }) {
      isCompilable &&= value !== '__proto__';
    },
  });
  return isCompilable ? document : undefined;
}

function isCompiled(result: CompiledQuery | ExecutionResult): result is CompiledQuery {
  return 'query' in result;
}
