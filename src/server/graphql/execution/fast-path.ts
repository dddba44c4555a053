// The short way for what frontends and gateways send, POST with JSON both ways: the answer goes straight to the socket.
// Yoga stands on fetch's Request and Response, which cost several times what a lookup does. Whatever is not certain to run is left to it.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { type ExecutionResult, getOperationAST, OperationTypeNode } from 'graphql';
import { answerMediaType, type CommonHeaders, sendResult } from '../response.ts';
import type { GraphqlContext } from '../schema/builder.ts';
import type { Planned, RunOperation } from './compiled.ts';
import type { Documents, PreparedDocument } from './document-cache.ts';
import { brokenEntityLimits } from './limits.ts';

export interface DirectOptions {
  readonly documents: Documents;
  readonly execution: RunOperation;
  /** Every error of the answer translated, and the answer told of. */
  readonly clean: (result: ExecutionResult, context: RequestContext) => ExecutionResult;
}

/** Answers a request, or gives false: then nothing of it has run and nothing is written. */
export type AnswerDirectly = (
  request: IncomingMessage,
  response: ServerResponse,
  context: RequestContext,
) => Promise<boolean>;

/** Builds the short way. It knows the same documents, and keeps the same rules, as Yoga's way does. */
export function createFastPath({ documents, execution, clean }: DirectOptions): AnswerDirectly {
  return async (request, response, context) => {
    const mediaType =
      request.method === 'POST' && request.url === '/graphql' ? answerMediaType(request.headers.accept) : undefined;
    const planned = mediaType === undefined ? undefined : plan(documents, context);
    if (mediaType === undefined || planned === undefined) return false;
    const result = await execution(planned, context, context.parameters.variables ?? {});
    // Variables that do not fit are found before anything runs.
    if (result.data === undefined) return false;
    context.operationType = planned.operation.operation;
    sendResult(response, context.headers, mediaType, clean(result, context));
    return true;
  };
}

/** What will run; undefined when the answer is a refusal, or a stream. */
function plan(documents: Documents, { parameters, mayIntrospect }: RequestContext): Planned | undefined {
  const prepared = prepareOrLeave(documents, parameters.query);
  if (prepared === undefined || prepared.errors.length > 0) return undefined;
  const { document, weight } = prepared;
  const operation = getOperationAST(document, parameters.operationName);
  if (!operation || operation.operation === OperationTypeNode.SUBSCRIPTION) return undefined;
  if (brokenEntityLimits(weight, parameters.variables).length > 0) return undefined;
  return mayIntrospect || !(weight.asksForSchema || weight.asksForType) ? { prepared, operation } : undefined;
}

function prepareOrLeave(documents: Documents, query: string): PreparedDocument | undefined {
  try {
    return documents.prepare(query);
  } catch {
    return undefined;
  }
}

/** What a request asks to run. */
export interface GraphqlParameters {
  readonly query: string;
  readonly operationName?: string | undefined;
  readonly variables?: Record<string, unknown> | undefined;
  readonly extensions?: Record<string, unknown> | undefined;
}

/** What one request carries: who asks for what, and what was learnt on the way. */
export interface RequestContext extends GraphqlContext {
  readonly parameters: GraphqlParameters;
  readonly headers: CommonHeaders;
  /** Whether the caller may see the schema. */
  readonly mayIntrospect: boolean;
  /** `query`, `mutation` or `subscription` once it is known. */
  operationType: string;
}
