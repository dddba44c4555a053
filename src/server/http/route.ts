// Defines a route: its name in logs and metrics, the paths that it serves, and how it answers them.

import type { IncomingMessage, ServerResponse } from 'node:http';

/** The context that the listener adds to a request. */
export interface RequestContext {
  /** The ID of the request, also in the log and in `X-Request-Id`. */
  readonly requestId: string;
}

/** A part of the server that answers some paths. */
export interface Route {
  /** The name in logs and metrics. */
  readonly name: string;
  /** Whether its requests are probes, whose lines in the log have the level `debug`. */
  readonly isProbe?: boolean;
  /** Returns whether this route serves the path (without query). */
  matches(path: string): boolean;
  /** Answers one request. `X-Request-Id` and `X-Content-Type-Options` are already set. */
  handle(request: IncomingMessage, response: ServerResponse, context: RequestContext): Promise<void> | void;
}
