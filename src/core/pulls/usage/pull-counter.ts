// Decides which requests count as a use of a credential, so that one image pull counts once, whatever its client requests for it.

import { isDigest } from '../../registry/reference.ts';
import type { CredentialUse } from './uses.ts';

/** Counts pulls of one server, in memory. */
export interface PullCounter {
  /** Returns whether this use counts. A use without a request, such as an issued token, always does. */
  counts(use: CredentialUse): boolean;
}

/** Milliseconds within which further requests belong to a pull that has been counted: a pull of many large layers takes minutes. */
const pullMs = 10 * 60_000;

/** Maximum number of pulls that are remembered: some 3 MB. A forgotten one is counted once more. */
const maxPulls = 10_000;

interface CountedPull {
  /** In monotonic milliseconds. */
  readonly atMs: number;
  /** The tag of a counted HEAD that no GET has followed. */
  readonly headTag: string | undefined;
}

/** Creates a counter that has seen no pull. @param monotonicMs Returns milliseconds of a clock that only runs forward. */
export function createPullCounter(monotonicMs: () => number): PullCounter {
  const pulls = new Map<string, CountedPull>();
  const remember = (key: string, pull: CountedPull): void => {
    pulls.delete(key);
    pulls.set(key, pull);
    const [oldest] = pulls.keys();
    if (pulls.size > maxPulls && oldest !== undefined) pulls.delete(oldest);
  };
  return {
    counts(use) {
      const { request } = use;
      if (request === undefined) return true;
      if (request.kind === 'blobs') return false;
      const key = keyOf(use);
      const nowMs = monotonicMs();
      const last = recentPull(pulls.get(key), nowMs);
      if (request.kind !== 'manifests' || isDigest(request.reference)) {
        if (last !== undefined) return false;
        remember(key, { atMs: nowMs, headTag: undefined });
        return true;
      }
      const isHead = request.method === 'HEAD';
      const isAnnounced = last?.headTag === request.reference;
      // The GET that follows is the same pull; the one after it is another.
      if (isAnnounced && isHead) return false;
      remember(key, {
        atMs: isAnnounced ? last.atMs : nowMs,
        headTag: isHead ? request.reference : undefined,
      });
      return !isAnnounced;
    },
  };
}

function recentPull(pull: CountedPull | undefined, nowMs: number): CountedPull | undefined {
  return pull !== undefined && nowMs - pull.atMs < pullMs ? pull : undefined;
}

/** A rejection is counted by itself, so that it hides no pull that succeeds afterward. */
function keyOf({ registryId, actor, image, outcome }: CredentialUse): string {
  return JSON.stringify([registryId, actor, image, outcome]);
}
