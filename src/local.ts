// The commands that work on the data directory: serving, and making a token beside a server or before there is one.

import { once } from 'node:events';
import { createToken, describeFault, listTokens, revokeStoredToken, serve, type RunningServer, type TokenRequest } from './app.ts';
import { ConfigRefused, readConfig } from './config.ts';
import type { StoredToken } from './core/ports.ts';
import { Problem } from './core/problem.ts';
import { KeyringRefused } from './seal/keyring.ts';
import { StoreRefused } from './store/migrate.ts';

/** Exit codes of the command line; 78 is EX_CONFIG of sysexits.h: settings, keys or data need a person, a restart will not help. */
const exitCodes = { done: 0, refused: 1, configuration: 78 } as const;

/** Serves until SIGTERM or SIGINT, then finishes the requests in flight. Gives the exit code. */
export function serveCommand(): Promise<number> {
  return reporting(async () => {
    const server = await serve(readConfig());
    announce(server);
    await Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')]);
    await server.close();
  });
}

/** Prints a new token through `print`. Gives the exit code. */
export function createTokenCommand(request: TokenRequest, print: (token: string) => void): Promise<number> {
  return reporting(async () => {
    const token = await createToken(readConfig(), request);
    print(token.reveal());
  });
}

/** Gives the tokens of one account, or of all, to `print`. Gives the exit code. */
export function listTokensCommand(account: string | undefined, print: (tokens: readonly StoredToken[]) => void): Promise<number> {
  return reporting(async () => print(await listTokens(readConfig(), account)));
}

/** Revokes a token and gives it to `print` as it is now. Gives the exit code. */
export function revokeTokenCommand(id: string, print: (token: StoredToken) => void): Promise<number> {
  return reporting(async () => print(await revokeStoredToken(readConfig(), id)));
}

function announce({ url, firstToken }: RunningServer): void {
  const lines = [`Regway is listening on ${url}`, `Console: ${url}/`, `GraphiQL: ${url}/graphql`];
  if (firstToken !== undefined) {
    const token = firstToken.reveal();
    lines.push(
      'This is the first start. The admin token is shown this once; the links open the console and GraphiQL signed in with it:',
      `  ${url}/#token=${token}`,
      `  ${url}/graphql#token=${token}`,
    );
  }
  process.stdout.write(`${lines.join('\n')}\n`);
}

async function reporting(run: () => Promise<void>): Promise<number> {
  try {
    await run();
    return exitCodes.done;
  } catch (fault) {
    const expected = fault instanceof Problem || isConfigurationFault(fault) || isAddressFault(fault);
    process.stderr.write(`${expected ? fault.message : describeFault(fault)}\n`);
    return isConfigurationFault(fault) ? exitCodes.configuration : exitCodes.refused;
  }
}

function isConfigurationFault(fault: unknown): fault is Error {
  return fault instanceof ConfigRefused || fault instanceof KeyringRefused || fault instanceof StoreRefused;
}

/** EADDRINUSE and its like: the message says it all. */
function isAddressFault(fault: unknown): fault is Error {
  return fault instanceof Error && 'syscall' in fault && fault.syscall === 'listen';
}
