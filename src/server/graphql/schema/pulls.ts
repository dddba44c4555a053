// Which credential would a pull of an image use, and why: the federation entity ContainerImage.

import { type PullConfig, type PullConfigFormat, pullConfigFormats } from '../../../core/pulls/client-config.ts';
import { type PullTokenLines, pullTokenLines } from '../../../core/pulls/upstream-token.ts';
import type { ImageExplanation, MatchCandidate } from '../../../core/registries/explain.ts';
import { accountDescription, builder, errorsDescription } from './builder.ts';
import { type Payload, payloadOf, RegistryErrorType } from './payload.ts';
import { RegistryNode } from './registry.ts';
import { enumValues } from './validation.ts';

const MatchCandidateType = builder.objectRef<MatchCandidate>('MatchCandidate').implement({
  description: 'A registry of the same host, and why it is used or not.',
  fields: (t) => ({
    registry: t.expose('registry', { type: RegistryNode, description: 'The registry.' }),
    matched: t.exposeBoolean('matched', { description: 'Whether its text covers the image.' }),
    reason: t.exposeString('reason', { description: 'One sentence: why it is used, or why not.' }),
  }),
});

export const ContainerImageType = builder.objectRef<ImageExplanation>('ContainerImage').implement({
  description: 'A container image, and the credential that a pull of it would use.',
  fields: (t) => ({
    reference: t.exposeID('reference', { description: 'The canonical reference: `docker.io/library/ubuntu:22.04`.' }),
    host: t.exposeString('host', { description: '`host[:port]`.' }),
    repository: t.exposeString('repository', { description: '`library/ubuntu`.' }),
    tag: t.exposeString('tag', { nullable: true, description: 'The tag, when the reference has one. With neither tag nor digest a client pulls `latest`.' }),
    digest: t.exposeString('digest', { nullable: true, description: 'The digest, when the reference has one.' }),
    registry: t.expose('registry', {
      type: RegistryNode,
      nullable: true,
      description: 'The registry whose credential a pull uses: the most specific one that covers the image. Null means an anonymous pull.',
    }),
    candidates: t.field({
      type: [MatchCandidateType],
      description: 'The registries of this host that you may see, most specific first, 40 at most, each with the reason. Looked up only when you ask.',
      resolve: (image) => image.candidates(),
    }),
  }),
});

builder.queryField('image', (t) =>
  t.field({
    type: ContainerImageType,
    description: 'Which credential would a pull of this image use, and why. Nothing is pulled. An unusable reference is an error with the code INVALID_REFERENCE.',
    args: {
      reference: t.arg.string({ required: true, description: 'As `docker pull` takes it: `ubuntu`, `ghcr.io/anchore/grype:v0.90`, `quay.io/a/b@sha256:…`.' }),
      account: t.arg.string({ description: accountDescription }),
    },
    resolve: (_root, args, { registries, caller }) => registries.image(caller, args),
  }),
);

const PullTokenLinesType = builder.objectRef<PullTokenLines>('PullTokenLines').implement({
  description: 'The same token as lines for a POSIX shell. Each holds the token.',
  fields: (t) => ({
    trivy: t.exposeString('trivy', { description: '`TRIVY_REGISTRY_TOKEN=… trivy image …`.' }),
    syft: t.exposeString('syft', { description: '`SYFT_REGISTRY_AUTH_TOKEN=… syft registry:…`.' }),
    skopeo: t.exposeString('skopeo', { description: '`skopeo copy --src-registry-token=… docker://… …`. Other users of the machine can see it while it runs.' }),
  }),
});

const CreatePullTokenPayload = builder.objectRef<Payload>('CreatePullTokenPayload').implement({
  description: 'What came of it.',
  fields: (t) => ({
    token: t.string({
      nullable: true,
      description: 'A Bearer token of the registry itself, for this repository and the action `pull`. Whoever has it can pull until it expires; null when there is none.',
      resolve: ({ pullToken }) => pullToken?.token.reveal() ?? null,
    }),
    expiresAt: t.field({ type: 'DateTime', nullable: true, description: 'When the registry stops taking it.', resolve: ({ pullToken }) => pullToken?.expiresAt ?? null }),
    lines: t.field({
      type: PullTokenLinesType,
      nullable: true,
      description: 'Ready-made lines for clients that take such a token.',
      resolve: ({ pullToken }) => (pullToken === undefined || pullToken === null ? null : pullTokenLines(pullToken)),
    }),
    errors: t.expose('errors', { type: [RegistryErrorType], description: errorsDescription }),
  }),
});

builder.mutationField('createPullToken', (t) =>
  t.field({
    type: CreatePullTokenPayload,
    description:
      'Gets a short-lived token of the registry for one repository, with the credential that a pull of the image uses; the password stays here. A registry that takes a user name and password alone, or no login, has none (UPSTREAM_FAILED, reason NO_TOKENS): pull through this server then.',
    args: {
      image: t.arg.string({ required: true, description: 'As `docker pull` takes it: `ghcr.io/anchore/grype:v0.90`.' }),
      account: t.arg.string({ description: accountDescription }),
    },
    resolve: (_root, args, { pullTokens, caller }) => payloadOf(async () => ({ pullToken: await pullTokens.create(caller, args) }), imageArgument),
  }),
);

/** The domain calls the text of an image its reference, wherever it stands. */
function imageArgument(field: readonly string[] | undefined): readonly string[] | undefined {
  return field?.[0] === 'reference' ? ['image', ...field.slice(1)] : field;
}

const formatDescriptions: Readonly<Record<PullConfigFormat, string>> = {
  DOCKER_CONFIG: "Docker's `config.json`. Images are then named `<this server>/<host>/<repository>`, a port as `host_5000`.",
  AUTH_JSON: 'The `auth.json` of podman, skopeo, buildah and CRI-O. Names as for Docker, or rewritten by PODMAN_REGISTRIES_CONF.',
  KUBERNETES_SECRET: 'A Secret of the type `kubernetes.io/dockerconfigjson`, for `imagePullSecrets`.',
  CONTAINERD_HOSTS_TOML: "containerd's `hosts.toml` for one host, or for all of them when none is named. Image names stay as they are.",
  PODMAN_REGISTRIES_CONF: 'The `registries.conf` of podman, skopeo, buildah and CRI-O, for the named hosts. Image names stay as they are. It needs AUTH_JSON too.',
};

const PullConfigFormatEnum = builder.enumType('PullConfigFormat', {
  description: 'Whose configuration file it is.',
  values: enumValues(pullConfigFormats, formatDescriptions),
});

const PullConfigType = builder.objectRef<PullConfig>('PullConfig').implement({
  description: 'A configuration file that makes a client pull through this server.',
  fields: (t) => ({
    fileName: t.exposeString('fileName', { description: "Its usual name, below the client's own folder: `config.json`, `docker.io/hosts.toml`." }),
    mediaType: t.exposeString('mediaType', { description: '`application/json` or `application/toml`.' }),
    content: t.string({ description: 'The whole file. As secret as the token in it.', resolve: ({ content }) => content.reveal() }),
    warnings: t.field({ type: ['String'], description: 'What is left to do, and what protects nothing.', resolve: ({ warnings }) => warnings }),
  }),
});

builder.queryField('pullConfig', (t) =>
  t.field({
    type: PullConfigType,
    description:
      'A configuration file that makes a client pull through this server, with an API token of this server as its login and never the password of a registry. No token is made: give one, or put it in the place of the placeholder yourself (only hashes of tokens are kept, so none can be shown again).',
    args: {
      format: t.arg({ type: PullConfigFormatEnum, required: true, description: 'Whose configuration file it is.' }),
      hosts: t.arg.stringList({ description: 'Registries whose images are pulled through this server, as `host[:port]`. Of use to the formats that rewrite image names.' }),
      token: t.arg({ type: 'Secret', description: 'An API token of this server (`rgw_…`) to put in, best with the role PULL. Send it in a variable, by POST.' }),
    },
    resolve: (_root, args, { pullConfigs, caller }) => pullConfigs.create(caller, args),
  }),
);
