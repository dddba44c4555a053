// How the console is built: one page, its script and its styles, with nothing inside the page that the policy would have to allow.
import { defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  logLevel: 'warn',
  // Beside the server of `npm run dev`: `vite src/console` shows changes at once.
  server: { proxy: { '/graphql': 'http://127.0.0.1:4000', '/session': 'http://127.0.0.1:4000' } },
  build: {
    emptyOutDir: true,
    target: 'es2023',
    // A file inlined as a data URL would need the policy to allow those.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
});
