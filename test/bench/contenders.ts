// The servers that are compared: each answers the same requests over the same data directory.

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { builtExecutable, executableArguments } from '../support/built.ts';
import { startServer, type BenchServer } from './server.ts';

export interface Contender {
  readonly name: string;
  /** What node runs. It reads `REGWAY_DATA_DIR` and prints `listening on http://…` once it does. */
  readonly args: readonly string[];
}

/** The product. */
export const regway: Contender = {
  name: 'Regway',
  get args() {
    return executableArguments('serve');
  },
};

/** The limit: what the same statements cost without GraphQL, login, limits, logs and metrics. */
export const bare: Contender = {
  name: 'node:http, bare',
  args: [fileURLToPath(new URL('./bare.ts', import.meta.url))],
};

const rivalScript = fileURLToPath(new URL('../interop/rivals/rival.ts', import.meta.url));

/** GraphQL servers as they come, over the same schema, table and statements; one of them with the product's login, log and metrics. */
const rivals: readonly Contender[] = [
  { name: 'Mercurius with JIT', args: [rivalScript, 'mercurius-jit'] },
  { name: 'Mercurius with JIT, login, log and metrics', args: [rivalScript, 'mercurius-jit-equal'] },
  { name: 'Mercurius', args: [rivalScript, 'mercurius'] },
  { name: 'Apollo Server', args: [rivalScript, 'apollo'] },
  { name: 'Yoga', args: [rivalScript, 'yoga'] },
];

/** Everyone who takes part. */
export const contenders: readonly Contender[] = [regway, bare, ...rivals];

/** @throws Error when the product was not bundled. */
export function requireBuild(): void {
  if (!existsSync(builtExecutable)) throw new Error('There is no dist/regway.js: run npm run build first.');
}

/** Starts a contender on the data directory, on a free port of loopback. @param core as in `ServerOptions`. @param settings more than those. */
export async function startContender(
  { name, args }: Contender,
  dataDir: string,
  core: number | string | undefined,
  settings: NodeJS.ProcessEnv = {},
): Promise<BenchServer> {
  return startServer({
    args,
    environment: { ...environmentOf(dataDir), ...settings },
    outputFile: join(dataDir, '..', `${name.replaceAll(/\W+/g, '-')}.log`),
    core,
  });
}

/** No setting of the person who runs the benchmark changes the result. */
function environmentOf(dataDir: string): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(REGWAY_|NODE_)/.test(name));
  return {
    ...Object.fromEntries(inherited),
    NODE_ENV: 'production',
    REGWAY_LISTEN: '127.0.0.1:0',
    REGWAY_DATA_DIR: dataDir,
  };
}
