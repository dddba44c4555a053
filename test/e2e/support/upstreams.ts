// The four kinds of registry that pulls go to: htpasswd over plain HTTP, token server on another origin, TLS, and blobs kept elsewhere.

import { createCertificateAuthority, selfSigned } from './certificates.ts';
import type { CertificateAuthority } from './certificates.ts';
import { pushImage } from './images.ts';
import type { ImageLayout } from './images.ts';
import type { RegistryInput, Settings } from './operations.ts';
import { startPasswordRegistry, startRegistry, storageDirectory } from './registries.ts';
import type { Login, PasswordRegistry, RealRegistry } from './registries.ts';
import { startStorageServer } from './storage-server.ts';
import type { StorageServer } from './storage-server.ts';
import { startTokenServer, tokenIssuer, tokenService } from './token-server.ts';
import type { TokenServer, TokenUser } from './token-server.ts';
import { makeTemporaryDirectory } from '../../support/temporary/directory.ts';

export const upstreamNames = ['basic', 'token', 'tls', 'redirect'] as const;
export type UpstreamName = (typeof upstreamNames)[number];

/** A user of every upstream. The rights count where tokens are used; htpasswd knows none. */
export type UpstreamUser = Login & Pick<TokenUser, 'rights'>;

export interface Upstreams {
  /** Plain HTTP, htpasswd. */
  readonly basic: PasswordRegistry;
  /** TLS by the private authority, token authentication at `tokenServer`. */
  readonly token: RealRegistry;
  /** TLS by the private authority, htpasswd. */
  readonly tls: PasswordRegistry;
  /** As `tls`, and every blob is at `storage`. */
  readonly redirect: PasswordRegistry;
  /** On 127.0.0.2, with TLS. */
  readonly tokenServer: TokenServer;
  /** On 127.0.0.3, with TLS. */
  readonly storage: StorageServer;
  readonly authority: CertificateAuthority;
  /** A temporary directory. */
  readonly directory: string;
  /** Pushes to the repository of every upstream, tag `latest`. */
  push(image: ImageLayout, repository: string): Promise<void>;
  /** Returns the input of createRegistry for a user's credential on an upstream, or on a part of it such as `/team-a/*`. */
  input(name: UpstreamName, login: Login, path?: string): RegistryInput;
  /** Replaces the users of every upstream. */
  setUsers(users: readonly UpstreamUser[]): void;
  /** Verification is on wherever there is TLS. */
  settings(name: UpstreamName): Settings;
  stop(): Promise<void>;
}

/** May push anything anywhere; no test stores it in Regway. */
export const pusher: UpstreamUser = {
  username: 'pusher',
  password: 'pushes-everything',
  rights: { '': ['pull', 'push'] },
};

/** Starts the four upstreams and their token server and storage, each with the users. */
export async function startUpstreams(users: readonly UpstreamUser[]): Promise<Upstreams> {
  const directory = makeTemporaryDirectory('upstreams');
  const authority = createCertificateAuthority(directory);
  const tls = authority.issue('127.0.0.1');
  const signing = selfSigned(directory, 'token-signing');
  const withPusher = (more: readonly UpstreamUser[]) => [...more, pusher];
  const byName = (all: readonly UpstreamUser[]) => Object.fromEntries(all.map((user) => [user.username, user]));
  const logins = withPusher(users);
  const [tokenServer, storage] = await Promise.all([
    startTokenServer({ address: '127.0.0.2', tls: authority.issue('127.0.0.2'), signing, users: byName(logins) }),
    startStorageServer({
      address: '127.0.0.3',
      tls: authority.issue('127.0.0.3'),
      directory: storageDirectory(directory, 'redirect'),
    }),
  ]);
  const tokenAuth = {
    token: {
      realm: tokenServer.realm,
      service: tokenService,
      issuer: tokenIssuer,
      rootcertbundle: signing.certificateFile,
    },
  };
  const [basic, token, secure, redirect] = await Promise.all([
    startPasswordRegistry(directory, 'basic', logins),
    startRegistry(directory, 'token', { tls, auth: tokenAuth }),
    startPasswordRegistry(directory, 'tls', logins, { tls }),
    startPasswordRegistry(directory, 'redirect', logins, { tls, storageUrl: storage.url }),
  ]);
  const registries = { basic, token, tls: secure, redirect };
  return {
    ...registries,
    tokenServer,
    storage,
    authority,
    directory,
    push: (image, repository) => pushTo(registries, authority, image, repository),
    input: (name, { username, password }, path = '') => ({
      registry: registries[name].host + path,
      username,
      password,
      ...(name === 'token' && { trustedRealm: tokenServer.host }),
    }),
    setUsers(replacement) {
      [basic, secure, redirect].forEach((registry) => registry.setUsers(withPusher(replacement)));
      tokenServer.setUsers(byName(withPusher(replacement)));
    },
    settings: (name) => ({ secureConnection: name !== 'basic' }),
    async stop() {
      await Promise.all([...Object.values(registries), tokenServer, storage].map((server) => server.stop()));
    },
  };
}

async function pushTo(
  registries: Readonly<Record<UpstreamName, RealRegistry>>,
  { certificateDirectory }: CertificateAuthority,
  { layout }: ImageLayout,
  repository: string,
): Promise<void> {
  const credential = `${pusher.username}:${pusher.password}`;
  await Promise.all(
    upstreamNames.map((name) =>
      pushImage({
        layout,
        reference: `${registries[name].host}/${repository}:latest`,
        credential,
        ...(name !== 'basic' && { certificateDirectory }),
      }),
    ),
  );
}
