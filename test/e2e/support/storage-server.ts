// Starts the storage behind a registry: an nginx that serves blobs to every client with the link and, as S3 does, responds with 400 to an Authorization header.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KeyPair } from './certificates.ts';
import { startProgram } from './child-process.ts';
import { freePort } from './free-port.ts';
import { makeTemporaryDirectory } from '../../support/temporary/directory.ts';

export interface StorageServerOptions {
  /** Loopback address to listen on. */
  readonly address: string;
  readonly tls: KeyPair;
  /** Folder whose files are served. */
  readonly directory: string;
}

export interface StorageRequest {
  readonly status: number;
  readonly path: string;
  /** The header's value, or null. */
  readonly authorization: string | null;
}

export interface StorageServer {
  /** `https://host:port`. */
  readonly url: string;
  requests(): readonly StorageRequest[];
  stop(): Promise<void>;
}

/** Starts nginx on a free port of the address. */
export async function startStorageServer({ address, tls, directory }: StorageServerOptions): Promise<StorageServer> {
  const own = makeTemporaryDirectory('storage');
  const host = `${address}:${await freePort(address)}`;
  const accessLog = join(own, 'access.log');
  writeFileSync(accessLog, '');
  writeFileSync(join(own, 'nginx.conf'), configurationOf({ host, tls, directory, own, accessLog }));
  const program = await startProgram({
    command: nginxProgram,
    args: ['-p', own, '-e', 'stderr', '-c', join(own, 'nginx.conf')],
    ready: [/using the "epoll" event method/],
  });
  return {
    url: `https://${host}`,
    requests: () => readFileSync(accessLog, 'utf8').split('\n').filter(Boolean).map(parseLine),
    async stop() {
      await program.end('SIGTERM');
    },
  };
}

/** Debian installs it where only root looks. */
export const nginxProgram = '/usr/sbin/nginx';

interface Configuration {
  readonly host: string;
  readonly tls: KeyPair;
  readonly directory: string;
  readonly own: string;
  readonly accessLog: string;
}

function configurationOf({ host, tls, directory, own, accessLog }: Configuration): string {
  return `
    daemon off;
    # One process: a master that is killed with the tests would leave its worker behind.
    master_process off;
    pid ${own}/nginx.pid;
    error_log stderr notice;
    events {}
    http {
      ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${own}/${kind};`).join('\n')}
      log_format asked escape=json '{"status":$status,"path":"$uri","authorization":"$http_authorization"}';
      access_log ${accessLog} asked;
      default_type application/octet-stream;
      server {
        listen ${host} ssl;
        ssl_certificate ${tls.certificateFile};
        ssl_certificate_key ${tls.keyFile};
        root ${directory};
        if ($http_authorization) { return 400; }
      }
    }`;
}

function parseLine(line: string): StorageRequest {
  const { status, path, authorization } = JSON.parse(line) as { status: number; path: string; authorization: string };
  return { status, path, authorization: authorization === '' ? null : authorization };
}
