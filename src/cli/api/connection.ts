// Which server a command talks to and as whom: REGWAY_URL and REGWAY_TOKEN, else what `regway login` remembers, else the local server.

import { createClient, type Client, type Server } from './client.ts';
import { loginFile, readLogin } from './login-file.ts';
import { defaultServerUrl, isReadableOnTheWay, parseServerUrl } from './server-url.ts';
import type { CommandLineSettings } from '../settings.ts';
import { printNote } from '../terminal/terminal.ts';

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
  if (isReadableOnTheWay(url)) printNote(`Warning: ${url} is not https, so your token and passwords can be read on the way.`);
}
