// Determines the origin at which a client reaches this server: the public URL, what a trusted proxy reports, or the request's own Host.

import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { hopsIn, plain, trustIn } from './client-address.ts';

/** Why no origin can be named. `PLAIN`: what clients send there can be read on the way. */
export type OriginFault = 'BAD_HOST' | 'PLAIN';

export interface OriginSettings {
  /** REGWAY_PUBLIC_URL, which decides alone. */
  readonly publicUrl: string | undefined;
  /** CIDR ranges of the proxies that are believed. */
  readonly trustedProxies: readonly string[];
  /** Whether only this machine reaches the server. */
  readonly loopbackOnly: boolean;
}

type Request = Pick<IncomingMessage, 'socket' | 'headers'>;

/** What a proxy says of the request that it received. */
interface Reported {
  readonly scheme?: string | undefined;
  readonly host?: string | undefined;
}

/** A host name or a literal, with an optional port. It is returned only to the client that sent it. */
const hostPattern = /^(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?$/;

/**
 * Returns the function that determines the origin of a request, `scheme://host[:port]`. Over plain HTTP it is named only on this machine, to a
 * client that used an address, or if the public URL or a trusted proxy says so: a name that is known beyond this machine is one for TLS.
 */
export function createOriginOf(
  settings: OriginSettings,
): (request: Request) => { origin: string } | { fault: OriginFault } {
  const { publicUrl, loopbackOnly } = settings;
  const isTrusted = trustIn(settings.trustedProxies);
  return (request) => {
    if (publicUrl !== undefined) return { origin: publicUrl };
    const reported = isTrusted(plain(request.socket.remoteAddress ?? '')) ? reportOf(request, isTrusted) : {};
    const host = reported.host ?? request.headers.host ?? '';
    const url = hostPattern.test(host) ? URL.parse(`http://${host}`) : null;
    // The pattern permits ports above 65535 and numbers that are no address.
    if (url === null) return { fault: 'BAD_HOST' };
    const scheme = reported.scheme ?? ('encrypted' in request.socket ? 'https' : 'http');
    const isSafe = scheme === 'https' || loopbackOnly || reported.scheme !== undefined || isOfNoName(url);
    return isSafe ? { origin: `${scheme}://${host}` } : { fault: 'PLAIN' };
  };
}

/** Whether a host is an IP address or this machine, which no client reaches by mistake. */
function isOfNoName({ hostname }: URL): boolean {
  return hostname === 'localhost' || hostname.startsWith('[') || isIP(hostname) !== 0;
}

/**
 * Reads `X-Forwarded-Proto` and `X-Forwarded-Host`, or else `Forwarded` (RFC 7239), of the farthest proxy that is trusted. Most proxies write the
 * first two and pass on a `Forwarded` of their client.
 */
function reportOf({ headers }: Request, isTrusted: (address: string) => boolean): Reported {
  const isWritten = headers['x-forwarded-proto'] !== undefined || headers['x-forwarded-host'] !== undefined;
  if (!isWritten && headers.forwarded !== undefined) return readForwarded(headers.forwarded, isTrusted);
  const untrusted = hopsIn(headers['x-forwarded-for'])
    .toReversed()
    .findIndex((hop) => !isTrusted(hop));
  // Each proxy that adds to one list adds to the others, so that they are read to the same place from their right ends.
  const place = untrusted < 0 ? 1 : untrusted + 1;
  const at = (name: string): string | undefined => {
    const values = [headers[name] ?? []]
      .flat()
      .join(',')
      .split(',')
      .map((value) => value.trim());
    return values[Math.max(0, values.length - place)] || undefined;
  };
  return { scheme: schemeOf(at('x-forwarded-proto')), host: at('x-forwarded-host') };
}

/** An element: pairs of a name and a token or a quoted string (RFC 7239 §4). A name is read from its first letter only, or a long one takes long. */
const pairPattern = /(?<![A-Za-z])([A-Za-z]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]*))/g;

/** Splits at commas outside of quotes. An open quote reaches to the end, or it would be read again from each quote in it. */
const elementPattern = /(?:"(?:[^"\\]|\\(?:.|$))*(?:"|$)|[^,"])+/g;

/** Characters that are read; a chain of ten proxies needs one KiB. */
const maxForwardedLength = 4_096;

function readForwarded(text: string, isTrusted: (address: string) => boolean): Reported {
  const elements = (text.slice(0, maxForwardedLength).match(elementPattern) ?? []).map((element) => {
    const pairs = [...element.matchAll(pairPattern)].map(([, name = '', quoted, token = '']): [string, string] => [
      name.toLowerCase(),
      quoted ?? token,
    ]);
    return new Map(pairs);
  });
  const untrusted = elements.findLastIndex((element) => !isTrusted(plain(element.get('for') ?? '')));
  const element = elements[Math.max(0, untrusted)];
  return { scheme: schemeOf(element?.get('proto')), host: element?.get('host') };
}

function schemeOf(text: string | undefined): string | undefined {
  const scheme = text?.toLowerCase();
  return scheme === 'http' || scheme === 'https' ? scheme : undefined;
}
