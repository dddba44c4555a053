// Serves the console: its page at the console's own addresses, and hashed assets that never change next to it.

import type { Route } from '../http/route.ts';
import { createStaticFiles } from '../http/static-files.ts';

const assetsPath = '/assets/';

/**
 * Creates the route of the console.
 * @param directory Where the build put `index.html` and `assets/` (about 1 MB).
 * @param isPage Whether the page itself decides what to show at a path.
 */
export function consoleRoute(directory: string, isPage: (path: string) => boolean): Route {
  const files = createStaticFiles({
    directory,
    name: 'The console',
    // The name of an asset contains a hash of its content.
    caching: 'public, max-age=31536000, immutable',
  });
  return {
    name: 'console',
    matches: (path) => isPage(path) || path.startsWith(assetsPath),
    handle: async (request, response) => {
      const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
      if (request.method !== 'GET' && request.method !== 'HEAD')
        return files.sendText(response, 405, 'Only GET and HEAD.\n', { Allow: 'GET, HEAD' });
      await files.send(request, response, isPage(path) ? 'index.html' : path.slice(1));
    },
  };
}
