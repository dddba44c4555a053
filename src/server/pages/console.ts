// The console at its own addresses.

import { extname } from 'node:path';
import type { Route } from '../http/route.ts';
import { assetsPath, fileTypes, readFiles, sendFile, sendText } from '../http/static-files.ts';

/**
 * The route of the console.
 * @param directory where the build put `index.html` and `assets/`; files are read on the first request and kept (about 1 MB).
 * @param isPage whether the page itself decides what to show at a path.
 */
export function consoleRoute(directory: string, isPage: (path: string) => boolean): Route {
  let files: Promise<ReadonlyMap<string, Buffer>> | undefined;
  return {
    name: 'console',
    matches: (path) => isPage(path) || path.startsWith(assetsPath),
    handle: async (request, response) => {
      const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
      if (request.method !== 'GET' && request.method !== 'HEAD')
        return sendText(request, response, 405, 'Only GET and HEAD.\n', { Allow: 'GET, HEAD' });
      files ??= readFiles(directory);
      const name = isPage(path) ? 'index.html' : path.slice(1);
      const type = fileTypes[extname(name)];
      const known = await files;
      if (type !== undefined && known.has(name)) return sendFile(request, response, { name, type, files: known });
      sendText(
        request,
        response,
        404,
        name === 'index.html' ? 'The console is not built here; run "npm run build".\n' : 'There is nothing here.\n',
      );
    },
  };
}
