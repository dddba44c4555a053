// Collects the licence texts of every package that the build takes in, since a bundle must bring them along.

import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

interface PackageFacts {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
}

const packagePattern = /^\0?(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//;
const licenceName = /^(?:licen[cs]e|copying|notice|third-party)/i;

/**
 * Writes the texts into one file, sorted by package.
 * @param modules Paths of all modules that went into the build.
 * @throws Error naming a package whose licence is not stated.
 */
export async function writeLicences(modules: Iterable<string>, target: string): Promise<void> {
  const folders = new Set(
    [...modules].map((module) => packagePattern.exec(module)?.[1]).filter((folder) => folder !== undefined),
  );
  const chapters = await Promise.all([...folders].toSorted().map(chapter));
  const opening = 'Regway contains parts of the packages below, each under its own licence.\n';
  await writeFile(target, [opening, ...new Set(chapters)].join(`\n${'-'.repeat(79)}\n\n`));
}

async function chapter(folder: string): Promise<string> {
  const { name, version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as PackageFacts;
  const files = (await readdir(folder)).filter((file) => licenceName.test(file)).toSorted();
  const texts = await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
  if (license === undefined && texts.length === 0)
    throw new Error(`${name} does not state its licence, so it cannot be bundled.`);
  return `${name} ${version} (${license ?? 'see below'})\n\n${texts.join('\n').trim() || 'The package comes without a licence text.'}\n`;
}
