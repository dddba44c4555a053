// How `npm test` runs: everything beside the suites that need Debian packages.
import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Vite would load graphql's .mjs twin for our files while Yoga and Pothos load its CommonJS form; two copies break `instanceof`.
  resolve: { alias: [{ find: /^graphql$/, replacement: 'graphql/index.js' }] },
  test: {
    root: import.meta.dirname,
    include: ['**/*.test.ts'],
    exclude: ['e2e/**', 'interop/**', 'crash/**', 'bench/**'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
