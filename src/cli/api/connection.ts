// Selects the server and token of a command: REGWAY_URL and REGWAY_TOKEN, else the ones saved by `regway login`, else the local server.

import type { CommandLineSettings } from '../context.ts';
import { usageError } from '../errors.ts';
import { printNote } from '../terminal/terminal.ts';
import { type Client, createClient, type Server } from './client.ts';
import { loginFile, readLogin } from './login-file.ts';

/** Creates the client; nothing is sent yet. @throws CommandFailure if the address is invalid. */
export async function connect(settings: CommandLineSettings): Promise<Client> {
  const server = await findServer(settings);
  if (server.token !== undefined) warnIfReadable(server.url);
  return createClient(server);
}

/** Finds the server and token. A saved token is never sent to another server than the one it was saved for. */
export async function findServer(settings: CommandLineSettings): Promise<Server> {
  const named = settings.url === undefined ? undefined : parseServerUrl(settings.url, 'REGWAY_URL');
  const file = named !== undefined && settings.token !== undefined ? undefined : loginFile(settings);
  const login = file === undefined ? undefined : await readLogin(file);
  const url = named ?? login?.url ?? defaultServerUrl;
  return { url, token: settings.token ?? (login?.url === url ? login.token : undefined) };
}

/** Prints a warning if the address uses plain HTTP beyond this machine. */
export function warnIfReadable(url: string): void {
  if (isReadableOnTheWay(url))
    printNote(`Warning: ${url} does not use HTTPS, so your token and passwords are sent unencrypted.`);
}

/** The address of `regway serve` with default settings. */
export const defaultServerUrl = 'http://127.0.0.1:4000';

/**
 * Returns `http(s)://host[:port][/path]` without a trailing slash. Accepts the address of the endpoint (`…/graphql`) too.
 * @throws CommandFailure, which does not repeat the text, because it may contain a password.
 */
export function parseServerUrl(text: string, whose: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw usageError(`${whose} must be http(s)://host[:port], such as ${defaultServerUrl}.`);
  if (url.username !== '' || url.password !== '')
    throw usageError(
      `${whose} must not contain a username or password. Pass a token with "regway login" or REGWAY_TOKEN.`,
    );
  if (url.search !== '' || url.hash !== '')
    throw usageError(`${whose} must not contain a query or fragment. Remove everything from ? or # on.`);
  return url.origin + url.pathname.replace(/\/+$/, '').replace(/\/graphql$/, '');
}

/** Whether a token sent there crosses a network unencrypted. */
export function isReadableOnTheWay(serverUrl: string): boolean {
  const { protocol, hostname } = new URL(serverUrl);
  return protocol === 'http:' && hostname !== 'localhost' && hostname !== '[::1]' && !hostname.startsWith('127.');
}
