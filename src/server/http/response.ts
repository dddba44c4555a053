// JSON answers, no-store, the client that went away.

import type { ServerResponse } from 'node:http';

/** Sends one JSON body that no cache keeps. */
export function sendJson(response: ServerResponse, status: number, body: object): void {
  response
    .writeHead(status, { 'Content-Type': 'application/json; charset=utf-8', 'Cache-Control': 'no-store' })
    .end(JSON.stringify(body));
}
