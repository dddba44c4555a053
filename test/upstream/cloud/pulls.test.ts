// What pulls see of a minted login, for every cloud: when another one is issued, and what a failure of the cloud means to a client.

import { describe, expect, it, vi } from 'vitest';
import type { Pulls, PullSource } from '../../../src/core/pulls/pull.ts';
import { LoginNotIssued } from '../../../src/core/registry/report.ts';
import { toOciError } from '../../../src/server/oci/errors.ts';
import { createCloudCache } from '../../../src/upstream/cloud/cache.ts';
import { createCloudPulls } from '../../../src/upstream/cloud/pulls.ts';
import { createCloudValidator } from '../../../src/upstream/cloud/validator.ts';
import { reportOf, stranger } from '../../support/domain.ts';
import { secure } from '../fixtures.ts';
import { openUpstream, passTime, sourceOf } from '../pulling.ts';
import { type CloudKind, cloudKinds, registryOf, startKind } from './clouds.ts';

const content = '200 "content"';
const minuteMs = 60_000;

async function start(kind: CloudKind) {
  const upstream = openUpstream();
  const now = () => upstream.time;
  const running = await startKind(kind, now);
  const answer = registryOf(kind, running);
  const slow = { gate: Promise.resolve() };
  const server = await secure((request, response) => {
    const gate = request.url?.startsWith('/v2/team/slow/') === true ? slow.gate : Promise.resolve();
    void gate.then(() => answer(request, response));
  });
  const provider = kind.provider(running.cloud.origin, now);
  const cache = createCloudCache({ now, monotonicMs: () => upstream.time.getTime() });
  // The registry is on loopback, but its login is that of the cloud's own host.
  const parts = {
    cache,
    now,
    issueLogin: (_target: unknown, credential: typeof kind.identity, signal: AbortSignal | undefined) =>
      provider.issueLogin(kind.host, credential, signal ?? AbortSignal.timeout(10_000)),
  };
  const stored = (repository: string | null): PullSource =>
    sourceOf(server.host, repository, { type: kind.type }, kind.identity);
  const pulls: Pulls = {
    permits: () => true,
    resolve: async (_caller, { repository }) => stored(repository),
    recordUse: async () => undefined,
    openCircuits: () => 0,
  };
  const wrapped = createCloudPulls({ ...parts, pulls });
  const source = (repository = 'team/app') => wrapped.resolve(stranger, { host: server.host, repository });
  const validator = createCloudValidator({ ...parts, validator: { check: async () => reportOf('VALID') } });
  const test = {
    server,
    /** Holds back the answers about `team/slow`. */
    slow,
    source,
    pass: (ms: number) => passTime(upstream, ms),
    nowMs: () => upstream.time.getTime(),
    pull: async (repository?: string) => upstream.pull(await source(repository)),
    validate: async () => {
      const { registry } = stored('team/app');
      return validator.check(registry!, kind.identity, { stored: registry! });
    },
  };
  return Object.assign(running, test);
}

/** The registry accepts only the newest login. */
function onlyNewest(test: { readonly issued: readonly string[]; accepts: (secret: string) => boolean }): void {
  test.accepts = (secret) => secret === test.issued.at(-1);
}

describe.each(cloudKinds.map((kind) => [kind.name, kind] as const))('a login of %s', (_, kind) => {
  it.each([401, 403, 400])(
    'that the registry answers with %i, got for an earlier pull, is replaced once a minute',
    async (refusal) => {
      const test = await start(kind);
      test.refusal = refusal;
      expect([await test.pull(), test.issued.length]).toEqual([content, 1]);
      test.accepts = (secret) => secret !== test.issued[0];
      expect([await test.pull(), test.issued.length]).toEqual([content, 2]);
      test.accepts = () => false;
      test.pass(minuteMs - 1);
      expect([(await test.pull()) === content, test.issued.length]).toEqual([false, 2]);
      test.accepts = (secret) => secret === test.issued[2];
      test.pass(1);
      expect([await test.pull(), test.issued.length]).toEqual([content, 3]);
    },
  );

  it('issued for the very pull that the registry refuses is not issued again', async () => {
    const test = await start(kind);
    test.accepts = () => false;
    expect([await test.pull(), test.issued.length]).toEqual(['INVALID_CREDENTIALS', 1]);
  });

  it('is issued once for 50 pulls with a cold cache, also when the registry refuses it', async () => {
    const test = await start(kind);
    const repositories = Array.from({ length: 50 }, (__, index) => `team/app${index % 5}`);
    expect(new Set(await Promise.all(repositories.map(test.pull)))).toEqual(new Set([content]));
    expect(test.issued).toHaveLength(1);
    const refused = await start(kind);
    refused.accepts = () => false;
    expect(new Set(await Promise.all(repositories.map(refused.pull)))).toEqual(new Set(['INVALID_CREDENTIALS']));
    expect(refused.issued).toHaveLength(1);
  });

  it('is replaced once for 50 pulls that the registry refuses at the same time, and none of them fails', async () => {
    const test = await start(kind);
    const repositories = Array.from({ length: 50 }, (__, index) => `team/app${index % 5}`);
    await Promise.all(repositories.map(test.pull));
    test.accepts = (secret) => secret !== test.issued[0];
    expect(new Set(await Promise.all(repositories.map(test.pull)))).toEqual(new Set([content]));
    expect(test.issued).toHaveLength(2);
    // So too when the pulls wait for one handshake.
    test.accepts = (secret) => secret === test.issued[2];
    test.pass(11 * minuteMs);
    expect(new Set(await Promise.all(repositories.map(test.pull)))).toEqual(new Set([content]));
    expect(test.issued).toHaveLength(3);
  });

  it('that is refused after another pull has replaced it is no failure: the pull gets the new one', async () => {
    const test = await start(kind);
    expect([await test.pull('team/slow'), await test.pull()]).toEqual([content, content]);
    test.accepts = (secret) => secret !== test.issued[0];
    const { promise, resolve } = Promise.withResolvers<void>();
    test.slow.gate = promise;
    const before = test.server.received.length;
    const pulling = test.pull('team/slow');
    await vi.waitFor(() => expect(test.server.received.length).toBeGreaterThan(before));
    expect([await test.pull(), test.issued.length]).toEqual([content, 2]);
    resolve();
    expect([await pulling, test.issued.length]).toEqual([content, 2]);
  });

  it('of a validation that succeeded replaces the cached one', async () => {
    const test = await start(kind);
    onlyNewest(test);
    expect([await test.pull(), test.issued.length]).toEqual([content, 1]);
    await test.validate();
    expect([await test.pull('team/other'), test.issued.length]).toEqual([content, 2]);
  });

  it('that is refused while the cloud is busy fails with what the cloud says, and is no rejection', async () => {
    const test = await start(kind);
    expect(await test.pull()).toBe(content);
    test.accepts = (secret) => secret !== test.issued[0];
    test.failure = kind.busy({ 'retry-after': '20' });
    expect(await test.pull()).toBe('NATIVE_CREDENTIAL_ERROR');
    test.failure = undefined;
    test.pass(20_000);
    expect(await test.pull()).toBe(content);
  });
});

const passing: readonly [what: string, headers: Readonly<Record<string, string>>, seconds: number | undefined][] = [
  ['in seconds', { 'retry-after': '30' }, 30],
  ['as a date', { 'retry-after': 'Fri, 02 Jan 2026 03:04:35 GMT' }, 30],
  ['in milliseconds', { 'x-ms-retry-after-ms': '30000' }, 30],
  ['nowhere', {}, undefined],
];

async function failureOf(work: Promise<unknown>): Promise<LoginNotIssued> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(LoginNotIssued);
  return error as LoginNotIssued;
}

describe.each(cloudKinds.map((kind) => [kind.name, kind] as const))('a failure of %s', (_, kind) => {
  it.each(passing)(
    'that limits requests, with its time %s, is 429 to the client with that time',
    async (__, headers, seconds) => {
      const test = await start(kind);
      test.failure = kind.busy(headers);
      const failure = await failureOf((await test.source()).credential!());
      expect(failure.report).toMatchObject({ outcome: 'NATIVE_CREDENTIAL_ERROR', retryable: true });
      const sent = toOciError(failure, test.nowMs());
      expect([sent?.status, sent?.code, sent?.headers['Retry-After']]).toEqual([429, 'TOOMANYREQUESTS', seconds ?? 10]);
      // The cloud is asked again then, and not before.
      const asked = test.cloud.asked.length;
      test.failure = undefined;
      test.pass((seconds ?? 10) * 1000 - 1);
      await failureOf((await test.source()).credential!());
      expect(test.cloud.asked).toHaveLength(asked);
      test.pass(1);
      expect(await test.pull()).toBe(content);
    },
  );

  it.each([500, 502, 503, 504, 408])('that is HTTP %i is 503 to the client', async (status) => {
    const test = await start(kind);
    test.failure = { status, headers: { 'retry-after': '7' }, body: '{}' };
    const failure = await failureOf((await test.source()).credential!());
    expect(failure.report).toMatchObject({ retryable: true, retryAfter: test.nowMs() + 7_000 });
    const sent = toOciError(failure, test.nowMs());
    expect([sent?.status, sent?.headers['Retry-After']]).toEqual([503, 7]);
    expect((await test.validate()).retryable).toBe(true);
  });

  it('of its network is 503 to the client', async () => {
    const test = await start({ ...kind, provider: (_origin, now) => kind.provider('http://127.0.0.1:1', now) });
    const failure = await failureOf((await test.source()).credential!());
    expect([failure.report.retryable, toOciError(failure, 0)?.status]).toEqual([true, 503]);
  });

  it.each(Object.entries(kind.final))(
    'for good, because of %s, is 403 DENIED, and asked for once in ten seconds',
    async (__, reply) => {
      const test = await start(kind);
      test.failure = reply;
      const failure = await failureOf((await test.source()).credential!());
      expect(failure.report).toMatchObject({ retryable: false, retryAfter: null });
      const sent = toOciError(failure, test.nowMs());
      expect([sent?.status, sent?.code]).toEqual([403, 'DENIED']);
      const asked = test.cloud.asked.length;
      expect(await test.pull()).toBe('NATIVE_CREDENTIAL_ERROR');
      expect(test.cloud.asked).toHaveLength(asked);
      test.failure = undefined;
      test.pass(10_000);
      expect(await test.pull()).toBe(content);
    },
  );
});
