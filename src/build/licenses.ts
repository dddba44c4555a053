// Collects the license texts of every package that the build bundles, because a bundle must include them.

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

interface PackageManifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
}

const packagePattern = /^\0?(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//;
const licenseFile = /^(?:licen[cs]e|copying|notice|third-party)/i;

/**
 * Writes the license texts into one file, sorted by package.
 * @param modules the paths of all bundled modules.
 * @throws Error naming a package whose license is not stated.
 */
export async function writeLicenses(modules: Iterable<string>, target: string): Promise<void> {
  const directories = new Set(
    [...modules].map((module) => packagePattern.exec(module)?.[1]).filter((directory) => directory !== undefined),
  );
  const chapters = await Promise.all([...directories].toSorted().map(chapter));
  const opening = 'Regway contains parts of the packages below, each under its own license.\n';
  await writeFile(target, [opening, ...new Set(chapters)].join(`\n${'-'.repeat(79)}\n\n`));
}

async function chapter(directory: string): Promise<string> {
  const { name, version, license } = JSON.parse(
    await readFile(join(directory, 'package.json'), 'utf8'),
  ) as PackageManifest;
  const files = (await readdir(directory)).filter((file) => licenseFile.test(file)).toSorted();
  const texts = await Promise.all(files.map((file) => readFile(join(directory, file), 'utf8')));
  if (license === undefined && texts.length === 0)
    throw new Error(`${name} does not state its license, so it cannot be bundled.`);
  return `${name} ${version} (${license ?? 'see below'})\n\n${texts.join('\n').trim() || 'The package comes without a license text.'}\n`;
}
