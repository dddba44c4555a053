// The wiring of the pull endpoint.

import type { Pulls } from '../../core/pulls/pull.ts';
import type { Config } from '../config.ts';
import type { Route } from '../../server/http/listener.ts';
import type { Log } from '../../server/ops/log.ts';
import { createPullServer } from '../../server/oci/server.ts';
import type { Upstream } from '../../upstream/pull/puller.ts';
import type { Logins } from './logins.ts';

export interface PullingParts {
  readonly config: Config;
  readonly logins: Logins;
  readonly pulls: Pulls;
  readonly upstream: Upstream;
  /** Signs what the token endpoint hands out. */
  readonly grantKey: Uint8Array;
  readonly log: Log;
}

/** The routes below `/v2`. */
export function pullRoutes({ config, logins, pulls, upstream, grantKey, log }: PullingParts): Route[] {
  const now = (): Date => new Date();
  const server = createPullServer({
    pulls,
    upstream,
    grantKey,
    authenticate: logins.authenticator(['bearer', 'basic']),
    recall: logins.recall,
    now,
    settings: { publicUrl: config.publicUrl, defaultUpstream: config.pullDefaultUpstream },
    log: { error: (fields, message) => log.error(fields, message), warn: (fields, message) => log.warn(fields, message) },
  });
  const handle: Route['handle'] = (request, response, context) => server.handle(request, response, context);
  return [{ name: 'pull', matches: (path) => path === '/v2' || path.startsWith('/v2/'), handle }];
}
