// Serves the routes for operators: liveness, readiness, and metrics. Probes write no line at the level info, because they come every few seconds.

import type { Metrics } from '../ops/metrics.ts';
import { noStore, sendJson } from './response.ts';
import type { Route } from './route.ts';

/** A reason why the server is not ready. */
export interface FailedCheck {
  readonly check: 'shutdown' | 'storage';
  /** One word, such as the code of a driver. Never a message, which could contain more than an unauthenticated caller may know. */
  readonly code: string;
  readonly since: Date;
}
/** Seconds after which a client may find the server started. */
const retryAfterSeconds = 5;

/**
 * Creates the routes: `/livez` answers 200 while the process runs, `/readyz` 200 if the server is ready and otherwise 503 with the reasons, and
 * `/metrics` has the metrics in Prometheus text.
 * @param failedChecks Returns the reasons why the server is not ready; none if it is.
 */
export function healthRoutes(failedChecks: () => Promise<readonly FailedCheck[]>, metrics: Metrics): Route[] {
  return [
    {
      name: 'livez',
      isProbe: true,
      // The older name is the default of many load balancers.
      matches: (path) => path === '/livez' || path === '/healthz',
      handle: (_, response) => sendJson(response, 200, { status: 'alive' }, noStore),
    },
    {
      name: 'readyz',
      isProbe: true,
      matches: (path) => path === '/readyz',
      handle: async (_, response) => {
        const checks = await failedChecks();
        if (checks.length === 0) sendJson(response, 200, { status: 'ready' }, noStore);
        else sendJson(response, 503, { status: 'not ready', checks }, noStore);
      },
    },
    {
      name: 'metrics',
      isProbe: true,
      matches: (path) => path === '/metrics',
      handle: async (_, response) => {
        const { contentType, body } = await metrics.render();
        response.writeHead(200, { 'Content-Type': contentType, 'Cache-Control': 'no-store' }).end(body);
      },
    },
  ];
}

/**
 * Creates the routes of a server that waits for its database: it is alive, not ready, and every other path is 503.
 * @param check Returns why it waits.
 */
export function startingRoutes(check: () => FailedCheck, metrics: Metrics): Route[] {
  return [
    ...healthRoutes(() => Promise.resolve([check()]), metrics),
    {
      name: 'starting',
      matches: () => true,
      handle: (_, response) =>
        sendJson(
          response,
          503,
          { message: 'Regway is waiting for its database. Try again in a few seconds.' },
          { ...noStore, 'Retry-After': String(retryAfterSeconds) },
        ),
    },
  ];
}
