// The wiring of revalidation on schedule.

import { randomUUID } from 'node:crypto';
import type { Config } from '../config.ts';
import { faultFields } from '../../core/shared/fault.ts';
import { startRevalidation, type Revalidation, type RevalidationPorts } from '../../core/validation/revalidation.ts';
import type { Log } from '../../server/ops/log.ts';
import { scheduleOnce } from './clock.ts';

const hourMs = 60 * 60_000;

/** Starts it; undefined where the settings turn it off. */
export function scheduleRevalidation(
  { revalidateEveryHours }: Config,
  log: Log,
  ports: Pick<RevalidationPorts, 'registries' | 'access' | 'sealer' | 'validator' | 'now' | 'observeValidation'>,
): Revalidation | undefined {
  if (revalidateEveryHours === 0) return undefined;
  return startRevalidation({
    ...ports,
    everyMs: revalidateEveryHours * hourMs,
    schedule: scheduleOnce,
    newRequestId: randomUUID,
    onFailure: (fault) => log.error(faultFields(fault), 'a stored credential could not be checked on schedule'),
  });
}
