// Debian's docker-registry on loopback, in every form that a team meets: open, htpasswd, TLS with a private authority, token.

import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createCertificateAuthority, selfSigned } from './certificates.ts';
import type { CertificateAuthority, KeyPair } from './certificates.ts';
import { startProgram } from './child-process.ts';
import { pushImage, writeImage } from './images.ts';
import { startTokenServer, tokenIssuer, tokenService } from './token-server.ts';
import type { TokenServer, TokenUser } from './token-server.ts';
import { makeTemporaryDirectory } from '../../support/temporary/directory.ts';

export interface RealRegistry {
  /** `127.0.0.1:port`. */
  readonly host: string;
  /** All that docker-registry printed, its access log included. */
  log(): string;
  stop(): Promise<void>;
}

/** A registry with htpasswd. */
export interface PasswordRegistry extends RealRegistry {
  /** Rewrites the file of passwords; the registry reads it again at the next login. */
  setUsers(users: readonly Login[]): void;
}

export interface Login {
  readonly username: string;
  readonly password: string;
}

export interface RegistryOptions {
  /** Plain HTTP without it. */
  readonly tls?: KeyPair | undefined;
  /** The authentication in docker-registry's configuration. Omit it for no login. */
  readonly auth?: object | undefined;
  /** The address that clients are redirected to for blobs. If omitted, the registry serves them itself. */
  readonly storageUrl?: string | undefined;
}

export interface RealRegistries {
  /** Plain HTTP, no login. */
  readonly open: RealRegistry;
  /** Plain HTTP, htpasswd. */
  readonly basic: RealRegistry;
  /** TLS by the private authority, htpasswd. */
  readonly tls: RealRegistry;
  /** TLS by the private authority, token authentication at `tokenServer`. */
  readonly token: RealRegistry;
  /** On 127.0.0.2, its certificate from the same authority. */
  readonly tokenServer: TokenServer;
  readonly authority: CertificateAuthority;
  stop(): Promise<void>;
}

/** Known to every registry with a login; in the token registry the rights are on `team-a/`. */
export const alice = { username: 'alice', password: 'correct:horse "bättery" /+%' } as const;
/** A user of only the token registry, who may pull only from `team-b/`. */
export const bob = { username: 'bob', password: 'bobs-own-password' } as const;
/** An image that alice can pull is pushed here, in every registry. */
export const pushedRepository = 'team-a/app';

const tokenUsers: Record<string, TokenUser> = {
  [alice.username]: { password: alice.password, rights: { 'team-a/': ['pull', 'push'] } },
  [bob.username]: { password: bob.password, rights: { 'team-b/': ['pull'] } },
};

/** Starts all four registries and pushes one image to each. */
export async function startRegistries(): Promise<RealRegistries> {
  const directory = makeTemporaryDirectory('registries');
  const authority = createCertificateAuthority(directory);
  const tls = authority.issue('127.0.0.1');
  const signing = selfSigned(directory, 'token-signing');
  const tokenServer = await startTokenServer({
    address: '127.0.0.2',
    tls: authority.issue('127.0.0.2'),
    signing,
    users: tokenUsers,
  });
  const [open, basic, secure, token] = await Promise.all([
    startRegistry(directory, 'open', {}),
    startPasswordRegistry(directory, 'basic', [alice]),
    startPasswordRegistry(directory, 'tls', [alice], { tls }),
    startRegistry(directory, 'token', {
      tls,
      auth: {
        token: {
          realm: tokenServer.realm,
          service: tokenService,
          issuer: tokenIssuer,
          rootcertbundle: signing.certificateFile,
        },
      },
    }),
  ]);
  await pushEverywhere(directory, authority, { open, basic, secure, token });
  const stop = async () => {
    await Promise.all([open, basic, secure, token, tokenServer].map((server) => server.stop()));
  };
  return { open, basic, tls: secure, token, tokenServer, authority, stop };
}

/** Starts one registry with htpasswd over plain HTTP, in a folder of its own. */
export async function startBasicRegistry(users: readonly Login[]): Promise<PasswordRegistry> {
  const directory = makeTemporaryDirectory('registry');
  const registry = await startPasswordRegistry(directory, 'basic', users);
  const stop = async () => {
    await registry.stop();
  };
  return { ...registry, stop };
}

/** Starts a registry with htpasswd that lives in the folder. */
export async function startPasswordRegistry(
  directory: string,
  name: string,
  users: readonly Login[],
  options: Omit<RegistryOptions, 'auth'> = {},
): Promise<PasswordRegistry> {
  const path = join(directory, `${name}.htpasswd`);
  const setUsers = (logins: readonly Login[]): void => {
    const lines = logins.map(({ username, password }) =>
      execFileSync('htpasswd', ['-Bbn', username, password], { encoding: 'utf8' }),
    );
    // In one step: the registry would keep half a file until the next change.
    writeFileSync(`${path}.new`, lines.join(''));
    renameSync(`${path}.new`, path);
  };
  setUsers(users);
  const registry = await startRegistry(directory, name, {
    ...options,
    auth: { htpasswd: { realm: 'registry', path } },
  });
  return { ...registry, setUsers };
}

/** Starts a registry whose content and settings live in the folder. */
export async function startRegistry(
  directory: string,
  name: string,
  { tls, auth, storageUrl }: RegistryOptions,
): Promise<RealRegistry> {
  const rootdirectory = storageDirectory(directory, name);
  mkdirSync(rootdirectory, { recursive: true });
  const configuration = {
    version: '0.1',
    // Only here does the log name the user of a request that succeeded.
    log: { level: 'debug' },
    storage: { filesystem: { rootdirectory } },
    http: {
      addr: '127.0.0.1:0',
      secret: 'only-for-this-test',
      ...(tls && { tls: { certificate: tls.certificateFile, key: tls.keyFile } }),
    },
    ...(auth && { auth }),
    ...(storageUrl !== undefined && {
      middleware: { storage: [{ name: 'redirect', options: { baseurl: storageUrl } }] },
    }),
  };
  const file = join(directory, `${name}.yml`);
  writeFileSync(file, JSON.stringify(configuration)); // JSON is YAML.
  const listening = /listening on (127\.0\.0\.1:\d+)/;
  const program = await startProgram({ command: 'docker-registry', args: ['serve', file], ready: [listening] });
  const log = () => program.stdout() + program.stderr();
  return {
    host: listening.exec(log())?.[1] ?? '',
    log,
    async stop() {
      await program.end('SIGTERM');
    },
  };
}

/** Where a registry of that name in the folder keeps its content. */
export function storageDirectory(directory: string, name: string): string {
  return join(directory, name);
}

async function pushEverywhere(
  directory: string,
  { certificateDirectory }: CertificateAuthority,
  { open, basic, secure, token }: Record<'open' | 'basic' | 'secure' | 'token', RealRegistry>,
): Promise<void> {
  const layout = join(directory, 'image');
  writeImage(layout);
  const credential = `${alice.username}:${alice.password}`;
  const reference = (registry: RealRegistry) => `${registry.host}/${pushedRepository}:latest`;
  await Promise.all([
    pushImage({ layout, reference: reference(open) }),
    pushImage({ layout, reference: reference(basic), credential }),
    pushImage({ layout, reference: reference(secure), credential, certificateDirectory }),
    pushImage({ layout, reference: reference(token), credential, certificateDirectory }),
  ]);
}
