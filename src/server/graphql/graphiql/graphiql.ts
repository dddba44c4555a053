// Serves GraphiQL to browsers from the package's own files, under a policy that lets no foreign script run and no data leave.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createStaticFiles } from '../../http/static-files.ts';

const assetsPath = '/graphql/assets/';

export interface Graphiql {
  /** Answers a request for the page or one of its files; returns undefined if the request is for GraphQL. */
  answer(request: IncomingMessage, response: ServerResponse): Promise<void> | undefined;
}

/**
 * Creates the server of GraphiQL.
 * @param directory Where `writeGraphiqlAssets` put the files (about 2.5 MB compressed); undefined for a server without GraphiQL.
 */
export function createGraphiql(directory: string | undefined): Graphiql {
  const files = createStaticFiles({
    directory,
    name: 'GraphiQL',
    // The editor sets styles inline, never scripts. Its fonts and cursors are data URLs.
    policy: { 'style-src': ["'unsafe-inline'"], 'img-src': ['data:'], 'font-src': ['data:'], 'worker-src': [] },
    // The page names its files with a version. A private copy saves 2.5 MB per visit.
    caching: 'private, max-age=86400',
    vary: 'Accept',
  });
  return {
    answer(request, response) {
      const name = fileOf(request);
      return name === undefined ? undefined : files.send(request, response, name);
    },
  };
}

/** Returns the file that a browser requests: the page if it accepts HTML, or one below the assets path. */
function fileOf({ method, url = '/', headers }: IncomingMessage): string | undefined {
  if (url === '/graphql' && method === 'POST') return undefined;
  const [path = ''] = url.split('?');
  const isRead = method === 'GET' || method === 'HEAD';
  if (path.startsWith(assetsPath) && isRead) return path.slice(assetsPath.length);
  if (path !== '/graphql') return path.startsWith('/graphql/') ? 'missing' : undefined;
  return isRead && headers.accept?.includes('text/html') === true ? 'index.html' : undefined;
}
