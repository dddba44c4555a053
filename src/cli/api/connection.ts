// Which server a command talks to and as whom: REGWAY_URL and REGWAY_TOKEN, else what `regway login` remembers, else the local server.

import type { CommandLineSettings } from '../context.ts';
import { usageError } from '../errors.ts';
import { printNote } from '../terminal/terminal.ts';
import { type Client, createClient, type Server } from './client.ts';
import { loginFile, readLogin } from './login-file.ts';

/** Opens the connection; nothing is sent yet. @throws CommandFailure for an address that is none. */
export async function connect(settings: CommandLineSettings): Promise<Client> {
  const server = await findServer(settings);
  if (server.token !== undefined) warnIfReadable(server.url);
  return createClient(server);
}

/** The remembered token belongs to the remembered server: it is never sent to another one. */
export async function findServer(settings: CommandLineSettings): Promise<Server> {
  const named = settings.url === undefined ? undefined : parseServerUrl(settings.url, 'REGWAY_URL');
  const login = named !== undefined && settings.token !== undefined ? undefined : await readLogin(loginFile(settings));
  const url = named ?? login?.url ?? defaultServerUrl;
  return { url, token: settings.token ?? (login?.url === url ? login.token : undefined) };
}

/** A token over plain HTTP can be read on the way. */
export function warnIfReadable(url: string): void {
  if (isReadableOnTheWay(url))
    printNote(`Warning: ${url} is not https, so your token and passwords can be read on the way.`);
}

/** `regway serve` without settings. */
export const defaultServerUrl = 'http://127.0.0.1:4000';

/**
 * Gives `http(s)://host[:port][/path]` without a slash at the end. The address of the endpoint (`…/graphql`) is understood too.
 * @throws CommandFailure. The text is not repeated: it may hold a password.
 */
export function parseServerUrl(text: string, whose: string): string {
  const url = URL.parse(text);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw usageError(`${whose} must be http(s)://host[:port], such as ${defaultServerUrl}.`);
  if (url.username !== '' || url.password !== '')
    throw usageError(`${whose} must not hold a user name or password: give a token with regway login or REGWAY_TOKEN.`);
  if (url.search !== '' || url.hash !== '')
    throw usageError(`${whose} must end after the host or path: drop what follows ? or #.`);
  return url.origin + url.pathname.replace(/\/+$/, '').replace(/\/graphql$/, '');
}

/** Whether a token sent there crosses a network readable by others. */
export function isReadableOnTheWay(serverUrl: string): boolean {
  const { protocol, hostname } = new URL(serverUrl);
  return protocol === 'http:' && hostname !== 'localhost' && hostname !== '[::1]' && !hostname.startsWith('127.');
}
