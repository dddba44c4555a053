// The arrows of the architecture, held by walking every import.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', 'src');
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => /\.tsx?$/.test(file));

interface Import {
  readonly from: string;
  readonly to: string;
}

/** Every import of a file: ours as a path below src, others by package name. */
function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8');
  const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1] ?? '');
  return specifiers.map((specifier) => ({
    from: file,
    to: specifier.startsWith('.') ? normalize(join(dirname(file), specifier)) : specifier,
  }));
}

const imports = files.flatMap(importsOf);
const folderOf = (path: string): string => (path.includes('/') ? (path.split('/')[0] ?? '') : '');
const adapters = ['graphql', 'rest', 'pull', 'console', 'auth', 'store', 'seal', 'v2', 'cloud', 'ops', 'cli'];

function shown({ from, to }: Import): string {
  return `${from} → ${to}`;
}

describe('the architecture', () => {
  it('is seen by this test', () => {
    expect(imports.map(shown)).toContain('core/change.ts → core/problem.ts');
    expect(imports.length).toBeGreaterThan(100);
  });

  it('keeps the domain free of GraphQL, HTTP, SQL, environment, clock and randomness', () => {
    const allowed = new Set(['zod']);
    const outward = imports.filter(
      ({ from, to }) => folderOf(from) === 'core' && folderOf(to) !== 'core' && !allowed.has(to),
    );
    expect(outward.map(shown)).toEqual([]);
    const impure = /\bprocess\.\w|\bDate\.now\(|new Date\(\)|Math\.random|crypto\.|\bfetch\(|performance\./;
    expect(
      files.filter((file) => file.startsWith('core/') && impure.test(readFileSync(join(root, file), 'utf8'))),
    ).toEqual([]);
  });

  it('lets an adapter import its own folder and the domain, never another adapter', () => {
    const foreign = imports.filter(({ from, to }) => {
      const ours = adapters.includes(folderOf(from)) && files.includes(to);
      return ours && folderOf(to) !== folderOf(from) && folderOf(to) !== 'core';
    });
    expect(foreign.map(shown)).toEqual([]);
  });

  it('has every folder of src in this test', () => {
    expect(
      [...new Set(files.map(folderOf))].filter((folder) => !['', 'core', 'wiring', ...adapters].includes(folder)),
    ).toEqual([]);
  });

  it('wires in app.ts and its folder alone: nothing below imports the wiring', () => {
    const upward = imports.filter(
      ({ from, to }) => folderOf(to) === 'wiring' && !['', 'wiring'].includes(folderOf(from)),
    );
    expect(upward.map(shown)).toEqual([]);
  });

  it('nests two levels of folders and no deeper', () => {
    expect(files.filter((file) => file.split('/').length > 2)).toEqual([]);
  });

  it('reads the environment in one file', () => {
    const readers = files.filter((file) => /process\.env\b/.test(readFileSync(join(root, file), 'utf8')));
    expect(readers).toEqual(['config.ts']);
  });

  it('opens connections to the outside in the V2 module, the clouds, the command line, to issuers and to the database alone', () => {
    const network = /^(?:node:)?(?:undici|https?|http2|net|tls|dns|dgram)(?:\/.*)?$/;
    const mayConnect = ['v2', 'cloud', 'cli'];
    // The listener serves, settings and the address of a client are compared as text, issuers are asked for their keys, and the pool of the
    // database is given its sockets, so that they can be closed.
    const others = imports.filter(
      ({ from, to }) =>
        network.test(to) &&
        !mayConnect.includes(folderOf(from)) &&
        ![
          'ops/listener.ts',
          'config.ts',
          'setting-parsers.ts',
          'auth/client-address.ts',
          'auth/issuer-http.ts',
          'store/pool-sockets.ts',
        ].includes(from),
    );
    expect(others.filter(({ from, to }) => !onlyTypes(from, to)).map(shown)).toEqual([]);
    // The console runs in the browser, where it asks the server it came from.
    expect(
      files.filter(
        (file) =>
          ![...mayConnect, 'console'].includes(folderOf(file)) &&
          /(?<![.\w])fetch\(/.test(readFileSync(join(root, file), 'utf8')),
      ),
    ).toEqual([]);
  });

  it('opens every file with a sentence that says what it is for', () => {
    const silent = files.filter((file) => !/^(?:#!.*\n)?\/\/ [A-Z`].+/.test(readFileSync(join(root, file), 'utf8')));
    expect(silent).toEqual([]);
  });

  it('keeps every file under 300 lines', () => {
    const long = files.filter((file) => readFileSync(join(root, file), 'utf8').split('\n').length > 300);
    expect(long.map((file) => relative(root, join(root, file)))).toEqual([]);
  });
});

/** An `import type` vanishes at run time. */
function onlyTypes(file: string, specifier: string): boolean {
  const text = readFileSync(join(root, file), 'utf8');
  const statements = [...text.matchAll(/import (type )?[^;]+? from '([^']+)'/g)].filter(
    (match) => match[2] === specifier,
  );
  return (
    statements.length > 0 &&
    statements.every((match) => match[1] !== undefined || /import \{\s*(?:type \w+,?\s*)+\} from/.test(match[0]))
  );
}
