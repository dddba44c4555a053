// Answers requests with JSON in and out on the socket itself, past Yoga's fetch adapter, because `Request` and `Response` cost
// several times as much as a lookup, and Yoga serializes a large response at once. Requests that are not certain to run are left to Yoga.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { type ExecutionResult, getOperationAST, OperationTypeNode } from 'graphql';
import type { Slot } from '../../../core/shared/fair-slots.ts';
import { type Turns, turns } from '../../http/turns.ts';
import { answerMediaType, sendLargeResult, sendResult } from '../response.ts';
import type { GraphqlContext } from '../schema/builder.ts';
import type { CostLimits } from './cost.ts';
import type { Documents, PreparedDocument } from './document-cache.ts';
import { largeOperations } from './large-operations.ts';
import { brokenEntityLimits } from './limits.ts';
import type { PlannedOperation, RunOperation } from './run-operation.ts';

export interface FastPathOptions {
  readonly documents: Documents;
  readonly judgeCost: CostLimits;
  readonly run: RunOperation;
  /** Translates the errors of a result and reports it to the metrics. */
  readonly clean: (result: ExecutionResult, context: RequestContext) => ExecutionResult;
}

/** Answers a request and returns true, or returns false: then nothing ran and nothing was written. */
export type FastPath = (
  request: IncomingMessage,
  response: ServerResponse,
  context: RequestContext,
) => Promise<boolean>;

/** Creates the fast path. It shares its documents with Yoga and applies the same rules. */
export function createFastPath({ documents, judgeCost, run, clean }: FastPathOptions): FastPath {
  return async (request, response, context) => {
    const mediaType = answerMediaType(request.headers.accept);
    const planned = mediaType === undefined ? undefined : plan({ documents, judgeCost }, context);
    if (mediaType === undefined || planned === undefined) return false;
    const { operation } = planned.operation;
    if (planned.isLarge) {
      // Yoga refuses a mutation by GET.
      if (request.method !== 'POST' && operation !== OperationTypeNode.QUERY) return false;
    } else if (request.method !== 'POST' || request.url !== '/graphql') return false;
    const slot = planned.isLarge ? await acquireSlot(context) : undefined;
    try {
      if (slot !== undefined) context.turns = turns;
      const result = await run(planned, context, context.parameters.variables ?? {});
      // Variables that do not fit are rejected before anything runs.
      if (result.data === undefined) return false;
      context.operationType = operation;
      if (slot === undefined) sendResult(response, mediaType, clean(result, context));
      else await sendLargeResult(response, mediaType, clean(result, context), turns);
      return true;
    } finally {
      slot?.release();
    }
  };
}

function acquireSlot({ caller }: RequestContext): Promise<Slot> {
  return largeOperations.acquire(caller.principal?.subject ?? '', caller.signal?.());
}

interface FastOperation extends PlannedOperation {
  readonly isLarge: boolean;
}

/** Returns the operation to run, or undefined if the response is an error or a stream. */
function plan(
  { documents, judgeCost }: Pick<FastPathOptions, 'documents' | 'judgeCost'>,
  { parameters, mayIntrospect }: RequestContext,
): FastOperation | undefined {
  const prepared = tryPrepare(documents, parameters.query);
  if (prepared === undefined || prepared.errors.length > 0) return undefined;
  const { document, weight } = prepared;
  const operation = getOperationAST(document, parameters.operationName);
  if (!operation || operation.operation === OperationTypeNode.SUBSCRIPTION) return undefined;
  if (brokenEntityLimits(weight, parameters.variables).length > 0) return undefined;
  if (!mayIntrospect && (weight.asksForSchema || weight.asksForType)) return undefined;
  const { errors, isLarge } = judgeCost(document, operation, parameters.variables);
  return errors.length === 0 ? { prepared, operation, isLarge } : undefined;
}

function tryPrepare(documents: Documents, query: string): PreparedDocument | undefined {
  try {
    return documents.prepare(query);
  } catch {
    return undefined;
  }
}

/** The parameters of a GraphQL request. */
export interface GraphqlParameters {
  readonly query: string;
  readonly operationName?: string | undefined;
  readonly variables?: Record<string, unknown> | undefined;
  readonly extensions?: Record<string, unknown> | undefined;
}

/** The context of one request: its caller, its parameters, and what was found out while answering it. */
export interface RequestContext extends GraphqlContext {
  readonly parameters: GraphqlParameters;
  /** Whether the caller may see the schema. */
  readonly mayIntrospect: boolean;
  /** `query`, `mutation`, or `subscription` once known; `none` before. */
  operationType: string;
  turns?: Turns | undefined;
}
