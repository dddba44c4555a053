// Admits pulls without a credential, if they are allowed, and limits new hosts, so that no login scans a network through this server.

import type { Principal } from '../authz/principal.ts';
import { nameOf, type PulledName } from '../registry/match.ts';
import { Problem } from '../shared/problem.ts';
import { consume } from '../shared/rate-limit.ts';

/** Counts the hosts that are new to a login. */
export interface NewHosts {
  /** Returns 0 if the login may name the host, else the milliseconds until it may. */
  consume(login: string, host: string): Promise<number>;
}

/** The ports that admit anonymous pulls. */
export interface AnonymousPullPorts {
  readonly newHosts: NewHosts;
  readonly now: () => Date;
}

/**
 * Admits a pull from a host that no registry covers. Nothing was sent before.
 * @throws Problem `FORBIDDEN` if anonymous pulls are off; `RATE_LIMITED` for too many new hosts.
 */
export async function admitAnonymousPull(
  { newHosts, now }: AnonymousPullPorts,
  { account, subject }: Principal,
  image: PulledName,
  isAllowed: boolean,
): Promise<void> {
  if (!isAllowed) throw anonymousPullsOff(image);
  const limit = { consume: (login: string) => newHosts.consume(login, image.host) };
  await consume(
    limit,
    JSON.stringify([account, subject]),
    now(),
    'This login has pulled anonymously from many new registries within a minute.',
  );
}

function anonymousPullsOff(image: PulledName): Problem {
  return new Problem(
    'FORBIDDEN',
    `No registry covers ${nameOf(image)}, and anonymous pulls are turned off. Add a registry for it.`,
    {
      reason: 'ANONYMOUS_OFF',
    },
  );
}
