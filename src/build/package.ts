// Writes the tarball that users install (`npm run package [-- directory]`). Unlike with `npm pack`, its package.json
// requires only the packages that the bundle does not contain, so that an installation does not download bundled code.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { unbundledDependencies } from './dependencies.ts';

const installedKeys = new Set([
  'name',
  'version',
  'description',
  'license',
  'type',
  'private',
  'engines',
  'bin',
  'files',
]);

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Packs the built files into a directory and returns the path of the tarball. */
function writePackage(targetDir: string): string {
  const staging = mkdtempSync(join(tmpdir(), 'regway-package-'));
  try {
    execFileSync('tar', ['-xzf', pack(root, staging), '-C', staging]);
    const manifestFile = join(staging, 'package/package.json');
    writeFileSync(manifestFile, `${JSON.stringify(installedManifest(readFileSync(manifestFile, 'utf8')), null, 2)}\n`);
    return pack(join(staging, 'package'), targetDir);
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

/** Packs a directory like `npm pack`, without building it again. */
function pack(directory: string, targetDir: string): string {
  const npm = ['pack', '--ignore-scripts', '--json', '--pack-destination', targetDir];
  const output = execFileSync('npm', npm, { cwd: directory, encoding: 'utf8' });
  return join(targetDir, (JSON.parse(output) as { filename: string }[])[0]?.filename ?? '');
}

/** Keeps the keys of package.json that an installed package uses; the others are for source checkouts. */
function installedManifest(text: string): object {
  const manifest = JSON.parse(text) as { readonly dependencies: Readonly<Record<string, string>> };
  return {
    ...Object.fromEntries(Object.entries(manifest).filter(([key]) => installedKeys.has(key))),
    dependencies: Object.fromEntries(unbundledDependencies.map((name) => [name, manifest.dependencies[name]])),
  };
}

if (import.meta.main) console.log(writePackage(resolve(process.argv[2] ?? root)));
