// Stands in for the machine's name service inside one server: loaded into it with `--import`, it answers the names of TEST_NAMES (JSON).
// A real one cannot resolve names of cloud registries to loopback, and the product has no setting for it.

import promises from 'node:dns/promises';
import { syncBuiltinESMExports } from 'node:module';

const addresses = JSON.parse(process.env['TEST_NAMES'] ?? '{}') as Readonly<Record<string, string>>;
const systemLookup = promises.lookup;

function lookup(hostname: string, options: { readonly all?: boolean } = {}): Promise<unknown> {
  const address = addresses[hostname];
  if (address === undefined) return systemLookup(hostname, options);
  return Promise.resolve(options.all === true ? [{ address, family: 4 }] : { address, family: 4 });
}

Object.assign(promises, { lookup });
syncBuiltinESMExports();
