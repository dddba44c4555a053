// The laws of the layout: which room may import which, no circles, a pure core, one door to the outside, one reader of the environment, and who may look into a secret.

import { globSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, test } from 'vitest';
import {
  circlesOfFiles,
  circlesOfRooms,
  crowdedFolders,
  doorsToTheOutside,
  filesWith,
  forbiddenArrows,
  importersOf,
  importsOf,
  impuritiesOfCore,
  longFiles,
  readSources,
  reExports,
  type Rooms,
  roomsWithoutRow,
  type Sources,
  unusedEntries,
  withoutOpening,
} from './support/architecture.ts';

const root = join(import.meta.dirname, '..', 'src');
const sources = readSources(root);

/** Every test and what tests share, by its path below `test`. */
const tests: Sources = new Map(
  globSync('**/*.ts', { cwd: import.meta.dirname, exclude: ['**/node_modules/**'] }).map((file) => [
    file,
    readFileSync(join(import.meta.dirname, file), 'utf8'),
  ]),
);

/** A room may import itself and the entries of its row. For two rooms below a common one, the row of the child applies. */
const rooms: Rooms = {
  'main.ts': ['app', 'cli'],
  // Only the operations of the console, as trusted documents.
  app: ['server', 'upstream', 'database', 'encryption', 'cli', 'console/api/operations.ts', 'core'],
  // To print the schema.
  build: ['server/graphql/schema'],
  cli: ['core'],
  // The types of registries and the advice that reports carry: the rest of the core never reaches the browser.
  console: ['core/registry/registry.ts', 'core/registry/advice.ts', 'core/registry/advice-words.ts'],
  server: ['core'],
  upstream: ['core'],
  database: ['core'],
  encryption: ['core'],

  'app/wiring': ['config.ts', 'paths.ts'],
  'app/start': ['config.ts'],
  'app/maintenance': ['wiring', 'config.ts', 'paths.ts'],

  // A stair: each step imports only the ones below it. Registries and pulls never meet.
  'core/shared': [],
  'core/authz': ['shared'],
  'core/audit': ['authz', 'shared'],
  'core/accounts': ['audit', 'authz', 'shared'],
  'core/registry': ['audit', 'authz', 'shared'],
  'core/passwords': ['registry', 'audit', 'authz', 'shared'],
  'core/validation': ['passwords', 'registry', 'accounts', 'audit', 'authz', 'shared'],
  'core/registries': ['validation', 'passwords', 'registry', 'audit', 'authz', 'shared'],
  'core/pulls/usage': [],
  'core/pulls': ['validation', 'passwords', 'registry', 'accounts', 'audit', 'authz', 'shared'],

  // Five APIs that never meet, on one floor.
  'server/http': ['ops'],
  'server/http/proxies': [],
  'server/auth': ['http'],
  'server/graphql': ['http'],
  'server/rest': ['http'],
  'server/oci': ['http'],
  'server/pages': ['http'],
  'server/ops': [],
  'server/auth/oidc': [],
  'server/graphql/schema': ['errors.ts', 'advice.ts'],
  'server/graphql/schema/access': ['builder.ts', 'payload.ts', 'validation.ts'],
  'server/graphql/execution': ['schema', 'errors.ts', 'response.ts'],
  'server/graphql/execution/compiled': ['run-operation.ts'],
  'server/graphql/graphiql': [],
  'server/oci/content': ['routes.ts', 'errors.ts'],
  'server/rest/docs': [],

  'upstream/errors': [],
  'upstream/transport': ['errors'],
  'upstream/transport/addresses': [],
  'upstream/transport/memory': [],
  'upstream/transport/names': ['connector.ts'],
  'upstream/login': ['transport', 'errors'],
  'upstream/validation': ['login', 'transport', 'errors'],
  'upstream/pull': ['login', 'transport', 'errors'],
  'upstream/cloud': ['transport'],
  'upstream/cloud/aws': ['provider.ts', 'failure.ts'],
  'upstream/cloud/azure': ['provider.ts', 'failure.ts'],
  'upstream/cloud/google': ['provider.ts', 'failure.ts'],

  // The two databases never meet.
  'database/schema': [],
  'database/repositories': ['database.ts', 'schema', 'errors.ts'],
  'database/repositories/pages': [],
  'database/sqlite': ['database.ts', 'fair-queue.ts', 'repositories', 'schema', 'errors.ts'],
  'database/sqlite/threads': ['open.ts'],
  // The claims are statements of its dialect only, and one name more than its folder may have.
  'database/postgres': ['database.ts', 'fair-queue.ts', 'schema', 'errors.ts', 'migrate.ts', 'login-claims.ts'],
  'database/postgres/address': [],
  'database/postgres/pool': [],
  'database/postgres/writes': ['pool.ts', 'address.ts', 'deadline.ts'],
  'database/postgres/start': ['address', 'address.ts', 'client.ts', 'pool'],

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

/** Rooms and files that may open connections, and names that only read or compare text. */
const mayConnect = [
  'upstream/transport',
  'cli/api',
  // The sockets of the database's pool, so that they can be closed.
  'database/postgres/pool/sockets.ts',
  // It reads the lists of trusted certificates.
  'database/postgres/address/tls.ts: getCACertificates',
  // It listens.
  'server/http/listener.ts',
  // The browser, which sends requests to the server that it was loaded from.
  'console/api/client.ts',
  'app/config.ts: createSecureContext',
  'app/setting-parsers.ts: isIP',
  'server/ops/metrics.ts: STATUS_CODES',
  'server/http/proxies/client-address.ts: BlockList',
  'app/wiring/own-address.ts: isIP',
  'server/http/proxies/client-address.ts: isIP',
  'server/http/proxies/origin.ts: isIP',
  // Its `close`, of a server that listens already.
  'server/http/stop.ts: Server',
  'upstream/validation/validator.ts: isIP',
];

/** Every file that may look into a `Secret`: the map of where a password, token, or key is in clear. */
const mayReveal = [
  'app/commands.ts',
  'cli/api/client.ts',
  'cli/api/login-file.ts',
  'cli/import/file.ts',
  'core/pulls/client-config.ts',
  'core/pulls/upstream-token.ts',
  'core/registry/input.ts',
  'encryption/sealer.ts',
  'server/auth/oidc/sign-in.ts',
  'server/auth/token-text.ts',
  'server/graphql/schema/access/tokens.ts',
  'server/graphql/schema/pulls.ts',
  'upstream/cloud/aws/ecr.ts',
  'upstream/cloud/aws/identity.ts',
  'upstream/cloud/azure/acr.ts',
  'upstream/cloud/azure/identity.ts',
  'upstream/cloud/google/artifact-registry.ts',
  'upstream/cloud/google/service-account-key.ts',
  'upstream/login/http-authentication.ts',
  'upstream/login/redact.ts',
  'upstream/login/token.ts',
  'upstream/transport/client.ts',
];

const generated = 'console/api/operations.ts';

/** The files that read sentences of libraries and clouds, which have no code for what they say. */
const readsForeignSentences = [
  'database/errors.ts',
  'database/postgres/start/failure.ts',
  'database/sqlite/threads/threaded-store.ts',
  'server/graphql/errors.ts',
  'server/graphql/safe-messages.ts',
  'server/graphql/execution/limits.ts',
  'upstream/cloud/aws/errors.ts',
  'upstream/errors/network-errors.ts',
];

/**
 * The files that may read the wall clock: for a time that is stored, shown, signed, or named to a client, or to hand it to a port. Durations and
 * waits are measured with a clock that only runs forward, whatever is set on the machine. In the browser only shown times are read.
 */
const mayReadWallClock = [
  // Since when a failure lasts, for people, and the age of a key.
  'app/wiring/watched-store.ts',
  'app/maintenance/backup.ts',
  'app/maintenance/keys.ts',
  'app/server.ts',
  'app/start/waiting.ts',
  'app/wiring/console.ts',
  'app/wiring/logins.ts',
  'app/wiring/routes.ts',
  'app/wiring/store.ts',
  'app/wiring/use-cases.ts',
  'cli/commands/token.ts',
  // The time after which a server lets it try again.
  'cli/import/plan.ts',
  'console/components/controls.tsx',
  'console/pages/tokens.tsx',
  'console/registry/delete-dialog.tsx',
  'database/errors.ts',
  'database/migrate.ts',
  'database/repositories/audit.ts',
  'encryption/data-keys.ts',
];
const wallClock = /\bDate\.now\b|\bnew Date\(\)/;

/** Each law as a function that returns its violations in a tree. */
const laws = {
  'lets each room import only what its row names, types included': (tree: Sources) => forbiddenArrows(tree, rooms),
  'has a row for every room': (tree: Sources) => roomsWithoutRow(tree, rooms),
  'has no circle of imports among files, types included': circlesOfFiles,
  'has no circle among the files and folders of any folder': circlesOfRooms,
  'keeps the core free of packages, clock, randomness, and network': impuritiesOfCore,
  'has one door to the outside': (tree: Sources) => doorsToTheOutside(tree, mayConnect),
  'reads the environment in one file': (tree: Sources) =>
    // The build sets NODE_ENV for Vite; it never runs in the server.
    filesWith(tree, /process\.env\b|\benv\b.*'node:process'/).filter(
      (file) => !['app/config.ts', 'build/console.ts'].includes(file),
    ),
  'looks into secrets only where the list says': (tree: Sources) =>
    filesWith(tree, /\breveal\(\)/).filter((file) => file !== 'core/shared/secret.ts' && !mayReveal.includes(file)),
  'reads the wall clock only where the list says': (tree: Sources) =>
    filesWith(tree, wallClock).filter((file) => !mayReadWallClock.includes(file)),
  'starts threads only to hash content and to run the embedded database': (tree: Sources) =>
    importersOf(tree, 'node:worker_threads').filter(
      (file) => !/^(?:server\/oci\/content|database\/sqlite)\//.test(file),
    ),
  'makes temporary directories only where the list says': (tree: Sources) =>
    filesWith(tree, /\bmkdtemp/).filter((file) => !['build/package.ts', 'database/sqlite/backup.ts'].includes(file)),
  'evaluates no text as code': (tree: Sources) => filesWith(tree, /\bnew Function\(|\beval\(/),
  'neither rewrites nor inspects a sentence of Regway, because what it says is data beside it': (tree: Sources) =>
    filesWith(
      tree,
      /\b(?:message|hint|sentence|reworded)\s*\??\.(?:includes|replace|replaceAll|match|matchAll|startsWith|endsWith|indexOf|search|slice|split|substring)\(|\.(?:test|exec)\((?:\w+\??\.)*(?:message|hint|sentence)\b/,
    ).filter((file) => !readsForeignSentences.includes(file)),
  'has one home for each name: no re-export, no index file': reExports,
  'has at most 12 names in a folder': (tree: Sources) => crowdedFolders(tree, 12),
  'keeps every file at 300 lines or fewer': (tree: Sources) =>
    longFiles(tree, 300).filter((file) => !file.startsWith(generated)),
  'opens every file with a sentence': withoutOpening,
} satisfies Readonly<Record<string, (tree: Sources) => string[]>>;

describe('the layout', () => {
  it('is seen by these laws', () => {
    const arrows = importsOf(sources).map(({ from, to }) => `${from} → ${to}`);
    expect(arrows.length).toBeGreaterThan(1000);
    expect(arrows).toContain('core/registries/write.ts → core/shared/problem.ts');
  });

  it('has ten names in src, and docs', () => {
    const names = ['app', 'build', 'cli', 'console', 'core', 'database', 'docs', 'encryption', 'main.ts', 'server'];
    expect(readdirSync(root).toSorted()).toEqual([...names, 'upstream']);
  });

  test.for(Object.entries(laws))('%s', ([, law]) => {
    expect(law(sources)).toEqual([]);
  });

  it('needs every entry of its rows', () => {
    expect(unusedEntries(sources, rooms)).toEqual([]);
  });

  it('needs every entry of its lists', () => {
    const revealing = new Set(filesWith(sources, /\breveal\(\)/));
    expect(mayReveal.filter((file) => !revealing.has(file))).toEqual([]);
    const timed = new Set(filesWith(sources, wallClock));
    expect(mayReadWallClock.filter((file) => !timed.has(file))).toEqual([]);
    expect(mayConnect.filter((entry) => doorsToTheOutside(sources, without(mayConnect, entry)).length === 0)).toEqual(
      [],
    );
  });
});

function without(list: readonly string[], entry: string): string[] {
  return list.filter((other) => other !== entry);
}

/** A law, a fault against it as files that are added to the tree, and what the law then finds. */
const faults: readonly (readonly [keyof typeof laws, Readonly<Record<string, string>>, string])[] = [
  [
    'neither rewrites nor inspects a sentence of Regway, because what it says is data beside it',
    {
      'server/rest/x.ts':
        "// X.\nexport const x = (hint: string) => hint\n  .replaceAll('secureConnection', 'registry_verify');\n",
    },
    'server/rest/x.ts',
  ],
  [
    'neither rewrites nor inspects a sentence of Regway, because what it says is data beside it',
    {
      'cli/registry/x.ts':
        "// X.\nexport const x = (report: { hint?: string }) => report.hint?.includes('trustedRealm');\n",
    },
    'cli/registry/x.ts',
  ],
  [
    'lets each room import only what its row names, types included',
    { 'server/rest/x.ts': "// X.\nimport type { A } from '../graphql/errors.ts';\n" },
    'server/rest/x.ts → server/graphql/errors.ts',
  ],
  [
    'lets each room import only what its row names, types included',
    { 'upstream/login/x.ts': "// X.\nimport { a } from '../pull/access.ts';\n" },
    'upstream/login/x.ts → upstream/pull/access.ts',
  ],
  [
    'lets each room import only what its row names, types included',
    { 'core/registries/x.ts': "// X.\nconst a = await import('../pulls/pull.ts');\n" },
    'core/registries/x.ts → core/pulls/pull.ts',
  ],
  ['has a row for every room', { 'server/webhooks/x.ts': '// X.\n' }, 'server/webhooks'],
  [
    'has no circle of imports among files, types included',
    {
      'core/shared/x.ts': "// X.\nimport type { Y } from './y.ts';\n",
      'core/shared/y.ts': "// Y.\nimport type { X } from './x.ts';\n",
    },
    'core/shared/x.ts → core/shared/y.ts → core/shared/x.ts',
  ],
  [
    'has no circle among the files and folders of any folder',
    {
      'cli/terminal/x.ts': "// X.\nimport { b } from '../y.ts';\n",
      'cli/y.ts': "// Y.\nimport { a } from './terminal/z.ts';\n",
      'cli/terminal/z.ts': '// Z.\n',
    },
    'cli/terminal → cli/y.ts → cli/terminal',
  ],
  [
    'keeps the core free of packages, clock, randomness, and network',
    { 'core/shared/x.ts': "// X.\nimport { eq } from 'drizzle-orm';\n" },
    'core/shared/x.ts → drizzle-orm',
  ],
  [
    'keeps the core free of packages, clock, randomness, and network',
    { 'core/shared/x.ts': '// X.\nsetTimeout(() => undefined, 1);\n' },
    'core/shared/x.ts',
  ],
  [
    'has one door to the outside',
    { 'server/auth/x.ts': "// X.\nimport { connect } from 'node:net';\n" },
    'server/auth/x.ts → node:net',
  ],
  [
    'has one door to the outside',
    { 'server/http/proxies/client-address.ts': "// X.\nimport { connect, isIP } from 'node:net';\n" },
    'server/http/proxies/client-address.ts → node:net',
  ],
  [
    'has one door to the outside',
    { 'upstream/cloud/x.ts': "// X.\nconst answer = await fetch('https://example.com');\n" },
    'upstream/cloud/x.ts → fetch',
  ],
  ['reads the environment in one file', { 'cli/x.ts': "// X.\nconst home = process.env['HOME'];\n" }, 'cli/x.ts'],
  [
    'looks into secrets only where the list says',
    {
      'server/rest/x.ts':
        "// X.\nconst pattern = 'docker.io/anchore/*';\nconst shown = password.reveal();\n/** Other. */\n",
    },
    'server/rest/x.ts',
  ],
  [
    'reads the wall clock only where the list says',
    { 'upstream/pull/x.ts': '// X.\nconst untilMs = Date.now() + 60_000;\n' },
    'upstream/pull/x.ts',
  ],
  [
    'starts threads only to hash content and to run the embedded database',
    { 'core/pulls/x.ts': "// X.\nimport { Worker } from 'node:worker_threads';\n" },
    'core/pulls/x.ts',
  ],
  [
    'makes temporary directories only where the list says',
    { 'app/x.ts': "// X.\nconst directory = mkdtempSync('/tmp/regway-');\n" },
    'app/x.ts',
  ],
  [
    'evaluates no text as code',
    { 'database/x.ts': "// X.\nexport const row = new Function('values', 'return values');\n" },
    'database/x.ts',
  ],
  [
    'has one home for each name: no re-export, no index file',
    { 'core/x.ts': "// X.\nexport { Problem } from './shared/problem.ts';\n" },
    'core/x.ts → core/shared/problem.ts',
  ],
  ['has one home for each name: no re-export, no index file', { 'core/index.ts': '// X.\n' }, 'core/index.ts'],
  [
    'has at most 12 names in a folder',
    Object.fromEntries(Array.from({ length: 13 }, (_, index) => [`core/shared/extra/x${index}.ts`, '// X.\n'])),
    'core/shared/extra: 13',
  ],
  [
    'keeps every file at 300 lines or fewer',
    { 'core/x.ts': `// X.\n${'const a = 1;\n'.repeat(300)}` },
    'core/x.ts: 301',
  ],
  ['opens every file with a sentence', { 'core/x.ts': "import { z } from 'zod';\n" }, 'core/x.ts'],
];

/** Returns the tests that make temporary directories without the helper, which removes them. */
function leavingDirectories(tree: Sources): string[] {
  const helper = 'support/temporary/directory.ts';
  return filesWith(tree, /\b(?:mkdtemp|tmpdir\b)/).filter((file) => file !== helper && file !== 'architecture.test.ts');
}

describe('the tests', () => {
  it('are seen by this law', () => {
    expect(tests.size).toBeGreaterThan(200);
  });

  it('make temporary directories with one helper, which removes them', () => {
    expect(leavingDirectories(tests)).toEqual([]);
  });
});

describe('a planted fault', () => {
  test.for(faults)('against "%s" is found', ([name, added, expected]) => {
    expect(laws[name](new Map([...sources, ...Object.entries(added)]))).toContain(expected);
  });

  it('that is a temporary directory of its own is found', () => {
    const planted = { 'app/x.test.ts': "// X.\nconst directory = await mkdtemp('/tmp/regway-');\n" };
    expect(leavingDirectories(new Map([...tests, ...Object.entries(planted)]))).toEqual(['app/x.test.ts']);
  });

  it('that is a row too many is found', () => {
    expect(unusedEntries(sources, { ...rooms, 'core/shared': ['audit'], 'core/nowhere': [] })).toEqual([
      'core/shared: audit',
      'core/nowhere',
    ]);
  });
});
