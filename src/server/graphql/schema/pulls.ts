// Which credential would a pull of an image use, and why: the federation entity ContainerImage.

import type { ImageExplanation, MatchCandidate } from '../../../core/registries/registries.ts';
import { builder } from './builder.ts';
import { accountDescription } from './descriptions.ts';
import { RegistryNode } from './registry.ts';

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
