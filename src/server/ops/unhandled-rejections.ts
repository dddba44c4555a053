// Keeps the process running when a promise that nothing awaits is rejected; by default, Node exits.

import { faultFields } from '../../core/shared/fault.ts';
import type { Log } from './log.ts';

/**
 * Logs unhandled rejections instead of exiting. Returns the function that restores the default. Such a rejection belongs to one request, whose response
 * is sent anyway: graphql-js does not await the other entries of a list after one has failed, so without this, one query on two damaged rows would end
 * every other request. An uncaught exception still ends the process, because the state is unknown after it.
 */
export function logUnhandledRejections(log: Pick<Log, 'error'>): () => void {
  const logRejection = (reason: unknown): void =>
    log.error(faultFields(reason), 'a promise that nothing awaits was rejected');
  process.on('unhandledRejection', logRejection);
  return () => void process.off('unhandledRejection', logRejection);
}
