// One image pull counts once, for any requests of its client, and the memory of the counter is bounded.

import { expect, test } from 'vitest';
import { createPullCounter } from '../../../../src/core/pulls/usage/pull-counter.ts';
import type { CredentialUse, RequestedContent } from '../../../../src/core/pulls/usage/uses.ts';

const start = Date.UTC(2026, 0, 1);
const digest = `sha256:${'a'.repeat(64)}`;
const otherDigest = `sha256:${'b'.repeat(64)}`;

const manifest = (reference: string): RequestedContent => ({ method: 'GET', kind: 'manifests', reference });
const head = (reference: string): RequestedContent => ({ ...manifest(reference), method: 'HEAD' });
const blob = (reference: string): RequestedContent => ({ method: 'GET', kind: 'blobs', reference });
const tags: RequestedContent = { method: 'GET', kind: 'tags', reference: '' };

function use(request: RequestedContent | undefined, minutes = 0, change: Partial<CredentialUse> = {}): CredentialUse {
  return {
    at: new Date(start + minutes * 60_000),
    account: 'admin',
    registryId: 'reg_1',
    registryVersion: 1,
    actor: 'token:a',
    image: 'docker.io/a/b',
    outcome: 'DONE',
    request,
    ...change,
  };
}

/** @param wallMs Milliseconds by which the clock of the machine is set before each further use. */
function counted(uses: readonly CredentialUse[], wallMs = 0): number {
  let elapsedMs = 0;
  const counter = createPullCounter(() => elapsedMs);
  return uses.filter((each, index) => {
    elapsedMs = each.at.getTime() - start;
    return counter.counts({ ...each, at: new Date(each.at.getTime() + index * wallMs) });
  }).length;
}

test.each<[string, readonly (RequestedContent | undefined)[], number]>([
  ['by tag', [manifest('1')], 1],
  ['by tag, with its platform and its layers', [manifest('1'), manifest(digest), blob(digest), blob(otherDigest)], 1],
  ['by tag twice', [manifest('1'), blob(digest), manifest('1'), blob(digest)], 2],
  ['by digest, of an index and of a platform', [manifest(digest), manifest(otherDigest), blob(digest)], 1],
  ['that begins with a HEAD of the tag', [head('1'), manifest('1'), manifest(digest), blob(digest)], 1],
  [
    'that begins with a HEAD and continues by digest, as containerd does',
    [head('1'), manifest(digest), blob(digest)],
    1,
  ],
  ['that begins with a HEAD of the digest', [head(digest), manifest(digest), blob(digest)], 1],
  ['that repeats its HEAD', [head('1'), head('1'), manifest('1')], 1],
  ['of two tags, each with a HEAD', [head('1'), manifest(digest), head('2'), manifest(otherDigest)], 2],
  ['of two tags, where the HEAD was of the other', [head('1'), manifest('2')], 2],
  ['twice, each with a HEAD', [head('1'), manifest('1'), head('1'), manifest('1')], 2],
  ['of only blobs', [blob(digest), { ...blob(digest), method: 'HEAD' }], 0],
  ['of the list of tags, page by page', [tags, tags], 1],
  ['without a request', [undefined, undefined], 2],
])('a pull %s', (_what, requests, count) => {
  expect(counted(requests.map((request) => use(request)))).toBe(count);
});

test('a pull by digest counts again 10 minutes after the one before was counted', () => {
  expect(counted([use(manifest(digest)), use(manifest(digest), 9.99)])).toBe(1);
  expect(counted([use(manifest(digest)), use(manifest(digest), 5), use(manifest(digest), 10)])).toBe(2);
});

test.each([-3_600_000, 3_600_000])('a clock that is set by %i ms neither joins two pulls nor divides one', (wallMs) => {
  expect(counted([use(manifest(digest)), use(manifest(digest), 5)], wallMs)).toBe(1);
  expect(counted([use(manifest(digest)), use(manifest(digest), 11)], wallMs)).toBe(2);
});

test.each<[string, Partial<CredentialUse>]>([
  ['actor', { actor: 'token:b' }],
  ['image', { image: 'docker.io/a/c' }],
  ['registry', { registryId: 'reg_2' }],
  ['outcome', { outcome: 'INSUFFICIENT_SCOPE' }],
])('a pull of another %s is another pull', (_what, change) => {
  expect(counted([use(manifest(digest)), use(manifest(digest), 0, change)])).toBe(2);
});

test('the oldest pull is forgotten when 10,000 others came after it', () => {
  const counter = createPullCounter(() => 0);
  const counts = (image: string) => counter.counts(use(manifest(digest), 0, { image }));
  expect([counts('first'), counts('first')]).toEqual([true, false]);
  for (let number = 0; number < 10_000; number += 1) counts(`image-${number}`);
  expect([counts('first'), counts('image-9999')]).toEqual([true, false]);
});
