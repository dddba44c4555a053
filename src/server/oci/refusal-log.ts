// Writes one log line for each refused or failed pull, because Docker and containerd hide the body of an error. Every field is allow-listed.

import type { IncomingMessage } from 'node:http';
import { validationOutcomes } from '../../core/registry/report.ts';
import { Problem } from '../../core/shared/problem.ts';
import { DigestMismatch } from './content/digest.ts';
import { ClientStalled, ContentBrokenOff } from './content/stream-body.ts';
import type { OciError } from './errors.ts';
import type { PullRoute } from './routes.ts';

/** Where the lines go. */
interface RefusalLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** A request that was refused, or whose content could not be sent. */
interface RefusedRequest {
  readonly error: unknown;
  readonly requestId: string;
  readonly route?: PullRoute;
  readonly subject?: string;
}

/** The fields that name a pull: no message, no header, and nothing else that an upstream or a client wrote. */
interface PullFields {
  readonly requestId: string;
  readonly host: string | null;
  readonly repository: string | null;
  /** The subject of the client; null before it is authenticated. */
  readonly subject: string | null;
}

/** Returns the fields that name the pull of a request. */
export function pullFields({ requestId, route, subject }: RefusedRequest): PullFields {
  const image = route !== undefined && 'host' in route ? route : undefined;
  const repository = image?.kind === 'catalog' ? '_catalog' : (image?.repository ?? null);
  return { requestId, host: image?.host ?? null, repository, subject: subject ?? null };
}

/**
 * Logs a refused or failed pull. What the upstream does not have is no warning, and the requests that begin a login or look for referrers, which
 * few registries know, are part of every pull.
 * @param sent What the client is sent; undefined if the response had begun.
 */
export function logRefusal(
  log: RefusalLog,
  { headers }: IncomingMessage,
  request: RefusedRequest,
  sent: OciError | undefined,
): void {
  const { error, route } = request;
  if (route === undefined || !('host' in route)) return;
  if (sent?.status === 401 && (headers.authorization === undefined || !(error instanceof Problem))) return;
  const isAbsent = sent?.status === 404 && sent.upstreamStatus === 404;
  if (isAbsent && route.kind === 'referrers') return;
  const fields = {
    ...pullFields(request),
    outcome: outcomeOf(error, sent),
    upstreamStatus: upstreamStatusOf(error, sent) ?? null,
    status: sent?.status ?? null,
  };
  if (error instanceof DigestMismatch)
    log.warn(fields, 'an upstream registry sent content that does not have its digest; the pull was aborted');
  else if (isAbsent) log.info(fields, 'a pull found nothing');
  else log.warn(fields, sent === undefined ? 'a pull was cut short' : 'a pull was refused');
}

function outcomeOf(error: unknown, sent: OciError | undefined): string {
  if (error instanceof DigestMismatch) return 'DIGEST_MISMATCH';
  if (error instanceof ContentBrokenOff) return 'CONTENT_INCOMPLETE';
  if (error instanceof ClientStalled) return 'CLIENT_STALLED';
  // The operator learns what a client may not.
  if (error instanceof Problem) return causeOf(error) ?? error.reason ?? error.code;
  return sent?.code ?? 'UNKNOWN';
}

/** Returns the outcome behind a problem, a word of a closed list. */
function causeOf({ cause }: Problem): string | undefined {
  const outcome: unknown = cause instanceof Error && 'outcome' in cause ? cause.outcome : undefined;
  return validationOutcomes.find((known) => known === outcome);
}

function upstreamStatusOf(error: unknown, sent: OciError | undefined): number | undefined {
  return error instanceof Problem ? error.upstreamStatus : sent?.upstreamStatus;
}
