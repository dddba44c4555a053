// Recognizes and reads the files that can be imported, and imports no entry twice.

import { describe, expect, it } from 'vitest';
import { CommandFailure } from '../../../src/cli/errors.ts';
import type { ImportEntry } from '../../../src/cli/import/entry.ts';
import { parseImportFile } from '../../../src/cli/import/file.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const auth = (login: string): object => ({ auth: base64(login) });
const parse = (document: unknown): ImportEntry[] => parseImportFile(JSON.stringify(document), () => undefined);
const refusals = (entries: readonly ImportEntry[]): (string | undefined)[] =>
  entries.map((entry) => ('refusal' in entry ? entry.refusal : undefined));
const password = (entry: ImportEntry | undefined): string | undefined =>
  entry && 'password' in entry ? entry.password?.reveal() : undefined;

describe('a Kubernetes Secret', () => {
  const config = { auths: { 'ghcr.io': auth('robot:p') } };
  const secret = (more: object): object => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'pull' }, ...more });

  it.each<[string, object]>([
    [
      'of the type dockerconfigjson',
      { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': base64(JSON.stringify(config)) } },
    ],
    ['with plain data', { stringData: { '.dockerconfigjson': JSON.stringify(config) } }],
    [
      'whose plain data goes before the other',
      { stringData: { '.dockerconfigjson': JSON.stringify(config) }, data: { '.dockerconfigjson': base64('{}') } },
    ],
    [
      'of the older type dockercfg',
      { type: 'kubernetes.io/dockercfg', data: { '.dockercfg': base64(JSON.stringify(config.auths)) } },
    ],
  ])('%s contains its credentials', (_, more) => {
    const [entry] = parse(secret(more));
    expect(entry).toMatchObject({ registry: 'ghcr.io', username: 'robot' });
    expect(password(entry)).toBe('p');
  });

  it('of another kind, or broken, is refused by its name', () => {
    const entries = parse({
      kind: 'List',
      items: [
        secret({ type: 'Opaque', data: { token: 'eA==' } }),
        secret({ data: { '.dockerconfigjson': '!!' } }),
        secret({ data: { '.dockerconfigjson': base64('[]') } }),
      ],
    });
    expect(entries.map(({ key }) => key)).toEqual(['secret pull', 'secret pull', 'secret pull']);
    expect(refusals(entries)).toEqual([
      expect.stringContaining('not an image pull secret'),
      expect.stringContaining('not a Docker configuration'),
      expect.stringContaining('not a Docker configuration'),
    ]);
  });
});

describe('a list of GET /registries', () => {
  const record = {
    registry: 'docker.io/anchore/*',
    registry_user: 'robot',
    registry_type: 'docker_v2',
    registry_name: 'Hub',
    registry_verify: true,
  };

  it('returns every record, with a password only if one was added by hand', () => {
    const entries = parse([
      record,
      {
        ...record,
        registry: 'gcr.io',
        registry_pass: 'p',
        registry_type: 'gcr',
        registry_name: 'gcr.io',
        registry_verify: false,
      },
    ]);
    expect(entries).toMatchObject([
      {
        registry: 'docker.io/anchore/*',
        username: 'robot',
        password: undefined,
        type: 'DOCKER_V2',
        name: 'Hub',
        secureConnection: true,
      },
      { registry: 'gcr.io', type: 'GCR', name: undefined, secureConnection: false },
    ]);
    expect(password(entries[1])).toBe('p');
  });

  it.each<[string, unknown, RegExp]>([
    [
      'a prefix without a slash',
      { ...record, registry: 'quay.io/core*' },
      /--map 'quay\.io\/core\*=quay\.io\/core\/\*' or --map 'quay\.io\/core\*=quay\.io'/,
    ],
    [
      'one name on Docker Hub',
      { ...record, registry: 'docker.io/anchore' },
      /--map 'docker\.io\/anchore=docker\.io\/anchore\/\*'/,
    ],
    ['a host wildcard', { ...record, registry: '*.example.com' }, /wildcard/],
    ['an unknown type', { ...record, registry_type: 'quay' }, /registry_type/],
    ['no user', { ...record, registry_user: '' }, /registry_user/],
    ['no registry', { registry_user: 'x' }, /no "registry"/],
    ['no object', 'docker.io', /no "registry"/],
  ])('with %s is refused', (_, entry, reason) => {
    expect(refusals(parse([entry]))).toEqual([expect.stringMatching(reason)]);
  });
});

describe('one registry named twice', () => {
  it('is taken once when the logins are the same', () => {
    const entries = parse({ auths: { 'https://index.docker.io/v1/': auth('robot:p'), 'docker.io': auth('robot:p') } });
    expect(refusals(entries)).toEqual([undefined, expect.stringContaining('repeats the credential')]);
  });

  it('is not taken at all when they differ in the repository to check with', () => {
    const record = { registry: 'ghcr.io', registry_user: 'robot', registry_pass: 'p', probe_repository: 'a/b' };
    expect(refusals(parse([record, { ...record, probe_repository: 'c/d' }]))).toEqual([
      expect.stringContaining('more than once'),
      expect.stringContaining('more than once'),
    ]);
    expect(refusals(parse([record, record]))).toEqual([undefined, expect.stringContaining('repeats the credential')]);
  });

  it('is not taken at all when they differ', () => {
    const entries = parse({
      auths: {
        'https://index.docker.io/v1/': auth('robot:p'),
        'docker.io': auth('robot:q'),
        'ghcr.io': auth('robot:p'),
      },
    });
    expect(refusals(entries)).toEqual([
      expect.stringContaining('more than once'),
      expect.stringContaining('more than once'),
      undefined,
    ]);
  });
});

describe('another file', () => {
  it.each<[string, string, RegExp]>([
    ['YAML', 'apiVersion: v1\nkind: Secret\ndata:\n  .dockerconfigjson: c2VjcmV0\n', /kubectl get secret NAME -o json/],
    ['text', 'hunter2', /not JSON/],
    ['an object of another kind', '{"registry":"hunter2"}', /is not a Docker config\.json/],
    ['a number', '5', /is not a Docker config\.json/],
    ['nothing', '', /not JSON/],
  ])('(%s) exits with status 2 and is not repeated', (_, text, reason) => {
    const attempt = () => parseImportFile(text, () => undefined);
    expect(attempt).toThrow(CommandFailure);
    expect(attempt).toThrow(reason);
    expect(attempt).not.toThrow(/hunter2|c2VjcmV0/);
  });

  it('may begin with a byte order mark', () => {
    expect(parseImportFile('\uFEFF{"auths":{}}', () => undefined)).toEqual([]);
  });
});
