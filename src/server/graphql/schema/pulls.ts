// Pulls: which credential a pull of an image uses (the entity ContainerImage), upstream tokens, and client configuration files.

import { type PullConfig, type PullConfigFormat, pullConfigFormats } from '../../../core/pulls/client-config.ts';
import { type PullTokenLines, pullTokenLines } from '../../../core/pulls/upstream-token.ts';
import { type ImageExplanation, type MatchCandidate, maxCandidates } from '../../../core/registries/explain.ts';
import { accountDescription, builder, entriesAtMost, errorsField, rowsAtMost } from './builder.ts';
import { type Payload, payloadOf, RegistryErrorType } from './payload.ts';
import { RegistryNode } from './registry.ts';
import { enumValues } from './validation.ts';

const MatchCandidateType = builder.objectRef<MatchCandidate>('MatchCandidate').implement({
  description: 'A registry on the same host, and why it is or is not used.',
  fields: (t) => ({
    registry: t.expose('registry', { type: RegistryNode, description: 'The candidate registry.' }),
    matched: t.exposeBoolean('matched', { description: 'Whether the registry pattern covers the image.' }),
    reason: t.exposeString('reason', { description: 'A human-readable sentence: why the registry is or is not used.' }),
  }),
});

/** The GraphQL type of an image explanation. */
export const ContainerImageType = builder.objectRef<ImageExplanation>('ContainerImage').implement({
  description: 'A container image and the registry credential that a pull of it would use.',
  fields: (t) => ({
    reference: t.exposeID('reference', {
      description: 'The canonical reference, such as `docker.io/library/ubuntu:22.04`.',
    }),
    host: t.exposeString('host', { description: 'The host: `host[:port]`.' }),
    repository: t.exposeString('repository', { description: 'The repository, such as `library/ubuntu`.' }),
    tag: t.exposeString('tag', {
      nullable: true,
      description: 'The tag; null if the reference has none. Without a tag or digest, clients pull `latest`.',
    }),
    digest: t.exposeString('digest', { nullable: true, description: 'The digest; null if the reference has none.' }),
    registry: t.expose('registry', {
      type: RegistryNode,
      nullable: true,
      description:
        'The registry whose credential a pull uses: the most specific one that covers the image. Null if the pull is anonymous.',
    }),
    candidates: t.field({
      type: [MatchCandidateType],
      extensions: rowsAtMost(maxCandidates),
      description:
        'The registries on this host that you have access to, most specific first, each with the reason. At most 40. Computed only when selected.',
      resolve: (image) => image.candidates(),
    }),
  }),
});

builder.queryField('image', (t) =>
  t.field({
    type: ContainerImageType,
    description:
      'Shows which registry credential a pull of this image would use, and why, without pulling. An invalid reference fails with INVALID_REFERENCE.',
    args: {
      reference: t.arg.string({
        required: true,
        description:
          'The image reference, as `docker pull` accepts it: `ubuntu`, `ghcr.io/anchore/grype:v0.90`, or `quay.io/a/b@sha256:…`.',
      }),
      account: t.arg.string({ description: accountDescription }),
    },
    resolve: (_root, args, { registries, caller }) => registries.image(caller, args),
  }),
);

const PullTokenLinesType = builder.objectRef<PullTokenLines>('PullTokenLines').implement({
  description: 'The upstream token in command lines for a POSIX shell. Each line contains the token.',
  fields: (t) => ({
    trivy: t.exposeString('trivy', { description: 'For Trivy: `TRIVY_REGISTRY_TOKEN=… trivy image …`.' }),
    syft: t.exposeString('syft', { description: 'For Syft: `SYFT_REGISTRY_AUTH_TOKEN=… syft registry:…`.' }),
    skopeo: t.exposeString('skopeo', {
      description:
        'For skopeo: `skopeo copy --src-registry-token=… docker://… …`. Other users of the machine can see the token while the command runs.',
    }),
  }),
});

const CreatePullTokenPayload = builder.objectRef<Payload>('CreatePullTokenPayload').implement({
  description: 'The payload of `createPullToken`.',
  fields: (t) => ({
    token: t.string({
      nullable: true,
      description:
        'A Bearer token of the upstream registry for this repository and the action `pull`; null on failure. Anyone who has it can pull until it expires.',
      resolve: ({ pullToken }) => pullToken?.token.reveal() ?? null,
    }),
    expiresAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When the token expires at the registry; null on failure.',
      resolve: ({ pullToken }) => pullToken?.expiresAt ?? null,
    }),
    lines: t.field({
      type: PullTokenLinesType,
      nullable: true,
      description: 'Command lines for clients that accept such a token; null on failure.',
      resolve: ({ pullToken }) => (pullToken === undefined || pullToken === null ? null : pullTokenLines(pullToken)),
    }),
    errors: t.expose('errors', { type: [RegistryErrorType], ...errorsField }),
  }),
});

builder.mutationField('createPullToken', (t) =>
  t.field({
    type: CreatePullTokenPayload,
    description:
      'Issues a short-lived upstream token for pulling one repository, using the credential that a pull of the image would use. The password stays on the server. A registry that accepts only a username and password, or requires no login, has no tokens (UPSTREAM_FAILED, reason NO_TOKENS); pull through Regway instead.',
    args: {
      image: t.arg.string({
        required: true,
        description: 'The image reference, as `docker pull` accepts it, such as `ghcr.io/anchore/grype:v0.90`.',
      }),
      account: t.arg.string({ description: accountDescription }),
    },
    resolve: (_root, args, { upstreamTokens, caller }) =>
      payloadOf(async () => ({ pullToken: await upstreamTokens.create(caller, args) }), imageArgument),
  }),
);

/** Maps the field path of a problem: the use case calls the argument `image` its reference. */
function imageArgument(field: readonly string[] | undefined): readonly string[] | undefined {
  return field?.[0] === 'reference' ? ['image', ...field.slice(1)] : field;
}

const formatDescriptions: Readonly<Record<PullConfigFormat, string>> = {
  DOCKER_CONFIG:
    "Docker's `config.json`. Images are then named `<this server>/<host>/<repository>`, with a port written as `host_5000`.",
  AUTH_JSON:
    'The `auth.json` of podman, skopeo, buildah, and CRI-O. Images are named as for Docker, or rewritten by PODMAN_REGISTRIES_CONF.',
  KUBERNETES_SECRET: 'A Kubernetes Secret of type `kubernetes.io/dockerconfigjson`, for `imagePullSecrets`.',
  CONTAINERD_HOSTS_TOML:
    "containerd's `hosts.toml` for one host, or for all hosts if `hosts` is omitted. Image names do not change.",
  PODMAN_REGISTRIES_CONF:
    'The `registries.conf` of podman, skopeo, buildah, and CRI-O, for the given hosts. Image names do not change. Requires AUTH_JSON as well.',
};

const PullConfigFormatEnum = builder.enumType('PullConfigFormat', {
  description: 'The format of a client configuration file.',
  values: enumValues(pullConfigFormats, formatDescriptions),
});

const PullConfigType = builder.objectRef<PullConfig>('PullConfig').implement({
  description: 'A configuration file that makes a client pull through Regway.',
  fields: (t) => ({
    fileName: t.exposeString('fileName', {
      description:
        "The usual file name, relative to the client's configuration directory, such as `config.json` or `docker.io/hosts.toml`.",
    }),
    mediaType: t.exposeString('mediaType', {
      description: 'The media type: `application/json` or `application/toml`.',
    }),
    content: t.string({
      description: 'The content of the file. As secret as the token in it.',
      resolve: ({ content }) => content.reveal(),
    }),
    warnings: t.field({
      type: ['String'],
      extensions: entriesAtMost(10),
      description: 'Remaining setup steps and security caveats.',
      resolve: ({ warnings }) => warnings,
    }),
  }),
});

builder.queryField('pullConfig', (t) =>
  t.field({
    type: PullConfigType,
    description:
      'Generates a configuration file that makes a client pull through Regway. It contains an API token, never the password of a registry. No token is created: pass one, or replace the placeholder in the file yourself. Regway stores only hashes of tokens, so it cannot show an existing one.',
    args: {
      format: t.arg({ type: PullConfigFormatEnum, required: true, description: 'The format of the file.' }),
      hosts: t.arg.stringList({
        description:
          'The hosts whose images are pulled through Regway, as `host[:port]`. Used only by CONTAINERD_HOSTS_TOML and PODMAN_REGISTRIES_CONF.',
      }),
      token: t.arg({
        type: 'Secret',
        description:
          'The API token (`rgw_…`) to put into the file, preferably one with the role PULL. Send it in a variable, by POST. Defaults to a placeholder.',
      }),
    },
    resolve: (_root, args, { clientConfigs, caller }) => clientConfigs.create(caller, args),
  }),
);
