// Pulls and minted tokens over the real upstream module, with a clock that a test moves, for the running test.

import { buffer } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import type { PullSource } from '../../src/core/pulls/pull.ts';
import type { PullToken } from '../../src/core/pulls/upstream-token.ts';
import type { Registry } from '../../src/core/registry/registry.ts';
import { Problem } from '../../src/core/shared/problem.ts';
import type { Credential } from '../../src/core/validation/validator.ts';
import { createPuller, type Puller, type UpstreamSettings } from '../../src/upstream/pull/puller.ts';
import { authority, credential } from './fixtures.ts';

export interface TestUpstream {
  time: Date;
  /** Pulls the manifest `latest`. Returns `200 body`, the status of an error, or the reason of a problem. */
  pull(source: PullSource): Promise<string>;
  mint(source: PullSource): Promise<PullToken | undefined>;
}

export const startOfTime = new Date('2026-01-02T03:04:05Z');

/** Opens the puller itself, for the running test. Its monotonic clock follows `now` unless the settings have another. */
export function openPuller(settings: Partial<UpstreamSettings> = {}): Puller {
  const { now = () => startOfTime } = settings;
  const puller = createPuller({
    loopbackAllowed: true,
    egressAllow: [],
    egressDeny: [],
    plainHttpHosts: [],
    extraCa: authority.cert,
    now,
    monotonicMs: () => now().getTime(),
    redirects: 'follow',
    ...settings,
  });
  onTestFinished(() => puller.close());
  return puller;
}

export function openUpstream(settings: Partial<UpstreamSettings> = {}): TestUpstream {
  const upstream: { time: Date } = { time: startOfTime };
  const puller = openPuller({ now: () => upstream.time, ...settings });
  return Object.assign(upstream, {
    mint: (source: PullSource) => puller.mint(source, undefined),
    async pull(source: PullSource) {
      try {
        const { status, body } = await puller.open(source, {
          method: 'GET',
          path: 'manifests/latest',
          kind: 'manifests',
          digest: undefined,
          headers: {},
          owner: 'login',
          signal: AbortSignal.timeout(10_000),
        });
        return body === undefined ? String(status) : `${status} ${String(await buffer(body.stream))}`;
      } catch (error) {
        if (error instanceof Problem) return error.reason ?? error.code;
        throw error;
      }
    },
  });
}

/** Returns a source of `repository`. Defaults to the credential of alice. */
export function sourceOf(
  host: string,
  repository: string | null = 'team/app',
  more: Partial<Registry> = {},
  used: Credential = credential,
): PullSource {
  const registry: Registry = {
    id: 'reg_1',
    account: 'admin',
    registry: host,
    host,
    repository: null,
    name: host,
    type: 'DOCKER_V2',
    username: used.username,
    secureConnection: true,
    trustedRealm: null,
    probeRepository: null,
    lastValidation: null,
    version: 1,
    secretVersion: 1,
    pendingSince: null,
    previousUsableUntil: null,
    createdAt: startOfTime,
    updatedAt: startOfTime,
    ...more,
  };
  return { host, repository, registry, credential: async () => used };
}

export function passTime(upstream: TestUpstream, ms: number): void {
  upstream.time = new Date(upstream.time.getTime() + ms);
}
