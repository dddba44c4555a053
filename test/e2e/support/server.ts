// Runs the built server as its own process, on a free port and a data directory of its own, and talks GraphQL to it.

import { join } from 'node:path';
import { executableArguments } from '../../support/built.ts';
import { startProgram } from './child-process.ts';
import type { Exit } from './child-process.ts';
import { makeTemporaryDirectory } from '../../support/temporary/directory.ts';

export const projectRoot = join(import.meta.dirname, '../../..');

export interface ServerOptions {
  /** Defaults to a new one. */
  readonly dataDirectory?: string | undefined;
  /** More settings, or other ones. */
  readonly settings?: Readonly<Record<string, string>>;
  /** A command that runs the command after it in its place. Defaults to none. */
  readonly launcher?: readonly string[];
}

export interface GraphqlAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** Empty when the answer is not JSON. */
  readonly body: { readonly data?: unknown; readonly errors?: readonly GraphqlError[] };
}

export interface GraphqlError {
  readonly message: string;
  readonly extensions?: { readonly code?: string; readonly reason?: string };
}

export interface RegwayServer {
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  readonly dataDirectory: string;
  readonly pid: number;
  /** The link that opens GraphiQL signed in, printed on the first start only. */
  firstLink(): string | undefined;
  /** The link that opens the console signed in, printed with it. */
  consoleLink(): string | undefined;
  /** The token of that link. @throws Error when the server printed none. */
  firstToken(): string;
  /** All that it printed, both streams. */
  output(): string;
  /** Every response to `graphql`, headers first. */
  readonly answers: string[];
  /** Sends one operation. The token defaults to the first one; null sends none. */
  graphql(query: string, variables?: object, token?: string | null): Promise<GraphqlAnswer>;
  /** Sends SIGTERM. Rejects if the exit code is not 0. */
  stop(): Promise<void>;
  /** Ends it the hard way. */
  kill(): Promise<Exit>;
}

const listening = /Regway is listening on (http:\/\/127\.0\.0\.1:\d+)/;
const consoleLink = /\bhttp:\/\/\S+\/#token=rgw_[^\s"'<>]+/;
const link = /\bhttp:\/\/\S+\/graphql#token=(rgw_[^\s"'<>]+)/;

/** Makes a data directory for one test. It is removed at the end of the test file. */
export function newDataDirectory(): string {
  return makeTemporaryDirectory('data');
}

/** Suites validate and fail to log in more often than people do. */
const unlimited = {
  REGWAY_VALIDATIONS_PER_MINUTE: '0',
  REGWAY_ACCOUNT_VALIDATIONS_PER_MINUTE: '0',
  REGWAY_FAILED_LOGINS_PER_MINUTE: '0',
};

/** Returns the environment of a server, with only the settings of the test. */
export function serverEnvironment(
  dataDirectory: string,
  settings: Readonly<Record<string, string>> = {},
): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(REGWAY_|VITEST|NODE_)/.test(name));
  return {
    ...Object.fromEntries(inherited),
    REGWAY_LISTEN: '127.0.0.1:0',
    REGWAY_DATA_DIR: dataDirectory,
    ...unlimited,
    ...settings,
  };
}

/** Starts the server and waits until it listens. */
export async function startServer({
  dataDirectory,
  settings,
  launcher = [],
}: ServerOptions = {}): Promise<RegwayServer> {
  const directory = dataDirectory ?? newDataDirectory();
  const [command = '', ...args] = [...launcher, process.execPath, ...executableArguments('serve')];
  const program = await startProgram({
    command,
    args,
    env: serverEnvironment(directory, settings),
    cwd: projectRoot,
    ready: [listening],
  });
  const output = () => program.stdout() + program.stderr();
  const url = listening.exec(output())?.[1] ?? '';
  const answers: string[] = [];
  const firstToken = () => {
    const token = link.exec(output())?.[1];
    if (token === undefined) {
      throw new Error(`the server printed no first token:\n${output()}`);
    }
    return token;
  };
  return {
    url,
    dataDirectory: directory,
    pid: program.pid,
    firstLink: () => link.exec(output())?.[0],
    consoleLink: () => consoleLink.exec(output())?.[0],
    firstToken,
    output,
    answers,
    async graphql(query, variables = {}, token = firstToken()) {
      const answer = await postGraphql(url, { query, variables }, token);
      answers.push(`${JSON.stringify([...answer.headers])}\n${answer.text}`);
      return answer;
    },
    async stop() {
      const { code, signal } = await program.end('SIGTERM');
      if (code !== 0) {
        throw new Error(`after SIGTERM the server ended with ${code ?? signal}, not with 0:\n${output()}`);
      }
    },
    kill: () => program.end('SIGKILL'),
  };
}

/** Sends one operation to a server; null sends no token. */
export async function postGraphql(url: string, body: object, token: string | null): Promise<GraphqlAnswer> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json',
      ...(token !== null && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, body: parse(text) };
}

function parse(text: string): GraphqlAnswer['body'] {
  try {
    return JSON.parse(text) as GraphqlAnswer['body'];
  } catch {
    return {};
  }
}
