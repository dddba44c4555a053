// Runs one operation of a prepared document with graphql-js, and the types that every way to run one shares.

import { execute, type ExecutionResult, type GraphQLSchema, type OperationDefinitionNode } from 'graphql';
import type { PreparedDocument } from './document-cache.ts';

/** One operation of a document without errors. */
export interface PlannedOperation {
  readonly prepared: PreparedDocument;
  readonly operation: OperationDefinitionNode;
}

/** Runs a query or mutation. A result without `data` means that nothing ran, because the variables do not fit. */
export type RunOperation = (
  planned: PlannedOperation,
  contextValue: unknown,
  variables: Record<string, unknown>,
) => Promise<ExecutionResult>;

/** Creates the function that runs operations of a schema with graphql-js. */
export function createInterpreter(schema: GraphQLSchema): RunOperation {
  return async ({ prepared, operation }, contextValue, variables) =>
    execute({
      schema,
      document: prepared.document,
      contextValue,
      variableValues: variables,
      operationName: operation.name?.value,
    });
}
