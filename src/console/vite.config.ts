// Configures the build of the console: one page, its script, and its styles, with no inline code that the content security policy would have to allow.
import { defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  logLevel: 'warn',
  // For development next to `npm run dev`: `vite src/console` shows changes immediately.
  server: { proxy: { '/graphql': 'http://127.0.0.1:4000', '/session': 'http://127.0.0.1:4000' } },
  build: {
    emptyOutDir: true,
    target: 'es2023',
    // The content security policy does not allow data URLs, so no file is inlined as one.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
