// Serves the routes for operators: liveness, readiness, and metrics.

import type { Metrics } from '../ops/metrics.ts';
import { noStore, sendJson } from './response.ts';
import type { Route } from './route.ts';

/**
 * Creates the routes: `/livez` answers 200 while the process runs, `/readyz` 200 if the server is ready and 503 otherwise, and `/metrics` has the
 * metrics in Prometheus text.
 * @param ready Returns whether the store answers and the server is not stopping. A rejection means not ready.
 */
export function healthRoutes(ready: () => Promise<boolean>, metrics: Metrics): Route[] {
  return [
    {
      name: 'livez',
      matches: (path) => path === '/livez',
      handle: (_, response) => sendJson(response, 200, { status: 'alive' }, noStore),
    },
    {
      name: 'readyz',
      matches: (path) => path === '/readyz',
      handle: async (_, response) => {
        const isReady = await ready().catch(() => false);
        sendJson(response, isReady ? 200 : 503, { status: isReady ? 'ready' : 'not ready' }, noStore);
      },
    },
    {
      name: 'metrics',
      matches: (path) => path === '/metrics',
      handle: async (_, response) => {
        const { contentType, body } = await metrics.render();
        response.writeHead(200, { 'Content-Type': contentType, 'Cache-Control': 'no-store' }).end(body);
      },
    },
  ];
}
