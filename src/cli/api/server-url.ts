// The address of the server as people give it, checked and in one spelling.

import { wrongUsage } from '../errors.ts';

/** `regway serve` without settings. */
export const defaultServerUrl = 'http://127.0.0.1:4000';

/**
 * Gives `http(s)://host[:port][/path]` without a slash at the end. The address of the endpoint (`…/graphql`) is understood too.
 * @throws CommandFailure. The text is not repeated: it may hold a password.
 */
export function parseServerUrl(text: string, whose: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol)) throw wrongUsage(`${whose} must be http(s)://host[:port], such as ${defaultServerUrl}.`);
  if (url.username !== '' || url.password !== '') throw wrongUsage(`${whose} must not hold a user name or password: give a token with regway login or REGWAY_TOKEN.`);
  if (url.search !== '' || url.hash !== '') throw wrongUsage(`${whose} must end after the host or path: drop what follows ? or #.`);
  return url.origin + url.pathname.replace(/\/+$/, '').replace(/\/graphql$/, '');
}

/** Whether a token sent there crosses a network readable by others. */
export function isReadableOnTheWay(serverUrl: string): boolean {
  const { protocol, hostname } = new URL(serverUrl);
  return protocol === 'http:' && hostname !== 'localhost' && hostname !== '[::1]' && !hostname.startsWith('127.');
}
