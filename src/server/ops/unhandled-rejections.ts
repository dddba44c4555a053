// Keeps the process alive when a promise that nothing awaits is rejected; by default, Node would exit.

import { faultFields } from '../../core/shared/fault.ts';
import type { Log } from './log.ts';

/**
 * Logs such rejections and goes on, until what it gives is called. What failed was a request's own part, whose answer went out or will:
 * graphql-js leaves promises alone when one thing of a list fails at once while another is being looked up, so two damaged rows and one
 * query could end every other request too. An exception that nobody catches still ends the process, as nothing is known about the state then.
 */
export function logUnhandledRejections(log: Pick<Log, 'error'>): () => void {
  const note = (reason: unknown): void => log.error(faultFields(reason), 'something failed that nobody waited for');
  process.on('unhandledRejection', note);
  return () => void process.off('unhandledRejection', note);
}
