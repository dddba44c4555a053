// Refuses pulls that lead back to this server before anything is sent upstream, because each would start another one, endlessly.

import type { IncomingMessage } from 'node:http';
import { acceptedHost, registryHost } from '../../core/registry/host.ts';
import { namesInVia } from './content/headers.ts';
import { OciError } from './errors.ts';

/** How this server recognizes itself. */
export interface LoopSettings {
  /** Its name in `Via`, the same on every replica (RFC 9110 §7.6.3); undefined if it sends none. */
  readonly viaName: string | undefined;
  /** Whether a canonical `host[:port]` is this server itself. */
  readonly isOwnHost: (host: string) => boolean;
}

/** A mirror behind a mirror is common; ten Regways in a row are a mistake. */
const maxRegways = 10;

/**
 * Refuses a pull from this server itself, or one that came through it before.
 * @param host The canonical host of the registry that is pulled from.
 * @param origin The origin at which the client reaches this server, which can be that of a proxy.
 * @throws OciError 400 NAME_INVALID; 508 UNSUPPORTED (RFC 5842 §7.2).
 */
export function rejectLoop(
  { headers }: IncomingMessage,
  host: string,
  origin: string,
  { viaName, isOwnHost }: LoopSettings,
): void {
  const named = [headers.host ?? '', new URL(origin).host].map((text) => acceptedHost(text, registryHost));
  if (isOwnHost(host) || named.includes(host))
    throw new OciError(
      400,
      'NAME_INVALID',
      `${host} is this Regway server itself. Name the registry behind it, such as ${host}/docker.io/library/ubuntu.`,
    );
  const names = namesInVia(headers.via);
  if ((viaName !== undefined && names.includes(viaName)) || names.length >= maxRegways)
    throw new OciError(
      508,
      'UNSUPPORTED',
      `This pull came through this Regway server before, because ${host} leads back to it. Correct that registry in Regway.`,
    );
}
