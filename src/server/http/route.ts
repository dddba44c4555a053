// What a route is.

import type { IncomingMessage, ServerResponse } from 'node:http';

export interface RequestContext {
  readonly requestId: string;
  /** What every answer has, names and values in turn, as `writeHead` takes it. */
  readonly headers: readonly string[];
}

export interface Route {
  /** Name in logs and metrics. */
  readonly name: string;
  /** Whether the path (without query) is this route's. */
  matches(path: string): boolean;
  handle(request: IncomingMessage, response: ServerResponse, context: RequestContext): Promise<void> | void;
  /** Whether it gives its answers the headers of the context itself: written together with others they cost a third. */
  readonly writesHeaders?: boolean;
}
