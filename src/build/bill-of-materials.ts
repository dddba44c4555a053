// Writes the bill of materials of the built program as CycloneDX 1.6: what the bundler put in, with the checksums of the lock.

import { writeFile } from 'node:fs/promises';
import { type BundledPackage, type Pins, unbundledDependencies } from './dependencies.ts';

/** One package of the bill (CycloneDX 1.6, `component`). */
interface Component {
  readonly type: 'library';
  readonly 'bom-ref': string;
  readonly group?: string;
  readonly name: string;
  readonly version: string;
  readonly scope: 'required';
  readonly licenses?: readonly [{ readonly expression: string }];
  readonly hashes: readonly [{ readonly alg: 'SHA-512'; readonly content: string }];
  readonly purl: string;
}

/** The bill (CycloneDX 1.6). It names no time and no serial number, so that the same sources give the same bytes. */
export interface BillOfMaterials {
  readonly bomFormat: 'CycloneDX';
  readonly specVersion: '1.6';
  readonly version: 1;
  readonly metadata: {
    readonly component: { readonly type: 'application'; readonly name: string; readonly version: string };
  };
  readonly components: readonly Component[];
}

/**
 * Returns the bill for the bundled packages and those that are installed beside the bundle, sorted.
 * @param own The program itself.
 * @throws Error naming a package that the lock has no SHA-512 checksum of.
 */
export function billOfMaterials(
  own: BundledPackage,
  bundled: readonly BundledPackage[],
  { dependencies, lock }: Pins,
): BillOfMaterials {
  const beside = unbundledDependencies.map((name) => ({ name, version: dependencies[name] ?? '' }));
  const all = new Map([...bundled, ...beside].map((one) => [purlOf(one), one]));
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: { type: 'application', name: own.name, version: own.version } },
    components: [...all.values()]
      .map((one) => componentOf(one, lock))
      .toSorted((one, other) => (one.purl < other.purl ? -1 : 1)),
  };
}

/** Writes the bill to a file. @throws as `billOfMaterials`. */
export async function writeBillOfMaterials(bill: BillOfMaterials, target: string): Promise<void> {
  await writeFile(target, `${JSON.stringify(bill, null, 2)}\n`);
}

function componentOf(one: BundledPackage, lock: Pins['lock']): Component {
  const locked = Object.entries(lock).find(
    ([path, { version }]) => path.endsWith(`node_modules/${one.name}`) && version === one.version,
  )?.[1];
  const [, checksum] = /^sha512-([A-Za-z0-9+/]+=*)$/.exec(locked?.integrity ?? '') ?? [];
  if (checksum === undefined)
    throw new Error(`package-lock.json has no SHA-512 checksum of ${one.name} ${one.version}.`);
  const [, group, name = one.name] = /^(@[^/]+)\/(.+)$/.exec(one.name) ?? [];
  return {
    type: 'library',
    'bom-ref': purlOf(one),
    ...(group === undefined ? {} : { group }),
    name,
    version: one.version,
    scope: 'required',
    ...(locked?.license === undefined ? {} : { licenses: [{ expression: locked.license }] }),
    hashes: [{ alg: 'SHA-512', content: Buffer.from(checksum, 'base64').toString('hex') }],
    purl: purlOf(one),
  };
}

/** Returns the package URL (purl specification, type `npm`: the `@` of a scope is percent-encoded). */
function purlOf({ name, version }: BundledPackage): string {
  return `pkg:npm/${name.replace('@', '%40')}@${version}`;
}
