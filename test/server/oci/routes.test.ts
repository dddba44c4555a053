// Paths of the pull endpoint: only names of the grammar reach an upstream, for any request.

import { describe, expect, it } from 'vitest';
import { OciError } from '../../../src/server/oci/errors.ts';
import { parsePullUrl, type PullRoute } from '../../../src/server/oci/routes.ts';
import { propertyRuns } from '../../support/property-runs.ts';
import { inPath, openPullEndpoint } from './harness.ts';
import { layerDigest, startRegistry } from './registry.ts';

function read(url: string, defaultUpstream?: string): PullRoute | { status: number; code: string } {
  try {
    return parsePullUrl(url, defaultUpstream);
  } catch (error) {
    if (error instanceof OciError) return { status: error.status, code: error.code };
    throw error;
  }
}

describe('a path', () => {
  it.each([
    ['docker.io/library/alpine/manifests/3.20', 'docker.io', 'library/alpine', '3.20'],
    ['docker.io/alpine/manifests/3.20', 'docker.io', 'library/alpine', '3.20'],
    ['index.docker.io/a/b/manifests/latest', 'docker.io', 'a/b', 'latest'],
    ['127.0.0.1_5000/team/app/manifests/latest', '127.0.0.1:5000', 'team/app', 'latest'],
    ['registry_5000/app/manifests/latest', 'registry:5000', 'app', 'latest'],
    ['ghcr.io_443/a/b/manifests/latest', 'ghcr.io', 'a/b', 'latest'],
    ['localhost/app/manifests/latest', 'localhost', 'app', 'latest'],
    ['0--1.ipv6_5000/team/app/manifests/latest', '[::1]:5000', 'team/app', 'latest'],
    ['2001-db8--1.ipv6/app/manifests/latest', '[2001:db8::1]', 'app', 'latest'],
    // Not in the grammar of clients, but users paste it.
    ['[::1]_5000/team/app/manifests/latest', '[::1]:5000', 'team/app', 'latest'],
    ['[2001:DB8::1]:5000/app/manifests/latest', '[2001:db8::1]:5000', 'app', 'latest'],
    ['ghcr.io/a/manifests/b/manifests/latest', 'ghcr.io', 'a/manifests/b', 'latest'],
    [`ghcr.io/a/b/manifests/${layerDigest}`, 'ghcr.io', 'a/b', layerDigest],
  ])('%s names its registry', (path, host, repository, reference) => {
    expect(read(`/v2/${path}`)).toMatchObject({ kind: 'manifests', host, repository, reference });
  });

  it.each([
    ['team/app/manifests/latest?ns=ghcr.io', 'ghcr.io', 'team/app'],
    ['library/alpine/manifests/latest?ns=registry-1.docker.io', 'docker.io', 'library/alpine'],
    ['team/app/manifests/latest?ns=127.0.0.1:5000', '127.0.0.1:5000', 'team/app'],
    ['team/app/manifests/latest?ns=%5B::1%5D:5000', '[::1]:5000', 'team/app'],
    // containerd sends both when its mirror has a path.
    ['ghcr.io/team/app/manifests/latest?ns=ghcr.io', 'ghcr.io', 'team/app'],
    ['127.0.0.1_5000/team/app/manifests/latest?ns=127.0.0.1:5000', '127.0.0.1:5000', 'team/app'],
    ['docker.io/library/alpine/manifests/latest?ns=index.docker.io', 'docker.io', 'library/alpine'],
  ])('%s belongs to the namespace', (path, host, repository) => {
    expect(read(`/v2/${path}`)).toMatchObject({ host, repository, namespace: host });
  });

  it.each([
    ['prefix and ns that differ', 'ghcr.io/team/app/manifests/latest?ns=quay.io', 400, 'NAME_INVALID'],
    ['two ns', 'team/app/manifests/latest?ns=ghcr.io&ns=quay.io', 400, 'NAME_INVALID'],
    ['an ns that is no host', 'team/app/manifests/latest?ns=../x', 400, 'NAME_INVALID'],
    ['an ns with a login', 'team/app/manifests/latest?ns=user@ghcr.io', 400, 'NAME_INVALID'],
    ['an empty ns', 'team/app/manifests/latest?ns=', 400, 'NAME_INVALID'],
    ['an IPv6 address of nine groups', '1-2-3-4-5-6-7-8-9.ipv6/a/manifests/latest', 400, 'NAME_INVALID'],
    ['an IPv4 address in IPv6', '[::ffff:7f00:1]/a/manifests/latest', 400, 'NAME_INVALID'],
    ['a number for an address', '2130706433_80/app/manifests/latest', 400, 'NAME_INVALID'],
    ['a port beyond all', 'ghcr.io_70000/a/manifests/latest', 400, 'NAME_INVALID'],
    ['no registry', 'library/alpine/manifests/latest', 404, 'NAME_UNKNOWN'],
    ['only a registry', 'ghcr.io/manifests/latest', 404, 'NAME_UNKNOWN'],
    ['an upper-case name', 'ghcr.io/Team/app/manifests/latest', 400, 'NAME_INVALID'],
    ['an encoded slash', 'ghcr.io/team%2fapp/manifests/latest', 400, 'NAME_INVALID'],
    ['dots', 'ghcr.io/team/../other/manifests/latest', 400, 'NAME_INVALID'],
    ['encoded dots', 'ghcr.io/team/%2e%2e/other/manifests/latest', 400, 'NAME_INVALID'],
    ['a double slash', 'ghcr.io/team//app/manifests/latest', 400, 'NAME_INVALID'],
    ['a slash at the end', 'ghcr.io/team/app/manifests/latest/', 400, 'NAME_INVALID'],
    ['a backslash', 'ghcr.io/team\\app/manifests/latest', 400, 'NAME_INVALID'],
    ['a name of 256 characters', `ghcr.io/${'a'.repeat(256)}/manifests/latest`, 400, 'NAME_INVALID'],
    ['a path of 3,000', `ghcr.io/${'a/'.repeat(1500)}manifests/latest`, 400, 'NAME_INVALID'],
    ['a short digest', 'ghcr.io/a/b/manifests/sha256:bad', 400, 'DIGEST_INVALID'],
    ['a digest of an unknown algorithm', `ghcr.io/a/b/blobs/md5:${'0'.repeat(32)}`, 400, 'DIGEST_INVALID'],
    ['an upper-case digest', `ghcr.io/a/b/blobs/${layerDigest.toUpperCase()}`, 400, 'DIGEST_INVALID'],
    ['a tag where a digest belongs', 'ghcr.io/a/b/blobs/latest', 400, 'DIGEST_INVALID'],
    ['a tag of 129 characters', `ghcr.io/a/b/manifests/${'a'.repeat(129)}`, 404, 'MANIFEST_UNKNOWN'],
    ['a tag that begins with a dot', 'ghcr.io/a/b/manifests/.x', 404, 'MANIFEST_UNKNOWN'],
    ['the catalog of no registry', '_catalog', 404, 'UNSUPPORTED'],
    ['another path', 'ghcr.io/a/b', 404, 'UNSUPPORTED'],
  ])('with %s is refused', (_case, path, status, code) => {
    expect(read(`/v2/${path}`)).toEqual({ status, code });
  });

  it('without a registry belongs to the default upstream, where there is one', () => {
    expect(read('/v2/alpine/manifests/latest', 'docker.io')).toMatchObject({
      host: 'docker.io',
      repository: 'library/alpine',
    });
    expect(read('/v2/ghcr.io/a/b/manifests/latest', 'docker.io')).toMatchObject({ host: 'ghcr.io', repository: 'a/b' });
  });
});

/** OCI distribution-spec: `<name>`, `<reference>` as a tag, and digests. */
const upstreamPath =
  /^\/v2\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*\/(?:manifests\/(?:[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}|sha256:[a-f0-9]{64})|blobs\/sha256:[a-f0-9]{64}|tags\/list|referrers\/sha256:[a-f0-9]{64})(?:\?[!-~]*)?$/;

/** A path that is nearly right, or not at all. Seeded, so that a failure comes again. */
function createFuzzer(host: string): () => string {
  let seed = 20_260_101;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const pieces = [
    'a',
    'team',
    'app',
    '..',
    '.',
    '%2e%2e',
    '%2f',
    '%2F..',
    '/',
    '//',
    '\\',
    '%00',
    '%0d%0aX:%20y',
    'ü',
    'A',
    '_',
    '__',
    '___',
    '-',
    '.a',
    'a.',
    '@',
    ':',
    '*',
    ';',
    '%',
    '&',
    '+',
    'a'.repeat(130),
    'manifests',
    'blobs',
    'tags',
    'list',
    'referrers',
    'v2',
    host,
    'latest',
    layerDigest,
    'sha256:',
    'sha256:zz',
    '?ns=x',
    '?n=1',
    '#',
    ' ',
    '\t',
    '"',
    '<',
    '{',
  ];
  const piece = () => pieces[random(pieces.length)] ?? '';
  const glue = () => ['/', '/', '/', ''][random(4)] ?? '';
  return () => {
    // Every other path is right up to one piece, so that some are let through and the rest are nearly.
    const isNear = random(2) === 0;
    const name = isNear
      ? `team/app${glue()}${random(2) === 0 ? piece() : ''}`
      : Array.from({ length: 1 + random(4) }, () => piece() + glue()).join('');
    const start = ['/v2/', '/v2/', '/v2/', '/v2', '/v2//', '/V2/', '/v2/./'][random(isNear ? 2 : 7)] ?? '';
    const prefix = random(4) > 0 ? `${host}/` : '';
    const tail =
      [
        '/manifests/latest',
        `/blobs/${layerDigest}`,
        '/tags/list',
        `/manifests/${layerDigest}`,
        `/manifests/${piece()}`,
        `/blobs/${piece()}`,
        '',
        `/${piece()}`,
      ][random(8)] ?? '';
    return start + prefix + name + tail;
  };
}

describe('of fuzzed paths', () => {
  it('an accepted path conforms to the grammar', () => {
    const next = createFuzzer('127.0.0.1_5000');
    let routed = 0;
    for (let count = 0; count < propertyRuns(50_000); count += 1) {
      const path = next();
      const route = read(path);
      if ('status' in route) {
        expect([400, 404], path).toContain(route.status);
        continue;
      }
      if (route.kind === 'base' || route.kind === 'token') continue;
      routed += 1;
      const { repository, kind, reference } = route;
      expect(`/v2/${repository}/${kind === 'tags' ? 'tags/list' : `${kind}/${reference}`}`, path).toMatch(upstreamPath);
    }
    expect(routed).toBeGreaterThan(propertyRuns(1_000));
  });

  it('a sample over HTTP sends nothing else upstream, and causes no internal error', async () => {
    const registry = await startRegistry({ scheme: 'basic' });
    const endpoint = await openPullEndpoint({ anonymousAllowed: false });
    await endpoint.add(registry.host);
    const next = createFuzzer(inPath(registry.host));
    const statuses = new Set<number>();
    for (let count = 0; count < propertyRuns(2_000); count += 1) {
      // Without the characters that Node's client refuses to send.
      const path = next().replaceAll(/[^\x21-\x7e]/g, '');
      if (path.startsWith('/v2')) statuses.add((await endpoint.get(path)).status);
    }
    expect([...statuses].toSorted((one, other) => one - other)).toEqual([200, 400, 404]);
    expect(endpoint.log).toEqual([]);
    const sent = registry.received.map(({ url }) => url);
    expect(sent.length).toBeGreaterThan(propertyRuns(20));
    expect(sent.filter((url) => url !== '/v2/' && !upstreamPath.test(url))).toEqual([]);
  });
});
