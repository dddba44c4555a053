// docker-registry behind an nginx that has a password for each path, as teams with one registry and no token server do it.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeTemporaryDirectory } from '../../support/temporary/directory.ts';
import { createCertificateAuthority } from './certificates.ts';
import type { CertificateAuthority, KeyPair } from './certificates.ts';
import { startProgram } from './child-process.ts';
import { freePort } from './free-port.ts';
import { pushImage, writeImage } from './images.ts';
import { startRegistry } from './registries.ts';
import type { Login } from './registries.ts';
import { nginxProgram } from './storage-server.ts';

export interface PathRegistryOptions {
  /** Who may use the repositories below each first component. */
  readonly paths: Readonly<Record<string, Login>>;
  /** What `/v2/` does: it accepts any of them, or nginx does not pass it. */
  readonly base: 'ANY' | 'ABSENT';
}

export interface PathRegistry {
  /** `127.0.0.1:port`, with TLS of `authority`. */
  readonly host: string;
  readonly authority: CertificateAuthority;
  /** Requests so far, as `status path user`; without a login the user is `-`. */
  requests(): string[];
  stop(): Promise<void>;
}

/** Starts both, with the image `app` below each path. */
export async function startPathRegistry({ paths, base }: PathRegistryOptions): Promise<PathRegistry> {
  const directory = makeTemporaryDirectory('paths');
  const authority = createCertificateAuthority(directory);
  const registry = await startRegistry(directory, 'open', {});
  const image = writeImage(join(directory, 'image'));
  for (const path of Object.keys(paths))
    await pushImage({ layout: image.layout, reference: `${registry.host}/${path}/app:latest` });
  const own = join(directory, 'nginx');
  mkdirSync(own);
  const lines = Object.entries(paths).map(([path, { username, password }]) => {
    const line = execFileSync('htpasswd', ['-Bbn', '-C', '4', username, password], { encoding: 'utf8' }).trim();
    writeFileSync(join(own, `${path}.htpasswd`), `${line}\n`);
    return line;
  });
  writeFileSync(join(own, 'any.htpasswd'), `${lines.join('\n')}\n`);
  const host = `127.0.0.1:${await freePort('127.0.0.1')}`;
  const accessLog = join(own, 'access.log');
  writeFileSync(accessLog, '');
  const location = (path: string, file: string) =>
    `location ${path} { auth_basic "Registry"; auth_basic_user_file ${own}/${file}.htpasswd; proxy_set_header Authorization ""; proxy_pass http://${registry.host}; }`;
  const locations = [
    base === 'ANY' ? location('= /v2/', 'any') : '',
    ...Object.keys(paths).map((path) => location(`/v2/${path}/`, path)),
  ];
  writeFileSync(
    join(own, 'nginx.conf'),
    configurationOf({ host, tls: authority.issue('127.0.0.1'), own, accessLog, locations }),
  );
  const nginx = await startProgram({
    command: nginxProgram,
    args: ['-p', own, '-e', 'stderr', '-c', join(own, 'nginx.conf')],
    ready: [/using the "epoll" event method/],
  });
  return {
    host,
    authority,
    requests: () => readFileSync(accessLog, 'utf8').split('\n').filter(Boolean),
    async stop() {
      await nginx.end('SIGTERM');
      await registry.stop();
    },
  };
}

interface Configuration {
  readonly host: string;
  readonly tls: KeyPair;
  readonly own: string;
  readonly accessLog: string;
  readonly locations: readonly string[];
}

function configurationOf({ host, tls, own, accessLog, locations }: Configuration): string {
  return `
    daemon off;
    master_process off;
    pid ${own}/nginx.pid;
    error_log stderr notice;
    events {}
    http {
      ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${own}/${kind};`).join('\n')}
      log_format asked '$status $uri $remote_user';
      access_log ${accessLog} asked;
      server {
        listen ${host} ssl;
        ssl_certificate ${tls.certificateFile};
        ssl_certificate_key ${tls.keyFile};
        ${locations.join('\n')}
        location / { return 404; }
      }
    }`;
}
