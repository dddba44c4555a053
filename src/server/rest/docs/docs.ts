// Serves the API browser from the package's own files, under a policy that allows no script of another origin and sends no data to one.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { createStaticFiles } from '../../http/static-files.ts';

const docsPath = '/api/docs';

/** The API browser. */
export interface Docs {
  /** Answers requests for the page and its files; returns undefined if the request is for the API. */
  answer(request: IncomingMessage, response: ServerResponse): Promise<void> | undefined;
}

/**
 * Creates the server of the API browser.
 * @param directory The directory of the files that `writeDocsAssets` wrote (about 0.5 MB compressed).
 */
export function createDocs(directory: string): Docs {
  const files = createStaticFiles({
    directory,
    name: 'The API browser',
    // The stylesheet draws its arrows from data URLs.
    policy: { 'img-src': ['data:'] },
    // The page names its files with a version. A private copy saves 0.5 MB per visit.
    caching: 'private, max-age=86400',
  });
  return {
    answer(request, response) {
      const [path = ''] = (request.url ?? '/').split('?');
      const isRead = request.method === 'GET' || request.method === 'HEAD';
      if (!isRead || (path !== docsPath && !path.startsWith(`${docsPath}/`))) return undefined;
      return files.send(request, response, path.slice(docsPath.length + 1) || 'index.html');
    },
  };
}
