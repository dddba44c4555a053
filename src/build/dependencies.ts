// Holds the bundle to package.json: it contains Regway's own code and exactly the versions that `dependencies` and the lock pin.

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

/** The dependencies that the bundle does not contain, because a native addon cannot be bundled. An installed package requires only these. */
export const unbundledDependencies: readonly string[] = ['better-sqlite3'];

/** A package that the bundle contains parts of. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
}

/** The parts of package.json and package-lock.json that decide which versions run. */
export interface Pins {
  /** `dependencies` of package.json. */
  readonly dependencies: Readonly<Record<string, string>>;
  /** `packages` of package-lock.json, by path. npm marks packages that only development requires as `dev`. */
  readonly lock: Readonly<Record<string, LockedPackage>>;
}

/** Reads the name and version of this project. */
export async function readOwn(): Promise<BundledPackage> {
  const text = await readFile(fileURLToPath(new URL('../../package.json', import.meta.url)), 'utf8');
  return JSON.parse(text) as BundledPackage;
}

interface LockedPackage {
  readonly version?: string;
  /** Subresource integrity of the package's tarball. */
  readonly integrity?: string;
  /** An SPDX expression. */
  readonly license?: string;
  readonly dev?: boolean;
  readonly devOptional?: boolean;
}

const exactVersion = /^\d+\.\d+\.\d+(?:-[\w.]+)?$/;
const packageDirectory = /^\0?(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//;

/** Reads the pins of this project. */
export async function readPins(): Promise<Pins> {
  const read = async (name: string): Promise<unknown> =>
    JSON.parse(await readFile(fileURLToPath(new URL(`../../${name}`, import.meta.url)), 'utf8'));
  const { dependencies } = (await read('package.json')) as Pick<Pins, 'dependencies'>;
  const { packages } = (await read('package-lock.json')) as { readonly packages: Pins['lock'] };
  return { dependencies, lock: packages };
}

/** Returns the packages that modules belong to, by the paths of the modules. Regway's own modules belong to none. */
export async function packagesOf(modules: Iterable<string>): Promise<BundledPackage[]> {
  const directories = new Set([...modules].flatMap((module) => packageDirectory.exec(module)?.[1] ?? []));
  return Promise.all(
    [...directories].map(async (path) => JSON.parse(await readFile(`${path}/package.json`, 'utf8')) as BundledPackage),
  );
}

/** Returns one sentence for each bundled package that the pins do not allow and for each pin that allows more than one version. */
export function findBundleViolations(bundled: readonly BundledPackage[], { dependencies, lock }: Pins): string[] {
  const unlocked = Object.entries(dependencies)
    .filter(([name, version]) => !exactVersion.test(version) || lock[`node_modules/${name}`]?.version !== version)
    .map(([name, version]) => `dependencies and the lock must pin one version of ${name}, not ${version}.`);
  const foreign = bundled
    .filter(({ name, version }) => !isPinned(name, version, lock))
    .map(({ name, version }) => `${name} ${version} is in the bundle, but not in dependencies or what they require.`);
  return [...unlocked, ...foreign];
}

/** Returns one sentence for each dependency that the bundle does not contain and that an installed package does not need. */
export function findUnusedDependencies(bundled: readonly BundledPackage[], { dependencies }: Pins): string[] {
  const used = new Set([...unbundledDependencies, ...bundled.map(({ name }) => name)]);
  return Object.keys(dependencies)
    .filter((name) => !used.has(name))
    .map((name) => `${name} is in dependencies, but not in the bundle.`);
}

function isPinned(name: string, version: string, lock: Pins['lock']): boolean {
  return Object.entries(lock).some(
    ([path, locked]) =>
      path.endsWith(`node_modules/${name}`) &&
      locked.version === version &&
      locked.dev !== true &&
      locked.devOptional !== true,
  );
}
