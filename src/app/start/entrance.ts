// Listens for HTTP from the moment at which the start has to wait, or else from its end, on one port with changing routes.

import { type FailedCheck, startingRoutes } from '../../server/http/health.ts';
import { createListener, type Listener } from '../../server/http/listener.ts';
import type { Route } from '../../server/http/route.ts';
import type { Log } from '../../server/ops/log.ts';
import type { Metrics } from '../../server/ops/metrics.ts';
import type { Config } from '../config.ts';

export interface Entrance {
  readonly listener: Listener;
  /** Listens, and answers that the server is not ready, because of the check. */
  wait(check: () => FailedCheck): Promise<void>;
  /** Serves these routes, and listens unless it does already. Returns the port. */
  open(routes: readonly Route[]): Promise<number>;
  /** Stops listening at once, after a start that failed. */
  close(): Promise<void>;
}

/** Creates the entrance, which does not listen yet. */
export function createEntrance(
  { tls, listenHost, listenPort }: Pick<Config, 'tls' | 'listenHost' | 'listenPort'>,
  log: Log,
  metrics: Metrics,
): Entrance {
  // The listener reads them at each request.
  const routes: Route[] = [];
  const listener = createListener({ routes, tls, log, metrics });
  let port: number | undefined;
  const listen = async (): Promise<number> => (port ??= await listener.listen(listenHost, listenPort));
  return {
    listener,
    async wait(check) {
      routes.splice(0, Infinity, ...startingRoutes(check, metrics));
      await listen();
    },
    async open(all) {
      routes.splice(0, Infinity, ...all);
      return await listen();
    },
    close: () => listener.close({ drainTimeoutMs: 0, idleGraceMs: 0 }),
  };
}
