// Before the first script: a data directory with many registries, which every server of the scripts gets a copy of.

import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { seededRegistries } from '../../bench/data.ts';
import { openDataDir, seed } from '../../bench/seed.ts';
import { ensureBuilt } from '../../support/built.ts';
import { makeTemporaryDirectory } from '../../support/temporary/directory.ts';

/** What every script gets. */
export interface SeededData {
  readonly dataDirectory: string;
  /** May read and write registries. */
  readonly token: string;
  /** A stored registry, and an image that it covers. */
  readonly pattern: string;
  readonly reference: string;
  readonly registries: number;
  /** How long each of the three runs takes, and the quiet time before them. */
  readonly seconds: number;
  readonly quietSeconds: number;
  /** What the limits are multiplied by. */
  readonly slack: number;
}

declare module 'vitest' {
  interface ProvidedContext {
    readonly adversity: SeededData;
  }
}

/** Seeds the data. The sizes come from the configuration of the suite. @returns what removes it. */
export async function setup(project: TestProject): Promise<() => void> {
  const setting = (name: string, otherwise: number): number =>
    Number(project.config.env[name] ?? process.env[name] ?? otherwise);
  const count = setting('REGWAY_ADVERSITY_REGISTRIES', 100_000);
  await ensureBuilt();
  const directory = makeTemporaryDirectory('seeded');
  const dataDirectory = join(directory, 'data');
  const registries = seededRegistries(count);
  const token = await seed(dataDirectory, registries);
  // Fills the columns that are derived, which else the first start of every copy would do.
  await (await openDataDir(dataDirectory)).store.close();
  const pattern = registries.find(({ kind }) => kind === 'SUBTREE')?.registry ?? '';
  project.provide('adversity', {
    dataDirectory,
    token,
    pattern,
    reference: pattern.replace('/*', '/no-such-app:1'),
    registries: count,
    seconds: setting('REGWAY_ADVERSITY_SECONDS', 3),
    quietSeconds: setting('REGWAY_ADVERSITY_QUIET_SECONDS', 2),
    slack: setting('REGWAY_ADVERSITY_SLACK', 1),
  });
  return () => rmSync(directory, { recursive: true, force: true });
}
