// Runs before the first suite: checks that every required Debian package is installed, and builds the bundle of this tree.

import { execFileSync } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { projectRoot } from './server.ts';

/** A Debian package and the program in it that a suite runs; a path with a `*` is looked for where Debian puts it. */
const requirements: readonly { readonly packageName: string; readonly program: string }[] = [
  { packageName: 'docker-registry', program: 'docker-registry' },
  { packageName: 'apache2-utils', program: 'htpasswd' },
  { packageName: 'openssl', program: 'openssl' },
  { packageName: 'skopeo', program: 'skopeo' },
  { packageName: 'podman', program: 'podman' },
  { packageName: 'buildah', program: 'buildah' },
  { packageName: 'containerd', program: 'containerd' },
  { packageName: 'nginx', program: '/usr/sbin/nginx' },
  { packageName: 'haproxy', program: '/usr/sbin/haproxy' },
  { packageName: 'strace', program: '/usr/bin/strace' },
  { packageName: 'chromium', program: '/usr/bin/chromium' },
  { packageName: 'python3', program: 'python3' },
  { packageName: 'postgresql', program: '/usr/lib/postgresql/*/bin/postgres' },
  { packageName: 'pgbouncer', program: '/usr/sbin/pgbouncer' },
];

/** Fails the whole run if a package is missing, with the command that installs it. Nothing is skipped. */
export function setup(): void {
  const missing = requirements.filter(({ program }) => !isInstalled(program)).map(({ packageName }) => packageName);
  if (missing.length > 0) {
    throw new Error(
      `These Debian packages are missing: ${missing.join(', ')}. Install them with:\n` +
        `  sudo apt-get install --no-install-recommends ${missing.join(' ')}`,
    );
  }
  execFileSync(process.execPath, [join(projectRoot, 'src/build/build.ts')], { cwd: projectRoot, stdio: 'inherit' });
}

function isInstalled(program: string): boolean {
  if (program.startsWith('/')) {
    return globSync(program).length > 0;
  }
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
}
