// Wraps pulls so that they use the logins that clouds issue, and another one where the registry refuses a cached one.

import type { Pulls, PullSource } from '../../core/pulls/pull.ts';
import type { CachedLogin, CloudCache } from './cache.ts';
import type { CloudType, IssueLogin } from './provider.ts';
import { toProblem } from './report.ts';

interface Parts {
  readonly pulls: Pulls;
  readonly cache: CloudCache;
  readonly issueLogin: IssueLogin;
  readonly now: () => Date;
}

/** Creates pulls whose sources of a cloud type have an issued login as their credential, cached or new, issued when it is used. */
export function createCloudPulls(parts: Parts): Pulls {
  return {
    ...parts.pulls,
    resolve: async (caller, image) => withLogin(parts, await parts.pulls.resolve(caller, image)),
  };
}

function withLogin(parts: Parts, source: PullSource): PullSource {
  const { registry, credential } = source;
  if (registry === null || credential === null || registry.type === 'DOCKER_V2') return source;
  return sourceAfter(parts, { ...source, registry, credential, type: registry.type }, 0);
}

interface CloudSource extends PullSource {
  readonly registry: NonNullable<PullSource['registry']>;
  readonly credential: NonNullable<PullSource['credential']>;
  readonly type: CloudType;
}

/** Returns the source with a login that is newer than the refused one. @param refused The number of that login; 0 for none. */
function sourceAfter(parts: Parts, cloudSource: CloudSource, refused: number): PullSource {
  const { cache, issueLogin, now } = parts;
  const { type, registry, credential: open, ...source } = cloudSource;
  const { host } = registry;
  const { newest: known, generation } = cache.stateOf(registry);
  let used = 0;
  const login = async (): Promise<CachedLogin> => {
    // Not aborted by the caller's signal, because other callers may wait for the same login.
    const issuing = cache.get(registry, async () => issueLogin({ host, type }, await open(), undefined), refused);
    const found = await toProblem(now, () => issuing);
    used = Math.max(used, found.number);
    return found;
  };
  return {
    ...source,
    registry: { ...registry, type: 'DOCKER_V2' },
    loginGeneration: generation,
    async credential() {
      const { username, secret } = await login();
      return { username, password: secret };
    },
    async renewLogin(isRejected) {
      // A pull that only waited for the request of another one did not ask for a login itself.
      const sent = used === 0 ? known : used;
      if (sent === 0 || refused > 0) return undefined;
      // A newer one than was known is not issued again: either it was issued for this very pull, or another pull has replaced the one that was sent.
      const isReplaced = cache.stateOf(registry).generation !== generation;
      if (sent > known ? !isReplaced : !cache.replace(registry, sent, isRejected)) return undefined;
      const renewed = sourceAfter(parts, cloudSource, Math.min(sent, known));
      try {
        await renewed.credential?.();
        return renewed;
      } catch (error) {
        // The registry refuses only this repository, and that is the answer.
        if (!isRejected) return undefined;
        throw error;
      }
    },
  };
}
