// A real balancer in front of replicas, configured as people do it: nginx, which learns of a stop by refused connections, or HAProxy, which asks /readyz.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeTemporaryDirectory } from '../../../support/temporary/directory.ts';
import { pause, startProgram } from '../child-process.ts';
import { freePort } from '../free-port.ts';
import { nginxProgram } from '../storage-server.ts';

export const frontNames = ['nginx', 'HAProxy'] as const;
export type FrontName = (typeof frontNames)[number];

export interface Front {
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  /** All that it printed. */
  output(): string;
  stop(): Promise<void>;
}

/** Milliseconds until it forwards the first request. */
const servingTimeoutMs = 30_000;

/** Starts it. @param hosts `127.0.0.1:port` of the replicas. */
export async function startFront(name: FrontName, hosts: readonly string[]): Promise<Front> {
  const directory = makeTemporaryDirectory('front');
  const own = `127.0.0.1:${await freePort('127.0.0.1')}`;
  const program = await (name === 'nginx' ? startNginx : startHaproxy)(directory, own, hosts);
  await untilServing(`http://${own}/livez`);
  return {
    url: `http://${own}`,
    output: () => program.stdout() + program.stderr(),
    async stop() {
      await program.end('SIGTERM');
    },
  };
}

async function untilServing(url: string): Promise<void> {
  const endMs = performance.now() + servingTimeoutMs;
  while ((await fetch(url).catch(() => undefined))?.status !== 200) {
    if (performance.now() > endMs) throw new Error('The balancer forwards nothing.');
    await pause(50);
  }
}

/** Keeps connections to the replicas open, and repeats on another one what the first did not get; never a POST that was sent. */
function startNginx(directory: string, own: string, hosts: readonly string[]) {
  const file = join(directory, 'nginx.conf');
  mkdirSync(join(directory, 'own'));
  const kinds = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  writeFileSync(
    file,
    `
    daemon off;
    master_process off;
    pid ${directory}/nginx.pid;
    error_log stderr notice;
    events {}
    http {
      ${kinds.map((kind) => `${kind}_temp_path ${directory}/own/${kind};`).join('\n')}
      access_log off;
      upstream regway {
        ${hosts.map((host) => `server ${host} max_fails=1 fail_timeout=1s;`).join('\n')}
        keepalive 16;
      }
      server {
        listen ${own};
        location / {
          proxy_pass http://regway;
          proxy_http_version 1.1;
          proxy_set_header Connection "";
          proxy_set_header Host $http_host;
          proxy_buffering off;
          proxy_read_timeout 120s;
        }
      }
    }`,
  );
  return startProgram({
    command: nginxProgram,
    args: ['-p', directory, '-e', 'stderr', '-c', file],
    ready: [/using the "epoll" event method/],
  });
}

/** Takes a replica out when it says that it is not ready, also late on a busy machine; repeats only what could not be connected. */
function startHaproxy(directory: string, own: string, hosts: readonly string[]) {
  const file = join(directory, 'haproxy.cfg');
  writeFileSync(
    file,
    `
global
  log stdout format raw local0
defaults
  mode http
  log global
  timeout connect 2s
  timeout client 120s
  timeout server 120s
  option redispatch 1
  retries 3
  http-reuse safe
frontend own
  bind ${own}
  default_backend regway
backend regway
  balance roundrobin
  option httpchk GET /readyz
  timeout check 10s
  default-server check inter 500ms fall 1 rise 1
${hosts.map((host, index) => `  server replica-${index} ${host}`).join('\n')}
`,
  );
  return startProgram({
    command: '/usr/sbin/haproxy',
    args: ['-db', '-V', '-f', file],
    ready: [/Using epoll/],
  });
}
