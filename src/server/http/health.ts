// Serves the routes for operators: alive, ready, and metrics.

import type { Metrics } from '../ops/metrics.ts';
import { noStore, sendJson } from './response.ts';
import type { Route } from './route.ts';

/** `/livez`: the process answers. `/readyz`: its store answers too and it is not stopping. `/metrics`: Prometheus text. */
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
